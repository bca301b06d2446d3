"""What a language is to the worker, and the errors of getting its dependencies."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from workers.languages.uv import UvSettings
from workspaces.errors import BadRequest

type OnLog = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Tools:
    """What locking and preparing may use on this host.

    `cache_root` is the worker's own directory for downloads and prepared packages, readable by jobs;
    `path` is where programs are looked up, `default_python` a minor version ("3.12") or None for the
    interpreter this worker runs on.
    """

    cache_root: Path
    uv: UvSettings
    path: str
    default_python: str | None = None


@dataclass(frozen=True, slots=True)
class PreparedEnv:
    """What a job's process needs to start: its program and the read-only directories on its search path."""

    interpreter: Path
    package_dirs: tuple[Path, ...] = ()
    lock_hash: str = ""
    version: str = ""


class LockFailed(BadRequest):
    """The dependencies of a script cannot be resolved. `line` is the line of the script that asks for them."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line


class PrepareFailed(BadRequest):
    """What a script needs cannot be made ready on this worker."""


class Language(Protocol):
    """One language: how its scripts are locked and made ready. One file each, listed in `__init__`."""

    @property
    def name(self) -> str: ...

    @property
    def extension(self) -> str: ...

    @property
    def comment(self) -> str: ...

    def needs_lock(self, code: str) -> bool:
        """Whether deploying `code` has something to resolve; if not, its lock is ""."""
        ...

    async def lock(self, code: str, tools: Tools, on_log: OnLog, *, imported: Sequence[str] = ()) -> str:
        """The pinned dependencies of `code` and of the scripts it imports; "" for none. Raises LockFailed."""
        ...

    async def prepare(
        self, code: str, lock: str | None, tools: Tools, on_log: OnLog, *, imported: Sequence[str] = ()
    ) -> PreparedEnv:
        """Make everything ready that a run of `code` needs; without a lock (None) resolve first, with `imported`.

        Raises LockFailed or PrepareFailed.
        """
        ...
