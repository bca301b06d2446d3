"""Named points where tests crash, delay or count. Off, a point costs one attribute test.

Switched on by the environment of a process: `FAILPOINTS="complete.before_commit=exit;claim.after_commit=block:/tmp/f"`.
Actions: `exit` (as by kill -9), `raise`, `block:<file>` (while the file exists), `once-<action>` (first time only).
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from pathlib import Path

POINTS = (
    "claim.before",
    "claim.after_commit",
    "run.before_start",
    "run.started",
    "run.child_exited",
    "complete.before",
    "complete.before_commit",
    "complete.after_commit",
    "log.before_flush",
    "renew.before",
    "cleanup.before",
    "push.before_commit",
    "push.after_commit",
)
hits: Counter[str] = Counter()
_active: dict[str, str] = {}


class Failpoint(Exception):
    """Raised by a point whose action is `raise`."""


def configure(text: str) -> None:
    """Set the active points from `name=action;…`. Raises ValueError for a name that does not exist."""
    _active.clear()
    for part in filter(None, text.split(";")):
        name, _, action = part.partition("=")
        if name not in POINTS:
            raise ValueError(f'There is no failpoint "{name}"; there are {", ".join(POINTS)}')
        _active[name] = action


def is_set(name: str) -> bool:
    """Does `name` do anything? For the rare code that must differ for a point to exist at all."""
    return name in _active


async def reach(name: str) -> None:
    """Do what `name` is set to do, if anything."""
    if not _active:
        return
    action = _active.get(name)
    if action is None:
        return
    hits[name] += 1
    if action.startswith("once-"):
        del _active[name]
        action = action.removeprefix("once-")
    kind, _, value = action.partition(":")
    match kind:
        case "exit":
            os.kill(os.getpid(), signal.SIGKILL)
        case "raise":
            raise Failpoint(name)
        case "block":
            while await asyncio.to_thread(Path(value).exists):
                await asyncio.sleep(0.01)
        case _:
            raise ValueError(f'Failpoint {name} has the unknown action "{action}"')


configure(os.environ.get("FAILPOINTS", ""))
