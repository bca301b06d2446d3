"""The system calls that Python has no function for, as typed functions that raise OSError."""

import ctypes
import os
import platform
import signal
import struct

# PyDLL keeps the interpreter lock during a call: after `clone` the child goes on as the only thread, with the lock.
_libc = ctypes.PyDLL(None, use_errno=True)

CLONE_PIDFD = 0x1000
CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x20000, 0x4000000, 0x8000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWCGROUP = 0x10000000, 0x20000000, 0x40000000, 0x2000000
JOB_NAMESPACES = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS

MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_BIND, MS_REC, MS_PRIVATE = 2, 4, 8, 0x1000, 0x4000, 0x40000

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_CAPBSET_DROP = 1, 4, 24
PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP = 36, 38, 22
SECCOMP_MODE_FILTER = 2

_SYS_CLONE = {"x86_64": 56, "aarch64": 220}.get(platform.machine())
_CAPABILITY_HEADER = struct.pack("II", 0x20080522, 0)  # version 3, this process
_NO_CAPABILITIES = bytes(24)


def _check(result: int, name: str) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")
    return result


def clone(flags: int) -> "tuple[int, int]":
    """fork() into new namespaces in one call: (0, -1) in the child, (pid, pidfd) in the parent.

    Skips libc's and Python's fork handlers, so it is for a process without threads, and the child must soon
    fork (normally) again for anything that runs foreign code.
    """
    if _SYS_CLONE is None:
        raise OSError(38, f"clone: no system call number known for {platform.machine()}")
    pidfd = ctypes.c_int(-1)
    pid = _libc.syscall(_SYS_CLONE, flags | CLONE_PIDFD | signal.SIGCHLD, None, ctypes.byref(pidfd), None, None)
    return _check(pid, "clone"), pidfd.value


def unshare(flags: int) -> None:
    _check(_libc.unshare(flags), "unshare")


def mount(source: str, target: str, kind: "str | None", flags: int, options: "str | None" = None) -> None:
    encoded = [None if text is None else text.encode() for text in (source, target, kind, options)]
    result = _libc.mount(encoded[0], encoded[1], encoded[2], ctypes.c_ulong(flags), encoded[3])
    _check(result, f"mount {target}")


def prctl(option: int, value: int) -> None:
    _check(_libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0), f"prctl {option}")


def set_parent_death_signal(number: int) -> None:
    prctl(PR_SET_PDEATHSIG, number)


def drop_capabilities() -> None:
    """Empty every capability set, the bounding set included, for good."""
    for capability in range(64):
        if _libc.prctl(PR_CAPBSET_DROP, ctypes.c_ulong(capability), 0, 0, 0) < 0:
            break  # EINVAL: past the last one this kernel knows
    _check(_libc.capset(_CAPABILITY_HEADER, _NO_CAPABILITIES), "capset")


def load_filter(program: bytes) -> None:
    """Install a classic BPF program (8 bytes an instruction) as seccomp filter of this process and its children."""
    buffer = ctypes.create_string_buffer(program, len(program))
    fprog = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(buffer))
    _check(_libc.prctl(PR_SET_SECCOMP, ctypes.c_ulong(SECCOMP_MODE_FILTER), fprog, 0, 0), "seccomp")
