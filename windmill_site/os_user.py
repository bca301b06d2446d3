"""The operating system's user that runs the site when root starts it: found or made, and becoming it."""

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

NAME = "windmill"


class NoUser(RuntimeError):
    """The user is missing and could not be made; `str()` says what to do."""


@dataclass(frozen=True)
class Owner:
    """Who owns the data directory and runs the parts."""

    name: str
    uid: int
    gid: int


def owner_of_parts(home: Path) -> Owner:
    """The user `windmill` if we are root (made if missing, at home in `home`), else ourselves. Raises NoUser."""
    if os.geteuid() != 0:
        return _myself()
    return _named(NAME) or _made(home)


def become(owner: Owner) -> None:
    """Give up root for good; does nothing when we are that user already."""
    if os.geteuid() == owner.uid:
        return
    os.initgroups(owner.name, owner.gid)
    os.setresgid(owner.gid, owner.gid, owner.gid)
    os.setresuid(owner.uid, owner.uid, owner.uid)
    os.environ["HOME"] = pwd.getpwuid(owner.uid).pw_dir
    os.environ["USER"] = os.environ["LOGNAME"] = owner.name


def _myself() -> Owner:
    try:
        entry = pwd.getpwuid(os.geteuid())
    except KeyError:
        raise NoUser(
            f"The user id {os.geteuid()} has no name in /etc/passwd, and Postgres needs one: "
            "add an entry, start as another user, or set DATABASE_URL."
        ) from None
    return Owner(entry.pw_name, os.geteuid(), os.getegid())


def _named(name: str) -> Owner | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return Owner(name, entry.pw_uid, entry.pw_gid)


def _made(home: Path) -> Owner:
    said = [_run(command) for command in _commands(home) if shutil.which(command[0])]
    owner = _named(NAME)
    if owner is None:
        told = f" ({'; '.join(said)})" if said else " (neither useradd nor adduser is installed)"
        raise NoUser(f'The system user "{NAME}" is missing and could not be made{told}: make it, then start again.')
    return owner


def _commands(home: Path) -> list[list[str]]:
    shell = next((path for path in ("/usr/sbin/nologin", "/sbin/nologin") if Path(path).exists()), "/bin/false")
    return [
        ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", str(home), "--shell", shell, NAME],
        ["adduser", "-S", "-D", "-H", "-h", str(home), "-s", shell, NAME],  # BusyBox: Alpine has no useradd
    ]


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return f"{command[0]}: {(done.stderr or 'done').strip()}"
