"""The fork server: an interpreter that has imported what jobs usually need and forks one child per request.

Single-threaded, without environment, secrets or network connection of its own. Runs inside the outer jail, as pid 1
of its pid namespace: when it ends, for whatever reason, the kernel ends every job below it.
"""

import gc
import json
import os
import signal
import site
import socket
import sys

from . import kernel, mini_init, seccomp, warmth, wire


def main() -> None:
    """argv: control descriptor, settings as JSON."""
    control = socket.socket(fileno=int(sys.argv[1]))
    settings = json.loads(sys.argv[2])
    _install_site_names()
    sys.path += settings["package_dirs"]  # after the standard library, which they may not shadow
    problems = []
    if settings["preload"]:
        problems = warmth.import_usual(settings["preload"])
        warmth.share_tls_context()
    plan = _make_plan(settings)
    if not plan.namespaces:
        kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps; exit statuses come from the mini-inits
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.argv[:] = [""]
    control.send(wire.EVENT.pack(wire.READY, 0) + json.dumps(problems).encode())
    gc.disable()
    gc.collect()
    gc.freeze()
    _serve(control, plan)


def _serve(control: socket.socket, plan: mini_init.Plan) -> None:
    forks_plainly = not plan.namespaces or len(os.listdir("/proc/self/task")) > 1
    start = _fork_child if forks_plainly else _clone_child
    while True:
        message, fds = wire.receive(control, max_fds=8)
        if not message:
            break
        (slot,) = wire.PREPARE.unpack_from(message)
        directory = message[wire.PREPARE.size :].decode()
        request = mini_init.Request(slot, fds[0], fds[1], tuple(fds[2:]), directory)
        try:
            pidfd = start(plan, request, control)
            socket.send_fds(control, [wire.EVENT.pack(wire.STARTED, slot)], [pidfd])
            os.close(pidfd)
        except OSError as error:
            control.send(wire.EVENT.pack(wire.FAILED, slot) + f"new process: {error}".encode())
        for fd in fds:
            os.close(fd)
    if not plan.namespaces:
        mini_init.kill_descendants()


def _clone_child(plan: mini_init.Plan, request: mini_init.Request, control: socket.socket) -> int:
    uid, gid = os.getuid(), os.getgid()
    pid, pidfd = kernel.clone(kernel.JOB_NAMESPACES)
    if pid == 0:
        _run_child(plan, request, control, uid, gid)
    return pidfd


def _fork_child(plan: mini_init.Plan, request: mini_init.Request, control: socket.socket) -> int:
    """The slower way, for level `off` and for servers whose packages started threads (fork handlers must run)."""
    uid, gid = os.getuid(), os.getgid()
    pid = os.fork()
    if pid:
        return os.pidfd_open(pid)
    try:
        if not plan.namespaces:
            _run_child(plan, request, control, None, None)
        kernel.set_parent_death_signal(signal.SIGKILL)
        kernel.unshare(kernel.JOB_NAMESPACES)
        mini_init.map_own_ids(uid, gid)
        init = os.fork()
        if init == 0:
            _run_child(plan, request, control, None, None)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda number, _frame: os.kill(init, number))
        os.waitpid(init, 0)
    except BaseException as error:
        mini_init.report_failure(control, request.slot, error)
    finally:
        os._exit(0)


def _run_child(
    plan: mini_init.Plan, request: mini_init.Request, control: socket.socket, uid: "int | None", gid: "int | None"
) -> None:
    try:
        if uid is not None and gid is not None:
            mini_init.map_own_ids(uid, gid)
        mini_init.run(plan, request, control)
    except BaseException as error:
        mini_init.report_failure(control, request.slot, error)
    finally:
        os._exit(1)


def _make_plan(settings: dict) -> mini_init.Plan:
    if settings["language"] == "python3":
        from .python_job import run_job, set_package_dirs

        set_package_dirs(settings["package_dirs"])
    else:
        from .exec_job import run_job
    return mini_init.Plan(
        namespaces=settings["level"] != "off",
        seccomp=seccomp.build_program() if settings["level"] == "full" else b"",
        tmp_bytes=settings["tmp_bytes"],
        collects_files=settings["language"] != "python3",
        run_job=run_job,
    )


def _install_site_names() -> None:
    """`exit`, `quit`, `help` and friends, which an interpreter started without site (-S) lacks."""
    site.setquit()
    site.setcopyright()
    site.sethelper()
