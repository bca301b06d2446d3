"""Which worker processes of this host live: each holds a locked file, which the kernel frees with the process.

A worker that starts finds the files of dead ones and takes care of what they left, long before their leases end.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from pathlib import Path


class Presence:
    """Our own file, held until `close` or the end of the process; and our directory for jobs beside it."""

    def __init__(self, root: Path, name: str) -> None:
        self.directory = root / name
        root.mkdir(mode=0o711, parents=True, exist_ok=True)
        self._file = root / f"{name}.lock"
        # it gets its name only once it is locked: a worker that looks for dead ones never sees it free
        nameless = root / f"{name}.new"
        self._fd = os.open(nameless, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        nameless.rename(self._file)

    def close(self, *, leaves_jobs: bool = False, keeps_files: bool = False) -> None:
        """Gone. With `leaves_jobs` the file stays, so that the next worker looks after them."""
        if not keeps_files:
            remove_directory(self.directory)
        if not leaves_jobs:
            self._file.unlink(missing_ok=True)
        os.close(self._fd)


def find_dead(root: Path) -> list[str]:
    """Names of worker processes of this host that ended without saying so."""
    return [path.stem for path in sorted(root.glob("*.lock")) if not _is_held(path)]


def forget(root: Path, names: list[str], *, keeps_files: bool = False) -> None:
    """Remove what dead workers left on disk."""
    for name in names:
        if not keeps_files:
            remove_directory(root / name)
        (root / f"{name}.lock").unlink(missing_ok=True)


def remove_directory(directory: Path) -> None:
    """Remove job files whatever modes their jobs gave them."""
    if not directory.is_dir():
        return
    for parent, _, _ in os.walk(directory):
        with contextlib.suppress(OSError):
            Path(parent).chmod(0o700)
    shutil.rmtree(directory, ignore_errors=True)


def _is_held(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return True  # its owner, or another finder, has just removed it
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)
