"""Job directories on the host: made for one child, removed whatever the job left in them."""

import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

from workers.sandbox import Jail


def make_job_dir(jail: Jail, name: str) -> Path:
    """A private directory that belongs to the jobs' user."""
    path = jail.directories / name
    path.mkdir(mode=0o700, exist_ok=True)
    if jail.drops_user:
        os.chown(path, jail.uid, jail.gid)
    return path


def remove_job_dir(path: Path) -> None:
    """Remove it without following links; directories that were closed by the job are opened first."""
    shutil.rmtree(path, onexc=_open_and_retry)


def _open_and_retry(remove: Callable[[str], object], name: str, error: BaseException) -> None:
    path = Path(name)
    if isinstance(error, FileNotFoundError) or not path.is_relative_to("/") or path.is_symlink():
        return
    for each in (path.parent, path):
        if not each.is_symlink() and each.is_dir():
            each.chmod(stat.S_IRWXU)
    if remove in (os.rmdir, os.unlink):
        remove(name)
    elif path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
