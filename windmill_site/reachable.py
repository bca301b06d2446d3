"""Let the site's user enter directories it needs that lie below closed ones, such as a checkout in /root.

Root starts `up`, the parts run as another user, and the interpreter may be pyenv's below root's home (0700).
Instead of opening that home or copying an interpreter, the supervisor's private mount namespace covers the
closed directory with an empty one that has only the needed trees, bound in place. Nobody else sees it.
"""

import ctypes
import os
import stat
import tempfile
from collections.abc import Iterable
from pathlib import Path

from windmill_site.os_user import Owner

_CLONE_NEWNS = 0x00020000
_MS_NOSUID, _MS_NODEV, _MS_BIND, _MS_REC, _MS_SLAVE = 2, 4, 4096, 16384, 1 << 19
_libc = ctypes.CDLL(None, use_errno=True)


class Unreachable(RuntimeError):
    """The user cannot enter a directory it needs and no mount namespace is to be had; `str()` says what to do."""


def make_reachable(trees: Iterable[Path], owner: Owner) -> None:
    """See to it that `owner` can reach each of `trees`; does nothing when it can. Raises Unreachable.

    Call it as root before any thread starts: the namespace belongs to the calling thread and its children.
    """
    if os.geteuid() != 0 or owner.uid == 0:
        return
    closed: dict[Path, list[Path]] = {}
    for tree in {each.resolve() for each in trees}:
        gate = closed_ancestor(tree, owner)
        if gate is not None:
            closed.setdefault(gate, []).append(tree)
    if not closed:
        return
    try:
        _enter_namespace()
        for gate, needed in closed.items():
            _cover(gate, needed)
    except OSError as error:
        raise Unreachable(
            f"The user {owner.name} cannot enter {', '.join(map(str, closed))} ({error.strerror}), where parts of this "
            "site lie: keep the checkout and its Python elsewhere, such as /opt, or start it as an ordinary user."
        ) from error


def closed_ancestor(tree: Path, owner: Owner) -> Path | None:
    """The uppermost directory above `tree` that `owner` may not enter; None if the way is open."""
    for above in reversed(tree.parents):
        entry = above.stat()
        if entry.st_uid == owner.uid:
            needed = stat.S_IXUSR
        elif entry.st_gid in os.getgrouplist(owner.name, owner.gid):
            needed = stat.S_IXGRP
        else:
            needed = stat.S_IXOTH
        if not entry.st_mode & needed:
            return above
    return None


def _enter_namespace() -> None:
    _checked(_libc.unshare(_CLONE_NEWNS))
    _mount(None, Path("/"), None, _MS_REC | _MS_SLAVE)  # later mounts of the host still arrive, ours do not leave


def _cover(gate: Path, trees: list[Path]) -> None:
    # Bound aside first: once the empty directory lies over the gate, the originals have no path any more.
    with tempfile.TemporaryDirectory(prefix="windmill-mounts-") as aside:
        _mount("tmpfs", Path(aside), "tmpfs", 0)
        held = []
        for number, tree in enumerate(_outermost(trees)):
            spot = Path(aside) / str(number)
            spot.mkdir()
            _mount(str(tree), spot, None, _MS_BIND | _MS_REC)
            held.append((spot, tree))
        _mount("tmpfs", gate, "tmpfs", _MS_NOSUID | _MS_NODEV, b"mode=0755")
        for spot, tree in held:
            tree.mkdir(parents=True, mode=0o755)
            _mount(str(spot), tree, None, _MS_BIND | _MS_REC)
        _checked(_libc.umount2(os.fsencode(aside), 2))  # MNT_DETACH: the binds keep what they need


def _outermost(trees: list[Path]) -> list[Path]:
    return [tree for tree in sorted(trees) if not any(other in tree.parents for other in trees)]


def _mount(source: str | None, target: Path, kind: str | None, flags: int, options: bytes | None = None) -> None:
    _checked(
        _libc.mount(
            None if source is None else os.fsencode(source),
            os.fsencode(target),
            None if kind is None else kind.encode(),
            ctypes.c_ulong(flags),
            options,
        )
    )


def _checked(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
