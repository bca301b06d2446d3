"""The supervisor: order of stopping, patience, a second signal, orphans."""

import itertools
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.live_site import ROOT
from tests.processes import all_gone, descendants, running
from tests.waiting import eventually

HEAD = """
import os, signal, subprocess, sys, time
from windmill_site.children import fork_call
from windmill_site.supervisor import Part, Supervisor

def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())

def until_told(name, ignores=()):
    def run():
        for number in ignores:
            signal.signal(number, signal.SIG_IGN)
        if signal.SIGTERM not in ignores:
            signal.signal(signal.SIGTERM, lambda *_: (say("end", name), os._exit(0)))
        say("ready", name)
        while True:
            signal.pause()
    return lambda: fork_call(run, None)

supervisor = Supervisor()
"""
Start = Callable[[str], subprocess.Popen[bytes]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Run a small program that uses a supervisor; its output goes to `out` in tmp_path."""
    started: list[subprocess.Popen[bytes]] = []

    def run(program: str) -> subprocess.Popen[bytes]:
        with (tmp_path / "out").open("wb") as out:
            process = subprocess.Popen(
                [sys.executable, "-c", HEAD + textwrap.dedent(program)],
                cwd=ROOT,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def said(tmp_path: Path) -> Callable[[], list[str]]:
    return lambda: (tmp_path / "out").read_text().splitlines()


def test_higher_stages_end_first(start, said):
    process = start("""
        supervisor.add(Part("base", until_told("base"), stage=1))
        supervisor.add(Part("top", until_told("top"), stage=3))
        supervisor.add(Part("middle", until_told("middle"), stage=2))
        supervisor.watch()
        supervisor.stop()
    """)
    eventually(lambda: len(said()) == 3)
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    assert said()[3:] == ["end top", "end middle", "end base"]


def test_a_part_that_does_not_listen_is_killed_after_its_time(start, said):
    process = start("""
        import windmill_site.supervisor as module
        module._LAST_WAIT_S = 0.2
        supervisor.add(Part("deaf", until_told("deaf", ignores=[signal.SIGTERM, signal.SIGINT]), patience_s=0.2))
        supervisor.watch()
        supervisor.stop()
    """)
    eventually(lambda: said() == ["ready deaf"])
    family = descendants(process.pid)
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 0
    assert all_gone(family)


def test_a_second_signal_does_not_wait(start, said):
    process = start("""
        supervisor.add(Part("deaf", until_told("deaf", ignores=[signal.SIGTERM]), patience_s=1000))
        supervisor.watch()
        say("stopping")
        supervisor.stop()
    """)
    eventually(lambda: said() == ["ready deaf"])
    family = descendants(process.pid)
    process.send_signal(signal.SIGINT)
    eventually(lambda: said()[-1] == "stopping")
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 0
    assert all_gone(family)


def test_grandchildren_that_left_their_group_go_with_the_part(start, said):
    process = start("""
        def run():
            subprocess.Popen(["sleep", "1000"], start_new_session=True)
            say("ready")
            signal.pause()
        supervisor.add(Part("parent", lambda: fork_call(run, None), on_exit=lambda status: say("left", status)))
        supervisor.watch()
        supervisor.stop()
    """)
    eventually(lambda: said() == ["ready"])
    family = descendants(process.pid)
    assert {each.name for each in family} >= {"sleep"}
    parent = next(each for each in family if each.name != "sleep")
    subprocess.run(["kill", "-9", str(parent.pid)], check=True)
    eventually(lambda: all_gone(family))
    assert "left -9" in said()
    assert process.poll() is None


def test_a_signal_while_something_starts_ends_it(start, said):
    process = start("""
        from windmill_site.supervisor import StopRequested
        try:
            supervisor.run_once(until_told("migration", ignores=[signal.SIGTERM]))
        except StopRequested:
            say("stopped")
    """)
    eventually(lambda: said() == ["ready migration"])
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    assert said()[-1] == "stopped"
    assert not [each for each in running() if each.parent == process.pid]


def test_a_part_that_keeps_dying_is_started_less_and_less_often(start, said):
    process = start("""
        supervisor.add(Part("short", lambda: fork_call(lambda: say(time.monotonic()), None)))
        supervisor.watch()
        supervisor.stop()
    """)
    starts = eventually(lambda: _numbers(said()) if len(_numbers(said())) >= 4 else None, within_s=10)
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    pauses = [later - earlier for earlier, later in itertools.pairwise(starts)]
    assert pauses[0] < pauses[1] < pauses[2]


def test_a_part_that_died_while_something_else_started_is_noticed(start, said):
    process = start("""
        supervisor.add(Part("short", lambda: fork_call(lambda: say("began"), None)))
        supervisor.run_once(lambda: fork_call(lambda: time.sleep(0.5), None))
        supervisor.watch()
        supervisor.stop()
    """)
    eventually(lambda: said().count("began") >= 2, within_s=10)
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0


def _numbers(lines: list[str]) -> list[float]:
    return [float(line) for line in lines if line[0].isdigit()]
