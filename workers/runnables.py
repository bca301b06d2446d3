"""What can be run by path or hash. Higher rooms register how theirs are found: `register("script", resolver)`.

A resolver answers the reference a job is made from, and nothing about who asks: the caller applies the policy.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

from psycopg import AsyncConnection


@dataclass(frozen=True)
class RunnableRef:
    """One version of a runnable, ready to be queued. `hash` is signed; `tag` "" means that of the language.

    `on_behalf_of` ("" = the caller) is the identity its jobs run with, `on_behalf_of_email` that identity's address.
    """

    kind: str
    item_id: UUID | None
    path: str
    hash: int | None
    language: str
    tag: str = ""
    timeout_s: int | None = None
    priority: int = 0
    cache_ttl_s: int | None = None
    extra_perms: dict[str, bool] = field(default_factory=dict)
    visible_to_runner_only: bool = False
    on_behalf_of: str = ""
    on_behalf_of_email: str = ""
    is_repeatable: bool = True
    labels: tuple[str, ...] = ()


class Resolver(Protocol):
    """Finds a runnable of a workspace by its path (what is live there now) or by a version's hash, or None."""

    def __call__(
        self, conn: AsyncConnection[Any], workspace_id: str, *, path: str | None = None, hash: int | None = None
    ) -> Awaitable[RunnableRef | None]: ...


_resolvers: dict[str, Resolver] = {}


def register(kind: str, resolver: Resolver) -> None:
    """Make runnables of `kind` known. Called from AppConfig.ready() of the room that owns them."""
    _resolvers[kind] = resolver


async def resolve(
    conn: AsyncConnection[Any], kind: str, workspace_id: str, *, path: str | None = None, hash: int | None = None
) -> RunnableRef | None:
    """The runnable, or None when nothing of that kind is there."""
    resolver = _resolvers.get(kind)
    return await resolver(conn, workspace_id, path=path, hash=hash) if resolver else None


type SourceReader = Callable[[str, int], str]

_sources: dict[str, SourceReader] = {}


def register_source(kind: str, reader: SourceReader) -> None:
    """`reader(workspace id, version hash)` gives the source of a version of `kind`, "" when it is gone."""
    _sources[kind] = reader


def source(kind: str, workspace_id: str, hash: int) -> str:
    """The source of a version, on Django's connection; "" when there is none to show."""
    reader = _sources.get(kind)
    return reader(workspace_id, hash) if reader else ""
