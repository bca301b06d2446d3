"""Child processes that die with their parent: a forked function, or another program."""

import ctypes
import os
import signal
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from windmill_site.os_user import Owner, become

_PR_SET_PDEATHSIG, _PR_SET_NAME = 1, 15
_libc = ctypes.CDLL(None, use_errno=True)
HANDLED = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD}  # the supervisor waits for these


def fork_call(run: Callable[[], object], owner: Owner | None) -> int:
    """Fork; the child becomes `owner` (None: stays who it is), calls `run` and leaves. Its pid comes back.

    The child leads a process group of its own. An exception in `run` is printed and makes the exit status 1.
    """
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        _settle(parent, owner, death_signal=signal.SIGKILL)
        run()
        status = 0
    except SystemExit as leaving:
        status = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def fork_exec(
    command: Sequence[str],
    owner: Owner,
    *,
    log: Path | None = None,
    environ: Mapping[str, str] | None = None,
    death_signal: signal.Signals = signal.SIGKILL,
) -> int:
    """Fork; the child becomes `owner` and turns into `command`, writing to `log` if given. Its pid comes back."""
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    try:
        _settle(parent, owner, death_signal=death_signal)
        if log is not None:
            _write_to(log)
        os.execve(command[0], list(command), dict(os.environ if environ is None else environ))  # noqa: S606 (no shell is the point)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(127)


def die_with_parent(death_signal: signal.Signals, parent: int) -> None:
    """Have the kernel send us `death_signal` when `parent`, which made us, is gone.

    A change of user clears the request, so it comes after that; a parent gone by now kills us at once.
    """
    _libc.prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def name_this_process(name: str) -> None:
    """Show `name` (at most 15 bytes) for this process in `ps` and `top`."""
    _libc.prctl(_PR_SET_NAME, name.encode()[:15], 0, 0, 0)


def pass_on_death() -> None:
    """Make every process this one forks from Python die with its own parent, and theirs with them."""
    os.register_at_fork(after_in_child=lambda: die_with_parent(signal.SIGKILL, os.getppid()))


def _settle(parent: int, owner: Owner | None, *, death_signal: signal.Signals) -> None:
    os.setpgid(0, 0)  # Ctrl-C in the terminal reaches the supervisor alone, which stops its parts in order
    for number in HANDLED:
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED)
    if owner is not None:
        become(owner)
    die_with_parent(death_signal, parent)


def _write_to(log: Path) -> None:
    fd = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(fd, 1)
    os.dup2(fd, 2)
    os.close(fd)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
