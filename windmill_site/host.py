"""What `up` needs of the host before anything runs: its own data directory, the one lock on it, a listening socket."""

import fcntl
import os
import socket
import sys
import time
from pathlib import Path
from typing import IO

from windmill_site.os_user import Owner

ROOT = Path(__file__).resolve().parent.parent
_DYING_S = 5


class HostError(RuntimeError):
    """The host does not offer what is needed; `str()` says what to do."""


def prepare_data_dir(data_dir: Path, owner: Owner) -> None:
    """Make the data directory, the owner's alone. Raises HostError."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        if os.geteuid() == 0:
            for path in (
                data_dir,
                data_dir / "secret_key",
                data_dir / "instance_key",
            ):  # an earlier command may have made them as root
                if path.exists() and path.stat().st_uid == 0:
                    os.chown(path, owner.uid, owner.gid)
        if data_dir.stat().st_uid != owner.uid:
            raise HostError(
                f"The data directory {data_dir} belongs to another user than {owner.name}: change its owner, "
                "or set DATA_DIR to another one."
            )
        data_dir.chmod(0o700)
    except OSError as error:
        raise HostError(f"The data directory {data_dir} cannot be made ({error.strerror}): set DATA_DIR.") from error


def lock(data_dir: Path) -> IO[str]:
    """Hold `data_dir` for this process alone as long as the file stays open. Raises HostError naming the holder."""
    file = (data_dir / "up.lock").open("a+")
    limit = time.monotonic() + _DYING_S
    while not _locked(file):
        file.seek(0)
        holder = file.read().strip()
        # A killed one's parts hold the lock until the kernel has killed them too.
        if Path(f"/proc/{holder or 0}").exists() or time.monotonic() > limit:
            raise HostError(f"Another `up` (process {holder}) already uses {data_dir}: stop it, or set DATA_DIR.")
        time.sleep(0.05)
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file


def _locked(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there. Raises HostError."""
    try:
        family, kind, protocol, _name, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(1024)
    except OSError as error:
        raise HostError(
            f"Port {port} of {host} cannot be listened on ({error.strerror}): stop the program that uses it, "
            "or set PORT or HOST."
        ) from error
    listener.setblocking(False)
    return listener


def needed_trees(data_dir: Path) -> list[Path]:
    """Directories the site's user must be able to enter: the code, the environment, the interpreter, the data."""
    return [ROOT, Path(sys.prefix), Path(sys.base_prefix), data_dir]
