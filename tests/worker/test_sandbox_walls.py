"""The walls around a job, at every level that has walls, as this user and (when root) as an ordinary one."""

import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.worker.runtime_kit import WALLED, packages
from tests.worker.walls import SECRET, find_breaches
from workers.sandbox import Level, base_interpreter

ORDINARY_USER = 65533
ROOT = Path(__file__).parents[2]


@pytest.fixture
def secret_dir(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A data directory as the platform has one, and a worker with a secret in its environment."""
    monkeypatch.setenv("DATABASE_PASSWORD", SECRET)
    directory = Path(tempfile.mkdtemp(prefix="wm-data-"))
    (directory / "key").write_text(SECRET)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def jobs_root() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="wm-jobs-"))
    directory.chmod(0o711)
    yield directory
    shutil.rmtree(directory)


@pytest.mark.parametrize("level", WALLED)
async def test_walls_stand(level: Level, secret_dir: Path, jobs_root: Path) -> None:  # SEC-B15
    assert await find_breaches(level, jobs_root, secret_dir, packages()) == {}


async def test_the_probe_sees_what_is_open(secret_dir: Path, jobs_root: Path) -> None:
    """Without walls the same probe must report: else it proves nothing."""
    seen = await find_breaches(Level.OFF, jobs_root, secret_dir, jobs_root)
    assert {"processes", "parent", "jobs root"} <= set(seen), seen


@pytest.mark.parametrize("level", WALLED)
def test_walls_stand_for_an_ordinary_user(level: Level, secret_dir: Path, jobs_root: Path) -> None:
    """A worker that is not root builds them in a user namespace; root stages one, others just are one."""
    python = [sys.executable]
    if os.geteuid() == 0:
        os.chown(jobs_root, ORDINARY_USER, ORDINARY_USER)
        os.chown(secret_dir, ORDINARY_USER, ORDINARY_USER)
        python = _python_of_ordinary_user(jobs_root)
    command = [*python, "-m", "tests.worker.walls", level, jobs_root, secret_dir, packages()]
    paths = os.pathsep.join([str(ROOT), *(path for path in sys.path if path.endswith("site-packages"))])
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": paths, "DATABASE_PASSWORD": SECRET}
    done = subprocess.run(command, env=env, cwd="/", capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {}


def _python_of_ordinary_user(jobs_root: Path) -> list[str]:
    """This interpreter may lie below root's closed home: open the way to it, in mounts of the test's own."""
    prefix = base_interpreter().parent.parent
    closed = next((parent for parent in reversed(prefix.parents) if not parent.stat().st_mode & stat.S_IXOTH), None)
    opening = (
        'mount --bind "$prefix" "$aside" && mount -t tmpfs -o mode=755 none "$closed" && mkdir -p "$prefix" && '
        'mount --bind "$aside" "$prefix" && '
    )
    aside = jobs_root / "python"
    aside.mkdir()
    names = f'prefix="{prefix}" aside="{aside}" closed="{closed}"; '
    script = names + (opening if closed else "") + 'exec setpriv "$@"'
    user = ["--reuid", str(ORDINARY_USER), "--regid", str(ORDINARY_USER), "--clear-groups"]
    return ["unshare", "-m", "sh", "-c", script, "sh", *user, str(base_interpreter())]
