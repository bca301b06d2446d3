"""Memory and process limits of a job: by a cgroup (`cgroups.py`) where one may be made, else by this watchdog."""

import asyncio
import contextlib
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from workers.sandbox import Jail, Level

_KERNEL = tuple(int(number) for number in re.findall(r"\d+", os.uname().release)[:2])
_PAGE_KB = os.sysconf("SC_PAGE_SIZE") // 1024
WATCH_INTERVAL_S = 0.1


class JobLimits(Protocol):
    """The limits of one child. `procs_fds` are opened cgroup.procs files that it enters by itself."""

    procs_fds: tuple[int, ...]

    def apply(self, memory_bytes: int, max_processes: int) -> None: ...
    def oom_killed(self) -> bool: ...
    def peak_kb(self) -> int: ...
    def close(self) -> None: ...


class Limiter(Protocol):
    """Makes the limits of a child before the child exists."""

    kind: Literal["v2", "v1"]

    def open(self, slot: int) -> JobLimits: ...


def process_limit(jail: Jail, wanted: int) -> int:
    """The RLIMIT_NPROC that lets a job have `wanted` processes.

    Since Linux 5.14 each user namespace counts its own. Without one, or before, all processes of the user count.
    """
    if jail.level is not Level.OFF and _KERNEL >= (5, 14):
        return wanted
    uid = jail.uid if jail.drops_user else os.geteuid()
    others = 0
    for path in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            others += path.name.isdigit() and path.stat().st_uid == uid
    return wanted + others


@dataclass
class Watched:
    """A running job under watch."""

    init_pid: Callable[[], int | None]
    memory_bytes: int
    max_processes: int
    on_excess: Callable[[str], None]  # called once, with "oom" or "processes"
    peak_kb: int = 0
    done: bool = False


class Watchdog:
    """Looks at the processes of every watched job ten times a second, while there is one."""

    def __init__(self) -> None:
        self._watched: set[int] = set()
        self._jobs: dict[int, Watched] = {}
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, job: Watched) -> None:
        self._jobs[id(job)] = job
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(WATCH_INTERVAL_S, self._tick)

    def drop(self, job: Watched) -> None:
        self._jobs.pop(id(job), None)
        if not self._jobs and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        for job in list(self._jobs.values()):
            pid = job.init_pid()
            if pid is not None and not job.done:
                _inspect(job, list_tree(pid))
        self._timer = asyncio.get_running_loop().call_later(WATCH_INTERVAL_S, self._tick) if self._jobs else None


def _inspect(job: Watched, pids: list[int]) -> None:
    used_kb = sum(_private_kb(pid) for pid in pids)
    if used_kb * 1024 > job.memory_bytes and len(pids) > 2:
        used_kb = sum(_proportional_kb(pid) for pid in pids)  # forks share pages: count each page once
    job.peak_kb = max(job.peak_kb, used_kb)
    if used_kb * 1024 > job.memory_bytes:
        job.done = True
        job.on_excess("oom")
    elif len(pids) > job.max_processes + 1:
        job.done = True
        job.on_excess("processes")


def list_tree(root: int) -> list[int]:
    """Process ids of `root` and everything below it."""
    found, queue = [], [root]
    while queue and len(found) < 10_000:
        pid = queue.pop()
        found.append(pid)
        with contextlib.suppress(OSError):
            for thread in Path(f"/proc/{pid}/task").iterdir():
                queue += map(int, (thread / "children").read_text().split())
    return found


def _private_kb(pid: int) -> int:
    with contextlib.suppress(OSError, ValueError, IndexError):
        fields = Path(f"/proc/{pid}/statm").read_text().split()
        return (int(fields[1]) - int(fields[2])) * _PAGE_KB
    return 0


def _proportional_kb(pid: int) -> int:
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return _private_kb(pid)
