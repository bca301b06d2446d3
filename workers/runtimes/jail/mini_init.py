"""From a fresh fork of the server to a sealed job process: namespaces, mounts, pid 1, capabilities, filter.

The mini-init is pid 1 of the job's world and never runs foreign code. It reaps, forwards SIGTERM and SIGINT to the
job's process group, and leaves when the job does; the kernel then kills whatever is left. Without namespaces
(level `off`) it is a subreaper that hunts its descendants down itself.
"""

import os
import resource
import signal
import socket
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass

from . import kernel, wire

MOUNTED_DIR = "/tmp"
KILL_ALL = signal.SIGUSR2  # to a mini-init without pid namespace, whose own death would free its descendants
_GIB = 1024**3


@dataclass(frozen=True)
class Plan:
    """What every child of one server has in common."""

    namespaces: bool
    seccomp: bytes  # filter program; empty: none
    tmp_bytes: int
    collects_files: bool  # hand result.json and result.out over when the job is done
    run_job: Callable[[socket.socket, str], None]  # (channel, job directory); does not return normally


@dataclass(frozen=True)
class Request:
    """One child: its number, its sockets, where its files live."""

    slot: int
    channel: int
    output: int
    cgroup_files: "tuple[int, ...]"  # open cgroup.procs files, entered before anything is forked
    directory: str  # host directory to bind as job directory; "" = private tmpfs


class _StepFailed(Exception):
    pass


def run(plan: Plan, request: Request, control: socket.socket) -> None:
    """Be the mini-init of one job; never returns."""
    try:
        _enter_world(plan, request)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        job = os.fork()
        if job == 0:
            _become_job(plan, request, control)
        os.close(request.channel)
        os.close(request.output)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda number, _frame: _forward(job, number))
        signal.signal(KILL_ALL, lambda _number, _frame: kill_descendants())
        for fd in _gather(plan, request, 0, 0)[1]:  # once without need, so that it is quick when an end waits for it
            os.close(fd)
        kernel.prctl(kernel.PR_SET_DUMPABLE, 0)  # a job must not trace or read its mini-init
        status, usage = _wait_for(job)
        _kill_the_rest(plan)
        socket.send_fds(control, *_gather(plan, request, status, usage.ru_maxrss))
    except BaseException as error:
        report_failure(control, request.slot, error)
    finally:
        os._exit(0)


def _enter_world(plan: Plan, request: Request) -> None:
    death = signal.SIGKILL if plan.namespaces else KILL_ALL
    _step("parent-death signal", kernel.set_parent_death_signal, death)
    for procs in request.cgroup_files:
        _step("cgroup", os.write, procs, b"0")
        os.close(procs)
    if not plan.namespaces:
        _step("subreaper", kernel.prctl, kernel.PR_SET_CHILD_SUBREAPER, 1)
        return
    source = f"{MOUNTED_DIR}/jobs/{request.directory}" if request.directory else ""
    _step("private mounts", kernel.mount, "none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    if source:
        _step("job directory", kernel.mount, source, MOUNTED_DIR, None, kernel.MS_BIND)
    else:
        options = f"size={plan.tmp_bytes},mode=700"
        _step("private /tmp", kernel.mount, "tmpfs", MOUNTED_DIR, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, options)
    flags = kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC
    _step("new /proc", kernel.mount, "proc", "/proc", "proc", flags)
    _step("no nested namespaces", _write, "/proc/sys/user/max_user_namespaces", "0")


def map_own_ids(uid: int, gid: int) -> None:
    """In a new user namespace: keep the ids that the server has, as the only ones."""
    _step("setgroups", _write, "/proc/self/setgroups", "deny")
    _step("uid map", _write, "/proc/self/uid_map", f"{uid} {uid} 1")
    _step("gid map", _write, "/proc/self/gid_map", f"{gid} {gid} 1")


def _become_job(plan: Plan, request: Request, control: socket.socket) -> None:
    channel = socket.socket(fileno=request.channel)
    try:
        _step("parent-death signal", kernel.set_parent_death_signal, signal.SIGKILL)
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        _lower_limit(resource.RLIMIT_NOFILE, 1024)
        _lower_limit(resource.RLIMIT_FSIZE, 2 * _GIB)
        os.umask(0o077)
        if plan.namespaces:
            _step("capabilities", kernel.drop_capabilities)
        _step("no new privileges", kernel.prctl, kernel.PR_SET_NO_NEW_PRIVS, 1)
        if plan.seccomp:
            _step("seccomp filter", kernel.load_filter, plan.seccomp)
        directory = MOUNTED_DIR if plan.namespaces else request.directory
        _step("job directory", os.chdir, directory)
        os.dup2(request.output, 1)
        os.dup2(request.output, 2)
        os.close(request.output)
        control.send(wire.EVENT.pack(wire.SEALED, request.slot))
        control.close()
    except BaseException as error:
        report_failure(control, request.slot, error)
        os._exit(1)
    try:
        plan.run_job(channel, directory)
    finally:
        os._exit(1)


def _step(name: str, function: Callable, *arguments: object) -> None:
    try:
        function(*arguments)
    except OSError as error:
        raise _StepFailed(f"{name}: {error}") from error


def report_failure(control: socket.socket, slot: int, error: BaseException) -> None:
    text = str(error) if isinstance(error, _StepFailed) else f"{type(error).__name__}: {error}"
    try:
        control.send(wire.EVENT.pack(wire.FAILED, slot) + text.encode(errors="replace")[:2000])
    except OSError:
        pass  # the worker is gone; so are we


def _write(path: str, text: str) -> None:
    fd = os.open(path, os.O_WRONLY)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)


