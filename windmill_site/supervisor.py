"""Keeps child processes running: starts them, starts again what dies, stops all in order, leaves nobody behind.

One thread, no callbacks: signals are blocked and waited for. Parts are ours alone, so an adopted orphan (a
grandchild whose parent died) has no business left and is killed.
"""

import contextlib
import ctypes
import logging
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from windmill_site.children import HANDLED

log = logging.getLogger(__name__)

_PR_SET_CHILD_SUBREAPER = 36
_STOPS = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
# Blocked signals arrive even where they are ignored: nohup means it, a shell's `&` (SIGINT) does not.
_IGNORED = {signal.SIGHUP} if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN else set()
_SHORTEST_S, _LONGEST_S = 0.2, 10.0
_LAST_WAIT_S = 3.0


class StopRequested(Exception):
    """Ctrl-C, SIGTERM or a closed terminal while something was being started."""


@dataclass
class Part:
    """A process to keep running. `start` forks it and gives its pid; a higher `stage` stops earlier."""

    name: str
    start: Callable[[], int]
    stage: int = 1
    patience_s: float = 5
    stop_signals: tuple[signal.Signals, signal.Signals] = (signal.SIGTERM, signal.SIGTERM)
    on_exit: Callable[[int], None] | None = None  # instead of starting it again; gets the exit status
    pid: int = 0
    started_at: float = 0
    pause_s: float = field(default=0, repr=False)
    due_at: float | None = field(default=None, repr=False)


class Supervisor:
    """The parts of one `up`. Make it before the first child and call everything from the main thread."""

    def __init__(self) -> None:
        self.parts: list[Part] = []
        signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    def add(self, part: Part) -> None:
        """Start `part` and keep it running."""
        self.parts.append(part)
        self._start(part)

    def run_once(self, start: Callable[[], int]) -> int:
        """Start a process and wait for its exit status. Raises StopRequested, the process being gone."""
        pid = start()
        while True:
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                return os.waitstatus_to_exitcode(status)
            if self._next_signal(1) in _STOPS:
                _kill(pid)
                os.waitpid(pid, 0)
                raise StopRequested

    def check_stop(self) -> None:
        """Raise StopRequested if a signal to stop has arrived; for loops that wait for something else."""
        if self._next_signal(0) in _STOPS:
            raise StopRequested

    def watch(self) -> None:
        """Keep the parts running until a signal to stop arrives."""
        while True:
            self._reap()  # before waiting: whoever waited last may have taken the signal of a death
            for part in self.parts:
                if part.due_at is not None and part.due_at <= time.monotonic():
                    self._start(part)
            if self._next_signal(self._until_due()) in _STOPS:
                return

    def stop(self) -> None:
        """Stop stage by stage, highest first; a second signal kills all at once. No child is left afterwards."""
        for part in self.parts:
            part.due_at = None
        try:
            for stage in sorted({part.stage for part in self.parts}, reverse=True):
                self._stop_parts([part for part in self.parts if part.stage == stage])
        except StopRequested:
            self._kill_all()
        self._end_strangers(set())

    def stop_part(self, part: Part) -> None:
        """Stop one part for good and forget it. Raises StopRequested if a signal comes meanwhile."""
        part.due_at = None
        self._stop_parts([part])
        self.parts.remove(part)

    def _start(self, part: Part) -> None:
        part.due_at = None
        part.started_at = time.monotonic()
        part.pid = part.start()
        log.info("part.started", extra={"part": part.name, "pid": part.pid})

    def _until_due(self) -> float:
        due = [part.due_at for part in self.parts if part.due_at is not None]
        return max(0.0, min(due) - time.monotonic()) if due else 3600.0

    def _next_signal(self, within_s: float) -> signal.Signals | None:
        arrived = signal.sigtimedwait(HANDLED - _IGNORED, within_s)
        return None if arrived is None else signal.Signals(arrived.si_signo)

    def _reap(self) -> None:
        ended = self._collect()
        for part, status in ended:
            _kill_group(part.pid)
            part.pid = 0
            if part.on_exit is not None:
                part.on_exit(status)
                continue
            lived_s = time.monotonic() - part.started_at
            part.pause_s = 0 if lived_s > _LONGEST_S else min(_LONGEST_S, max(_SHORTEST_S, part.pause_s * 2))
            part.due_at = time.monotonic() + part.pause_s
            log.warning("part.died", extra={"part": part.name, "status": status, "again_in_s": part.pause_s})
        if ended:
            self._end_strangers({part.pid for part in self.parts})

    def _collect(self) -> list[tuple[Part, int]]:
        """Reap every child that has ended; the parts among them with their exit statuses."""
        known = {part.pid: part for part in self.parts if part.pid}
        ended = []
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if not pid:
                    break
                if pid in known:
                    ended.append((known[pid], os.waitstatus_to_exitcode(status)))
        return ended

    def _stop_parts(self, parts: list[Part]) -> None:
        running = [part for part in parts if part.pid]
        due = {part.pid: time.monotonic() + part.patience_s for part in running}
        asked_again: set[int] = set()
        for part in running:
            _signal(part.pid, part.stop_signals[0])
        while running:
            running = self._wait_for(running, min(due[part.pid] for part in running))
            for part in [each for each in running if due[each.pid] <= time.monotonic()]:
                if part.pid in asked_again:
                    log.warning("part.killed", extra={"part": part.name, "pid": part.pid})
                    _kill(part.pid)
                    due[part.pid] = float("inf")
                else:
                    asked_again.add(part.pid)
                    _signal(part.pid, part.stop_signals[1])
                    due[part.pid] += _LAST_WAIT_S

    def _wait_for(self, running: list[Part], limit: float) -> list[Part]:
        """The parts still running at `limit`. Raises StopRequested at a second signal."""
        while running and (left := limit - time.monotonic()) > 0:
            for part, _status in self._collect():
                _kill_group(part.pid)
                part.pid = 0
            running = [part for part in running if part.pid]
            if running and self._next_signal(min(left, 1)) in _STOPS:
                raise StopRequested
        return running

    def _kill_all(self) -> None:
        for part in self.parts:
            if part.pid:
                # Postgres at once but in order: its second signal; the others need no farewell
                last = part.stop_signals[1]
                _signal(part.pid, last if last == signal.SIGQUIT else signal.SIGKILL)
        limit = time.monotonic() + _LAST_WAIT_S
        with contextlib.suppress(StopRequested):
            self._wait_for([part for part in self.parts if part.pid], limit)
        for part in self.parts:
            if part.pid:
                _kill(part.pid)

    def _end_strangers(self, known: set[int]) -> None:
        """Kill children we did not start: orphans that came to us when their parent died."""
        while strangers := [pid for pid in _children() if pid not in known]:
            for pid in strangers:
                _kill(pid)
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, 0)


def _children() -> list[int]:
    processes = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [pid for pid in processes if _parent_of(pid) == os.getpid()]


def _parent_of(pid: int) -> int:
    try:
        # the name in parentheses may hold anything, so count from its end: state, parent
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, ValueError, IndexError):
        return 0


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def _kill(pid: int) -> None:
    _kill_group(pid)
    _signal(pid, signal.SIGKILL)
