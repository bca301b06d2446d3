"""Writing a job's files below its directory."""

import os

from . import wire


def write_file(directory: str, path: str, content: bytes) -> None:
    """Write `content` to `directory`/`path`, making the folders between; both come from the worker."""
    target = f"{directory}/{path}"
    if "/" in path:
        os.makedirs(os.path.dirname(target), exist_ok=True)
    fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        wire.write_all(fd, content)
    finally:
        os.close(fd)
