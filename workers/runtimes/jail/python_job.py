"""A Python job: wait for it, load the script as module, call its entry point, send the result. One life, one job."""

import atexit
import gc
import importlib.machinery
import json
import os
import random
import resource
import socket
import sys
import threading
import time
import traceback
from types import ModuleType
from typing import Any

from . import arguments, results, values, wire
from .job_files import write_file

_OWN_DIRECTORY = os.path.dirname(__file__)


_package_path = ""


def set_package_dirs(directories: list[str]) -> None:
    """Where the packages are: told to programs that a job starts."""
    global _package_path
    _package_path = os.pathsep.join(directories)


class MainMissing(Exception):
    """The script has no such entry point."""


def run_job(channel: socket.socket, directory: str) -> None:
    """Wait for the hand-over and run it; never returns."""
    rehearse(directory)
    own_pid = os.getpid()
    payload = wire.receive_payload(channel)
    if not payload:
        os._exit(0)  # not needed any more
    header, code, args = wire.unpack_hand_over(payload)
    del payload
    gc.enable()
    _take_identity(header, directory)
    cap = header["result_cap"]
    try:
        value = _call(header, code, args, directory)
        kind, exit_code, answer = wire.SUCCESS, 0, results.to_json(value, cap)
    except SystemExit as error:
        kind, exit_code, answer = _leave(error, cap)
    except BaseException as error:
        kind, exit_code, answer = wire.FAILURE, 1, _describe(error, cap)
    if os.getpid() != own_pid:
        os._exit(exit_code)  # a fork of the job that came back from main: it does not speak for the job
    _finish(channel, kind, exit_code, answer)


_REHEARSAL = b"""
import os

def helper(x):
    return [f"{x} {item}" for item in range(3)]

def main(a: int, b: str = "b", *, c=None):
    try:
        return {"a": a, "b": b.upper(), "c": helper(c)}
    except ValueError as error:
        print(error)
"""


def rehearse(directory: str) -> None:
    """Go through the motions of a job before there is one.

    A fork shares its memory with the server until it writes, and each first write to a page costs microseconds:
    hundreds of them are two thirds of a small job's time, unless they are paid while the child waits.
    """
    header = {"env": _REHEARSED_ENVIRONMENT, "entrypoint": "main", "module": "rehearsal", "files": {}}
    payload = wire.pack_hand_over(header, _REHEARSAL, b'{"a": 1}')
    header, code, args = wire.unpack_hand_over(payload)
    _take_environment(header)
    answer = results.to_json(_call(header, code, args, directory), 1000)
    _pack_final(wire.SUCCESS, 0, answer)
    os.unlink(f"{directory}/rehearsal.py")
    del sys.modules["rehearsal"]
    os.environ.clear()


_REHEARSED_ENVIRONMENT = {f"WM_REHEARSED_{number}": "x" * 24 for number in range(32)}


def _take_environment(header: dict) -> None:
    os.environ.clear()
    os.environ.update(header["env"])
    os.environ["PYTHONPATH"] = _package_path
    random.seed()


def _take_identity(header: dict, directory: str) -> None:
    """Environment, limits and randomness of this job alone."""
    _take_environment(header)
    if "TZ" in header["env"]:
        time.tzset()
    if header["max_processes"]:
        limit = header["max_processes"]
        resource.setrlimit(resource.RLIMIT_NPROC, (limit, limit))
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed()
    sys.path.insert(0, directory)


def _call(header: dict, code: bytes, args: bytes, directory: str) -> Any:
    module = _load_script(header, code, directory)
    name = header["entrypoint"]
    function = getattr(module, name, None)
    if not callable(function):
        raise MainMissing(
            f"{name} function is missing: {header['module'] or 'the script'} defines no top-level function `{name}`. "
            f"Define `def {name}(...)`, or choose another entry point."
        )
    positional, named = arguments.bind(function, json.loads(args))
    return results.settle(function(*positional, **named))


def _load_script(header: dict, code: bytes, directory: str) -> ModuleType:
    """Write the script below the job directory and run it as the module of that path."""
    for path, text in header["files"].items():
        write_file(directory, path, text.encode())
    parts = header["module"].split("/")
    path = f"{directory}/{'/'.join(parts)}.py"
    write_file(directory, f"{'/'.join(parts)}.py", code)
    _make_parents(parts[:-1], directory)
    name = ".".join(parts)
    module = ModuleType(name)
    module.__file__ = path
    module.__spec__ = importlib.machinery.ModuleSpec(name, None, origin=path)
    module.__package__ = ".".join(parts[:-1])
    if "wmill" in sys.modules:
        module.__dict__["wmill"] = sys.modules["wmill"]  # usable without being imported
    sys.modules[name] = module
    exec(compile(code, path, "exec", dont_inherit=True), module.__dict__)
    return module


def _make_parents(parts: "list[str]", directory: str) -> None:
    """`f` and `f.folder` as namespace packages, so that relative imports between scripts work."""
    for count in range(1, len(parts) + 1):
        name = ".".join(parts[:count])
        package = ModuleType(name)
        package.__path__ = [f"{directory}/{'/'.join(parts[:count])}"]
        sys.modules.setdefault(name, package)


def _leave(error: SystemExit, cap: int) -> "tuple[bytes, int, bytes]":
    """sys.exit(): 0 or nothing is a success without result, anything else a failure with that exit code."""
    if error.code is None or error.code == 0:
        return wire.SUCCESS, 0, b"null"
    exit_code = error.code & 0xFF if isinstance(error.code, int) else 1
    return wire.FAILURE, exit_code, _describe(error, cap, exit_code=exit_code)


def _describe(error: BaseException, cap: int, **more: Any) -> bytes:
    """The error object of a failed job. Whatever `error` does when it is looked at, there is an answer."""
    described: dict[str, Any] = {"name": type(error).__name__}
    try:
        described["message"] = str(error)
        described["stack"] = _format_stack(error)
        extra = {key: value for key, value in vars(error).items() if not key.startswith("__")}
        if extra:
            described["extra"] = extra
        answer = values.dump({**described, **more})
        if len(answer) <= cap and not values.find_limit(answer):
            return answer
    except Exception as second:
        described.setdefault("message", f"(no message: {type(second).__name__} while the error was described)")
    described.pop("extra", None)
    brief = {key: str(text)[:10_000] for key, text in described.items()}
    return values.dump({**brief, **more})


def _format_stack(error: BaseException) -> str:
    """The traceback as Python prints it, from the user's first frame on."""
    frames = error.__traceback__
    while frames is not None and os.path.dirname(frames.tb_frame.f_code.co_filename) == _OWN_DIRECTORY:
        frames = frames.tb_next
    return "".join(traceback.format_exception(type(error), error, frames))


def _finish(channel: socket.socket, kind: bytes, exit_code: int, answer: bytes) -> None:
    """End like an interpreter does (threads, exit handlers, buffers), then say so as the last act."""
    try:
        if threading.active_count() > 1:
            threading._shutdown()  # type: ignore[attr-defined]  joins what is not a daemon
        atexit._run_exitfuncs()
    except BaseException:
        traceback.print_exc()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            pass  # closed by the script: its right
    wire.send_payload(channel, _pack_final(kind, exit_code, answer))
    os._exit(exit_code)


def _pack_final(kind: bytes, exit_code: int, answer: bytes) -> bytes:
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return wire.FINAL.pack(kind, exit_code, max(own, children)) + answer
