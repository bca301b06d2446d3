"""The registry of job kinds: how a kind is run, and what else happens in the transaction that completes it.

`workers` knows no script, flow or schedule: higher rooms register theirs in AppConfig.ready().
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from psycopg import AsyncConnection

from workers.queue import ClaimedJob
from workers.runtimes.base import Outcome

if TYPE_CHECKING:
    from workers.connections import Connection

# Jobs of this tag run in the worker itself and take no slot, so many are claimed and completed at once.
LIGHT_TAG = "noop"


@dataclass(frozen=True)
class Runnable:
    """What a runtime needs to know of a job's code. `lock` None: resolve the requirements on the fly.

    `kept_result` (JSON text): an earlier run's answer that stands for this one, so nothing runs.
    """

    language: str
    content: str
    lock: str | None = None
    entrypoint: str = ""
    module_path: str = ""
    envs: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    timeout_s: int | None = None
    cache_ttl_s: int | None = None
    arg_order: tuple[str, ...] = ()
    arg_defaults: Mapping[str, Any] = field(default_factory=dict)
    kept_result: str | None = None


@dataclass(frozen=True)
class JobContext:
    """What a job that runs inside the worker gets. `log` takes text for the job's log, newlines included.

    Cancel and timeout arrive as asyncio.CancelledError: end what you started, then let it pass.
    """

    job: ClaimedJob
    database: Connection
    log: Callable[[str], Awaitable[None]]


type Load = Callable[[AsyncConnection[Any], ClaimedJob], Awaitable[Runnable]]
type Execute = Callable[[JobContext], Awaitable[Outcome]]
# (connection in the completion's transaction, job, status, result as JSON text) -> events to tell after the commit.
# SQL only; it may run again, so it must be idempotent.
type Hook = Callable[[AsyncConnection[Any], ClaimedJob, str, str | None], Awaitable[list[str]]]


@dataclass(frozen=True)
class Kind:
    """Either `load` (run by a runtime in the sandbox) or `execute` (inside the worker)."""

    name: str
    load: Load | None = None
    execute: Execute | None = None
    hook: Hook | None = None

    def __post_init__(self) -> None:
        if (self.load is None) == (self.execute is None):
            raise ValueError(f'Kind "{self.name}" needs either load or execute')


@dataclass(frozen=True)
class NamedHook:
    """A hook for every job that `applies` says so (by parent, by trigger), whatever its kind.

    `only_success`: it does nothing for other ends, so a job cancelled while it waited needs no sweep for it.
    """

    name: str
    applies: Callable[[ClaimedJob], bool]
    hook: Hook
    only_success: bool = False


_kinds: dict[str, Kind] = {}
_hooks: dict[str, NamedHook] = {}


def register(kind: Kind) -> None:
    """Make `kind` known. Registering it again replaces it."""
    _kinds[kind.name] = kind


def register_hook(hook: NamedHook) -> None:
    """Have `hook` run in the completion's transaction of the jobs it applies to."""
    _hooks[hook.name] = hook


def find(name: str) -> Kind | None:
    return _kinds.get(name)


def hooks_of(job: ClaimedJob) -> list[tuple[str, Hook]]:
    """(name, hook) of everything that is to happen when `job` completes, its kind's first."""
    found: list[tuple[str, Hook]] = []
    kind = _kinds.get(job.kind)
    if kind is not None and kind.hook is not None:
        found.append((kind.name, kind.hook))
    found += [(each.name, each.hook) for each in _hooks.values() if each.applies(job)]
    return found


def has_hooks(kind_name: str) -> bool:
    """Whether a job of that kind that was cancelled may have hooks; used where only the kind is known."""
    kind = _kinds.get(kind_name)
    named = any(not each.only_success for each in _hooks.values())
    return named or (kind is not None and kind.hook is not None)
