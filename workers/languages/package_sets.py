"""Directories of installed Python packages: one per lock, complete or not there, never changed.

A set is built beside its place by one builder at a time (a file lock, which the kernel drops when the
builder dies) and published by a rename. What a dead builder left is removed by the next one.
"""

import asyncio
import contextlib
import fcntl
import os
import shutil
import stat
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from platform import libc_ver, machine, system
from secrets import token_hex

from workers.languages.base import OnLog, PrepareFailed
from workers.languages.interpreters import Interpreter
from workers.languages.uv import UvSettings, UvTimeout, run_uv

BUILDING = ".building-"
ASK_LOCK_EVERY_S = 0.05


@dataclass(frozen=True, slots=True)
class PackageSet:
    """The place of the packages of one lock, for one interpreter on one kind of host."""

    lock: str
    interpreter: Interpreter
    sources_hash: str

    @property
    def key(self) -> str:
        about = (self.lock, _host(), self.interpreter.cache_tag, self.interpreter.minor, self.sources_hash)
        return sha256(repr(about).encode()).hexdigest()

    def path(self, cache_root: Path) -> Path:
        return cache_root / "python" / self.key


@cache
def _host() -> tuple[str, ...]:
    """What wheels differ by; kept, as the C library's version is read out of a binary."""
    return system(), machine(), *libc_ver()


async def install_set(wanted: PackageSet, cache_root: Path, uv: UvSettings, on_log: OnLog) -> Path:
    """The directory with the packages of the lock, installed now if no worker of this host has done so.

    Only wheels are installed: a source package runs its own code at this moment, outside the jobs'
    sandbox. Raises PrepareFailed.
    """
    place = wanted.path(cache_root)
    if not _touch(place):
        async with _only_builder(place):
            if not _touch(place):
                await _build(wanted, place, cache_root, uv, on_log)
    return place


def _touch(place: Path) -> bool:
    """Note the use, for the eviction; False if the set is not there."""
    try:
        os.utime(place)
    except FileNotFoundError:
        return False
    except PermissionError:  # made by another user of the same cache: usable, its age is theirs to keep
        return place.is_dir()
    return True


@contextlib.asynccontextmanager
async def _only_builder(place: Path) -> AsyncIterator[None]:
    place.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(place.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        # Asked for again and again: another process holds it, and a blocking flock could not be cancelled.
        while not _try_lock(descriptor):
            await asyncio.sleep(ASK_LOCK_EVERY_S)
        yield
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


async def _build(wanted: PackageSet, place: Path, cache_root: Path, uv: UvSettings, on_log: OnLog) -> None:
    prefix = f"{BUILDING}{wanted.key[:32]}-"
    for left_over in place.parent.glob(f"{prefix}*"):  # we hold the lock: whoever made it is dead
        await asyncio.to_thread(remove_tree, left_over)
    target = place.parent / f"{prefix}{token_hex(4)}"
    try:
        await _install(wanted, target, cache_root, uv, on_log)
        await asyncio.to_thread(_publish, target, place)
    finally:
        await asyncio.to_thread(remove_tree, target)


async def _install(wanted: PackageSet, target: Path, cache_root: Path, uv: UvSettings, on_log: OnLog) -> None:
    arguments = (
        *("pip", "install", "--requirements", "-", "--target", str(target), "--no-deps", "--only-binary", ":all:"),
        *("--compile-bytecode", "--link-mode", "hardlink", "--python", str(wanted.interpreter.path)),
    )
    try:
        done = await run_uv(uv, arguments, cache_root=cache_root, stdin=wanted.lock, on_log=on_log)
    except UvTimeout as error:
        raise PrepareFailed(f"The packages of the lock could not be installed: {error}. Run it again.") from error
    if done.exit_code != 0:
        raise PrepareFailed(
            f"The packages of the lock could not be installed: {done.messages.strip()[-4000:]}\n"
            "Deploy the script again to resolve its dependencies anew."
        )


def _publish(target: Path, place: Path) -> None:
    target.mkdir(exist_ok=True)  # a lock whose packages all fall to markers installs nothing
    (target / ".lock").unlink(missing_ok=True)
    _change_modes(target, lambda mode: (mode | 0o444) & ~0o222)
    target.rename(place)


def _change_modes(tree: Path, change: Callable[[int], int]) -> None:
    for directory, names, files in os.walk(tree):
        Path(directory).chmod(change(stat.S_IMODE(Path(directory).stat().st_mode)) | 0o111)
        for name in (*names, *files):
            path = Path(directory, name)
            if not path.is_symlink() and not path.is_dir():
                path.chmod(change(stat.S_IMODE(path.stat().st_mode)))


def remove_tree(tree: Path) -> None:
    """Remove a set or what is left of one, read-only directories included."""
    if tree.is_dir():
        for directory, _, _ in os.walk(tree):
            Path(directory).chmod(0o700)
        shutil.rmtree(tree, ignore_errors=True)


def evict_sets(cache_root: Path, *, max_bytes: int, idle_s: float) -> list[str]:
    """Remove the sets unused the longest until the rest fits `max_bytes`; the keys removed.

    Only sets unused for `idle_s` go, so choose it longer than the longest job: a running job has the
    directory mounted.
    """
    places = [place for place in (cache_root / "python").glob("*") if place.is_dir() and len(place.name) == 64]
    ages = sorted((place.stat().st_mtime, place) for place in places)
    sizes = {place: _size(place) for _, place in ages}
    total, removed = sum(sizes.values()), []
    for used_at, place in ages:
        if total <= max_bytes or time.time() - used_at < idle_s:
            break
        aside = place.with_name(f"{BUILDING}{place.name[:32]}-{token_hex(4)}")
        place.rename(aside)  # whole or gone, also for a worker that looks right now
        remove_tree(aside)
        total -= sizes[place]
        removed.append(place.name)
    return removed


def _size(tree: Path) -> int:
    return sum(path.lstat().st_size for path in tree.rglob("*"))
