"""A job that is another program (Bash and the like): wait for it, write its files, become it."""

import errno
import os
import resource
import signal
import socket
import sys

from . import wire
from .job_files import write_file


def run_job(channel: socket.socket, directory: str) -> None:
    """Wait for the hand-over and replace this process by the command; never returns."""
    _rehearse(directory)
    payload = wire.receive_payload(channel)
    if not payload:
        os._exit(0)  # not needed any more
    header, code, args = wire.unpack_hand_over(payload)
    for path, text in header["files"].items():
        write_file(directory, path, text.encode())
    write_file(directory, header["script"], code)
    write_file(directory, "args.json", args)
    if header["max_processes"]:
        limit = header["max_processes"]
        resource.setrlimit(resource.RLIMIT_NPROC, (limit, limit))
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # ignored by Python, and that would be inherited
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execve(header["command"][0], header["command"], header["env"])
    except OSError as error:
        sys.stderr.write(_explain(header["command"][0], error))
        os._exit(127)


def _rehearse(directory: str) -> None:
    """First writes to memory shared with the server cost most of a start: pay them while waiting (see python_job)."""
    env = {f"WM_REHEARSED_{number}": "x" * 24 for number in range(32)}
    header = {"command": ["/bin/bash", "main.sh"], "script": "main.sh", "files": {}, "env": env, "max_processes": 0}
    header, code, args = wire.unpack_hand_over(wire.pack_hand_over(header, b"echo", b'{"a": 1}'))
    for name, content in ((header["script"], code), ("args.json", args)):
        write_file(directory, name, content)
        os.unlink(f"{directory}/{name}")
    resource.getrlimit(resource.RLIMIT_NPROC)


def _explain(program: str, error: OSError) -> str:
    if error.errno == errno.ENOENT:
        return f"{program} is not installed on this worker. Install it, or run the job on a worker that has it.\n"
    if error.errno == errno.E2BIG:
        return (
            f"The arguments are too long for the command line of {program}: one may have 128 KiB. "
            "Read them from the file args.json in the working directory instead.\n"
        )
    return f"{program} could not be started: {error.strerror}.\n"
