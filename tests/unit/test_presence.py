"""Living and dead workers of a host are told apart by their files."""

import os
import signal
from pathlib import Path

from workers.presence import Presence, find_dead, forget


def test_a_living_worker_is_not_dead_and_one_that_left_is_forgotten(tmp_path: Path) -> None:
    presence = Presence(tmp_path, "wk-one")
    presence.directory.mkdir()
    assert find_dead(tmp_path) == []
    presence.close()
    assert list(tmp_path.iterdir()) == []


def test_a_killed_worker_is_found_and_what_it_left_removed(tmp_path: Path) -> None:
    pid = os.fork()
    if pid == 0:
        (Presence(tmp_path, "wk-one").directory / "dirs" / "job").mkdir(parents=True)
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)
    (tmp_path / "wk-one" / "dirs" / "job").chmod(0)
    assert find_dead(tmp_path) == ["wk-one"]
    forget(tmp_path, ["wk-one"])
    assert list(tmp_path.iterdir()) == []


def test_a_worker_that_leaves_jobs_is_found(tmp_path: Path) -> None:
    Presence(tmp_path, "wk-one").close(leaves_jobs=True)
    assert find_dead(tmp_path) == ["wk-one"]


def test_job_files_stay_when_they_are_wanted(tmp_path: Path) -> None:
    presence = Presence(tmp_path, "wk-one")
    presence.directory.mkdir()
    presence.close(keeps_files=True)
    assert [path.name for path in tmp_path.iterdir()] == ["wk-one"]
