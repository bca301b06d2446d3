"""Several worker processes under one parent: forked, started again when they die, gone when it is."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import time
import traceback
from collections.abc import Callable

log = logging.getLogger(__name__)

_PR_SET_PDEATHSIG = 1
_SHORTEST_S, _LONGEST_S = 0.2, 10.0
_SIGNALS = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD}


class Processes:
    """`count` children that each call `run(number)`; `watch` returns when all have left after a signal."""

    def __init__(self, count: int, run: Callable[[int], None]) -> None:
        self._run = run
        self._numbers = range(count)
        self._pids: dict[int, int] = {}
        self._due: dict[int, float] = {}
        self._started: dict[int, float] = {}
        self._pauses: dict[int, float] = {}
        self._is_stopping = False

    def watch(self) -> None:
        """Keep the children running until SIGTERM or SIGINT, pass each signal on, and wait for their end."""
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        for number in self._numbers:
            self._start(number)
        while self._pids or not self._is_stopping:
            arrived = signal.sigtimedwait(_SIGNALS, self._until_due())
            if arrived is not None and arrived.si_signo != signal.SIGCHLD:
                self._is_stopping = True
                self._due.clear()
                for pid in self._pids:
                    os.kill(pid, signal.SIGTERM)
            self._reap()
            for number, at in list(self._due.items()):
                if at <= time.monotonic():
                    self._start(number)

    def _start(self, number: int) -> None:
        self._due.pop(number, None)
        self._started[number] = time.monotonic()
        parent = os.getpid()
        pid = os.fork()
        if pid:
            self._pids[pid] = number
            return
        status = 1
        try:
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            if os.getppid() != parent:
                os._exit(1)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            self._run(number)
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)

    def _until_due(self) -> float:
        return max(0.0, min(self._due.values()) - time.monotonic()) if self._due else 3600.0

    def _reap(self) -> None:
        while self._pids:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            number = self._pids.pop(pid, None)
            if number is None or self._is_stopping:
                continue
            lived_s = time.monotonic() - self._started[number]
            before_s = self._pauses.get(number, 0.0)
            pause_s = 0.0 if lived_s > _LONGEST_S else min(_LONGEST_S, max(_SHORTEST_S, before_s * 2))
            self._pauses[number] = pause_s
            self._due[number] = time.monotonic() + pause_s
            log.warning("worker.died", extra={"status": os.waitstatus_to_exitcode(status), "again_in_s": pause_s})
