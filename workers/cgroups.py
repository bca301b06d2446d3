"""A cgroup for each job: memory and process limits that the kernel itself keeps. Version 2, else version 1."""

import asyncio
import contextlib
import errno
import itertools
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from workers.limits import JobLimits, Limiter

_CGROUP_ROOT = Path("/sys/fs/cgroup")
_PREFIX, _LEAF = "windmill-", "windmill-workers"


def find_limiter() -> Limiter | None:
    """The best cgroup mechanism this process may use; None means: watch the processes instead."""
    return CgroupV2.find() or CgroupV1.find()


@dataclass
class _CgroupLimits:
    """Files of one job's cgroup directories, whatever the version calls them."""

    directories: tuple[Path, ...]
    memory_limits: tuple[Path, ...]
    processes_limit: Path
    peak_file: Path
    oom_file: Path
    procs_fds: tuple[int, ...] = field(default=())
    _last: tuple[bool, int] | None = None  # what was measured before the group went

    def apply(self, memory_bytes: int, max_processes: int) -> None:
        for path in self.memory_limits:
            _write(path, str(memory_bytes))
        _write(self.processes_limit, str(max_processes + 1))  # the mini-init counts too

    def oom_killed(self) -> bool:
        return self._last[0] if self._last else self._read_oom()

    def peak_kb(self) -> int:
        return self._last[1] if self._last else self._read_peak()

    def _read_oom(self) -> bool:
        with contextlib.suppress(OSError):
            for line in self.oom_file.read_text().splitlines():
                name, _, count = line.partition(" ")
                if name == "oom_kill":
                    return int(count) > 0
        return False

    def _read_peak(self) -> int:
        with contextlib.suppress(OSError, ValueError):
            return int(self.peak_file.read_text()) // 1024
        return 0

    def close(self) -> None:
        """The job's processes are gone: so is the group."""
        self._last = (self._read_oom(), self._read_peak())
        for fd in self.procs_fds:
            os.close(fd)
        self.procs_fds = ()
        for directory in self.directories:
            _remove_group(directory)


class CgroupV1:
    """One memory and one pids group a child, below this process's own groups."""

    kind: Literal["v2", "v1"] = "v1"
    _numbers = itertools.count(1)

    def __init__(self, memory: Path, pids: Path) -> None:
        self._memory, self._pids = memory, pids
        self._swap = (memory / "memory.memsw.limit_in_bytes").exists()

    @classmethod
    def find(cls) -> "CgroupV1 | None":
        own = _own_groups()
        memory = _CGROUP_ROOT / "memory" / own.get("memory", "").lstrip("/")
        pids = _CGROUP_ROOT / "pids" / own.get("pids", "").lstrip("/")
        if "memory" not in own or "pids" not in own or not (memory / "memory.limit_in_bytes").exists():
            return None
        limiter = cls(memory, pids)
        _sweep(memory)
        _sweep(pids)
        return limiter if _works(limiter) else None

    def open(self, slot: int) -> JobLimits:
        name = f"{_PREFIX}{os.getpid()}-{next(self._numbers)}"
        memory, pids = self._memory / name, self._pids / name
        memory.mkdir()
        pids.mkdir()
        limits = [memory / "memory.limit_in_bytes"]
        if self._swap:
            limits.append(memory / "memory.memsw.limit_in_bytes")
        return _CgroupLimits(
            directories=(memory, pids),
            memory_limits=tuple(limits),
            processes_limit=pids / "pids.max",
            peak_file=memory / "memory.max_usage_in_bytes",
            oom_file=memory / "memory.oom_control",
            procs_fds=tuple(os.open(path / "cgroup.procs", os.O_WRONLY | os.O_CLOEXEC) for path in (memory, pids)),
        )


class CgroupV2:
    """One group a child below this process's own group, which must pass memory and pids on to its children."""

    kind: Literal["v2", "v1"] = "v2"
    _numbers = itertools.count(1)

    def __init__(self, parent: Path) -> None:
        self._parent = parent

    @classmethod
    def find(cls) -> "CgroupV2 | None":
        own = _own_groups()
        parent = _CGROUP_ROOT / own.get("", "").lstrip("/")
        if parent.name == _LEAF:  # an earlier worker of this host has moved us there
            parent = parent.parent
        if "" not in own or not (parent / "cgroup.controllers").exists():
            return None
        if not {"memory", "pids"} <= set((parent / "cgroup.controllers").read_text().split()):
            return None
        limiter = cls(parent)
        _sweep(parent)
        return limiter if _delegate(parent) and _works(limiter) else None

    def open(self, slot: int) -> JobLimits:
        group = self._parent / f"{_PREFIX}{os.getpid()}-{next(self._numbers)}"
        group.mkdir()
        with contextlib.suppress(OSError):
            _write(group / "memory.swap.max", "0")
        return _CgroupLimits(
            directories=(group,),
            memory_limits=(group / "memory.max",),
            processes_limit=group / "pids.max",
            peak_file=group / "memory.peak",
            oom_file=group / "memory.events",
            procs_fds=(os.open(group / "cgroup.procs", os.O_WRONLY | os.O_CLOEXEC),),
        )


def _own_groups() -> dict[str, str]:
    """This process's group by controller; "" is the unified hierarchy."""
    groups: dict[str, str] = {}
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            groups.update(dict.fromkeys(controllers.split(","), path))
    return groups


def _delegate(parent: Path) -> bool:
    """Let `parent` have children with memory and pids limits: its own processes must move into a leaf first."""
    control = parent / "cgroup.subtree_control"
    with contextlib.suppress(OSError):
        if {"memory", "pids"} <= set(control.read_text().split()):
            return True
        try:
            _write(control, "+memory +pids")
            return True
        except OSError:
            leaf = parent / _LEAF
            leaf.mkdir(exist_ok=True)
            for pid in (parent / "cgroup.procs").read_text().split():
                with contextlib.suppress(ProcessLookupError):
                    _write(leaf / "cgroup.procs", pid)
            _write(control, "+memory +pids")
            return True
    return False


def _remove_group(directory: Path, tries: int = 20) -> None:
    """A group counts its last process for a moment after its death."""
    try:
        directory.rmdir()
    except OSError as error:
        if error.errno == errno.EBUSY and tries:
            with contextlib.suppress(RuntimeError):  # no loop any more: the next worker sweeps
                asyncio.get_running_loop().call_later(0.05, _remove_group, directory, tries - 1)


def _sweep(parent: Path) -> None:
    """Remove what workers left that were killed."""
    for directory in parent.glob(f"{_PREFIX}[0-9]*"):
        pid = directory.name.removeprefix(_PREFIX).partition("-")[0]
        if not Path("/proc", pid).exists():
            with contextlib.suppress(OSError):
                directory.rmdir()


def _works(limiter: Limiter) -> bool:
    try:
        limits = limiter.open(0)
    except OSError:
        return False
    try:
        limits.apply(1024**3, 64)
        return True
    except OSError:
        return False
    finally:
        limits.close()


def _write(path: Path, text: str) -> None:
    fd = os.open(path, os.O_WRONLY)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)