def _lower_limit(kind: int, wanted: int) -> None:
    hard = resource.getrlimit(kind)[1]
    value = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(kind, (value, value))


def _forward(job: int, number: int) -> None:
    for send in (os.killpg, os.kill):  # the group does not exist until the job has called setsid
        try:
            send(job, number)
            return
        except ProcessLookupError:
            continue


def _wait_for(job: int) -> "tuple[int, resource.struct_rusage]":
    """Reap orphans until the job itself ends."""
    while True:
        pid, status, usage = os.wait4(-1, 0)
        if pid == job:
            return status, usage


def _kill_the_rest(plan: Plan) -> None:
    """Nothing of the job runs on, so its files stand still and its output is complete."""
    if plan.namespaces:
        try:
            os.kill(-1, signal.SIGKILL)  # everyone in this pid namespace but ourselves
        except ProcessLookupError:
            return
    else:
        kill_descendants()
    try:
        while True:
            os.wait()
    except ChildProcessError:
        return


def kill_descendants() -> None:
    """Without a pid namespace: as subreaper we inherit every orphan, so kill children until there are none."""
    for _ in range(2000):  # each round kills a generation; bounded, should one be unkillable
        children = _children()
        if not children:
            return
        for pid in children:
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass
        time.sleep(0.002)


def _children() -> "list[int]":
    me, found = str(os.getpid()), []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat") as file:
                state, parent = file.read().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if parent == me and state != "Z":
            found.append(int(name))
    return found


def _gather(plan: Plan, request: Request, status: int, peak_kb: int) -> tuple[list[bytes], list[int]]:
    """The report of the job's end: a message, and its result files as descriptors."""
    flags, fds = 0, []
    if plan.collects_files:
        directory = MOUNTED_DIR if plan.namespaces else request.directory
        for bit, name in ((wire.HAS_JSON, "result.json"), (wire.HAS_TEXT, "result.out")):
            fd = _open_result(f"{directory}/{name}")
            if fd is not None:
                flags |= bit
                fds.append(fd)
    return [wire.EVENT.pack(wire.EXITED, request.slot) + wire.EXIT.pack(status, peak_kb, flags)], fds


def _open_result(path: str) -> "int | None":
    """The result file, if it exists and is a plain, non-empty file of this directory itself."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError:
        return os.open("/dev/null", os.O_RDONLY)  # a link or unreadable: the worker sees "not a regular file"
    facts = os.fstat(fd)
    if stat.S_ISREG(facts.st_mode) and facts.st_size == 0:
        os.close(fd)
        return None
    return fd
