"""The probe reaches what this machine allows, and names the step on machines that forbid one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from workers.probe import probe
from workers.sandbox import Jail, Level, base_interpreter, own_interpreter, server_command

ROOT = Path(__file__).parents[2]


def test_this_machine_reaches_full() -> None:
    report = probe()
    assert report.level is Level.FULL, str(report)
    assert not [step for step in report.failed if step.needed]
    assert "Sandbox level reached" in str(report)


@pytest.mark.parametrize(
    ("preparation", "level", "step", "advice"),
    [
        ("echo 0 > /proc/sys/user/max_user_namespaces;", Level.OFF, "outer jail", "user.max_user_namespaces"),
        ("mount --bind /dev/null /proc/keys;", Level.OFF, "outer jail", "systempaths=unconfined"),
        ("", Level.FULL, "", ""),
    ],
)
def test_the_step_that_fails_is_named(preparation: str, level: Level, step: str, advice: str) -> None:
    """As in a container without rights: root of a user namespace of its own."""
    outer = ["unshare", "-U", "-r", "-m", "sh", "-c", f'{preparation} exec unshare -U -r -m "$@"', "sh"]
    if "max_user" in preparation:
        outer = ["unshare", "-U", "-r", "-m", "sh", "-c", f'{preparation} exec "$@"', "sh"]
    done = subprocess.run(
        [*outer, sys.executable, "-m", "workers.probe"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert f"level reached as root: {level}" in done.stdout
    failed = [line for line in done.stdout.splitlines() if line.startswith("FAIL")]
    assert [line.split("  ")[1].strip() for line in failed] == ([step] if step else [])
    assert advice in done.stdout


def test_levels_are_ordered() -> None:
    assert Level.FULL.reaches(Level.NAMESPACES) and Level.NAMESPACES.reaches(Level.NAMESPACES)
    assert not Level.OFF.reaches(Level.NAMESPACES)


def test_hidden_directories_below_system_paths_are_covered(tmp_path: Path) -> None:
    jail = Jail(level=Level.FULL, jobs_root=tmp_path, hidden=(Path("/usr/share"), tmp_path, Path("/usr/nowhere")))
    command = server_command(jail, base_interpreter(), (), {}, 5)
    assert command[command.index("/usr/share") - 1] == "-T"
    assert str(tmp_path) not in command and "/usr/nowhere" not in command


def test_an_interpreter_for_jobs_is_found_at_every_level(tmp_path: Path) -> None:
    for level in Level:
        path = own_interpreter(Jail(level=level, jobs_root=tmp_path))
        assert os.access(path, os.X_OK)


def test_the_execution_core_stands_alone() -> None:
    """Runtimes and sandbox load no Django: they start fast and can be tried on a bare machine."""
    code = "import sys, workers.runtimes.local, workers.probe; print('django' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "False\n"
