"""`up`: one command starts everything, and stopping it leaves nothing behind, whoever starts it."""

import os
import pwd
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.live_site import ADMIN_EMAIL, ADMIN_PASSWORD, ROOT, LiveSite, free_port
from tests.processes import all_gone, descendants, named
from tests.waiting import eventually
from windmill_site.host import needed_trees
from windmill_site.os_user import Owner, become
from windmill_site.reachable import make_reachable


@pytest.fixture
def site() -> Iterator[LiveSite]:
    """An `up` with its own embedded Postgres, not started yet."""
    site = LiveSite(database_url="", port=free_port())
    yield site
    site.stop()


@pytest.fixture(scope="module")
def running_site() -> Iterator[LiveSite]:
    """The same, running, for tests that leave it running."""
    site = LiveSite(database_url="", port=free_port())
    site.start()
    yield site
    site.stop()


def test_a_second_up_names_the_first(running_site):
    other = LiveSite(database_url="", port=free_port(), extra={"DATA_DIR": str(running_site.data_dir)})
    other.spawn()
    assert other.running.wait(30) == 1
    assert f"Another `up` (process {running_site.running.pid}) already uses" in other.output()
    assert "Traceback" not in other.output()
    assert running_site.is_ready()
    other.stop()


def test_a_taken_port_is_told_in_one_line(site):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        site.environ["PORT"] = str(port)
        site.spawn()
        assert site.running.wait(30) == 1
    assert site.output().startswith(f"Port {port} of 127.0.0.1 cannot be listened on")
    assert site.output().count("\n") == 1


@pytest.mark.parametrize("command", ["up", "dev", "check"])
def test_a_wrong_setting_is_one_line_and_no_process(command):
    done = subprocess.run(
        [sys.executable, ROOT / "manage.py", command],
        env={"PATH": os.environ["PATH"], "NUM_WORKERS": "abc"},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 2
    assert done.stderr == (
        'NUM_WORKERS is "abc"; it must be a whole number of at least 1 (slots of this host\'s worker).\n'
    )


def test_it_says_where_it_runs_and_how_to_log_in(running_site):
    eventually(lambda: f"runs at {running_site.url}" in running_site.output())
    assert "admin@example.com with ADMIN_PASSWORD" in running_site.output()


def test_without_an_admin_it_prints_a_link_that_works(site):
    del site.environ["ADMIN_EMAIL"], site.environ["ADMIN_PASSWORD"]
    site.start()
    link = eventually(lambda: next((word for word in site.output().split() if "/setup/" in word), None))
    assert link.startswith(site.url)
    assert httpx.get(link).status_code == 200


def test_ctrl_c_stops_everything_in_seconds(site):
    site.start()
    family = descendants(site.running.pid)
    assert {"wm-web", "wm-worker", "wm-chores", "postgres"} <= {each.name for each in family}
    site.running.send_signal(signal.SIGINT)
    assert site.running.wait(15) == 0
    assert all_gone(family)


def test_a_killed_up_takes_everything_with_it_and_can_start_again(site):
    site.start()
    family = descendants(site.running.pid)
    site.running.kill()
    site.running.wait()
    eventually(lambda: all_gone(family), within_s=10)
    site.start(within_s=30)


@pytest.mark.parametrize("part", ["wm-web", "wm-worker", "wm-chores", "postgres"])
def test_a_part_that_dies_is_started_again(running_site, part):
    supervisor = running_site.running.pid
    victim = named(supervisor, part)[0]
    children = descendants(victim.pid)
    os.kill(victim.pid, signal.SIGKILL)
    eventually(lambda: [each for each in named(supervisor, part) if each != victim], within_s=20)
    eventually(lambda: all_gone(children), within_s=10)
    eventually(lambda: run_bash(running_site, "echo $((6 * 7))") == "42", within_s=30)


def test_data_and_socket_are_the_owners_alone(running_site):
    for path in (running_site.data_dir, running_site.data_dir / "run", running_site.data_dir / "postgres"):
        assert path.stat().st_mode & 0o077 == 0, path
        assert path.stat().st_uid == running_site.data_dir.stat().st_uid


def test_an_ordinary_user_can_start_it(site):
    nobody = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    owner = Owner(nobody.pw_name, nobody.pw_uid, nobody.pw_gid)
    os.chown(site.data_dir, owner.uid, owner.gid)
    site.environ["HOME"] = str(site.data_dir)

    def drop() -> None:
        make_reachable(needed_trees(site.data_dir), owner)  # this test may run from a checkout only root can enter
        become(owner)

    site.spawn(before=drop)
    eventually(site.is_ready, within_s=60)
    assert {each.name for each in descendants(site.running.pid)} >= {"wm-web", "wm-worker", "postgres"}
    assert Path(f"/proc/{site.running.pid}").stat().st_uid == owner.uid
    assert run_bash(site, "id -u; echo done") == "done"


def run_bash(site: LiveSite, code: str) -> object:
    """The result of a Bash preview in the first workspace, run by the first admin."""
    with httpx.Client(base_url=f"{site.url}/api", timeout=60) as client:
        login = client.post("/auth/login", json={"email": ADMIN_EMAIL, "password": ADMIN_PASSWORD})
        assert login.status_code == 200, login.text
        client.headers["Authorization"] = f"Bearer {login.text}"
        workspaces = client.get("/workspaces/list")
        assert workspaces.status_code == 200, workspaces.text
        workspace = workspaces.json()[0]["id"]
        asked = {"language": "bash", "content": code, "args": {}}
        answer = client.post(f"/w/{workspace}/jobs/run_wait_result/preview", json=asked)
        assert answer.status_code == 200, answer.text
        return answer.json()


def test_a_database_that_does_not_answer_is_told_without_its_password(site):
    site.environ["DATABASE_URL"] = f"postgresql://windmill:hunter2@127.0.0.1:{free_port()}/windmill"
    site.spawn()
    assert site.running.wait(30) == 1
    assert "The database does not answer (connection failed" in site.output()
    assert "check DATABASE_URL" in site.output()
    assert "hunter2" not in site.output()
    assert "Traceback" not in site.output()
