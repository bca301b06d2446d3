"""What an API operation is asked and what it answers, whoever serves it: the fast lane or Django."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

from workspaces.errors import BadRequest, NotFound
from workspaces.jsontext import dumps
from workspaces.principal import Principal

TEXT = "text/plain; charset=utf-8"
JSON = "application/json"
_TRUE = ("true", "1", "")


async def _never() -> None:
    await asyncio.Event().wait()


@dataclass(frozen=True)
class Call:
    """A request with its caller resolved. `tail` is what follows the operation's own path, `headers` are lower-case.

    `gone` returns when the client has hung up. `again` resolves the caller anew and raises when it may no longer.
    """

    method: str
    tail: str
    workspace_id: str
    principal: Principal
    query: Mapping[str, list[str]] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    gone: Callable[[], Awaitable[None]] = _never
    recheck: Callable[[], Awaitable[Principal]] | None = None

    async def again(self) -> Principal:
        return await self.recheck() if self.recheck else self.principal

    def text(self, name: str, default: str = "") -> str:
        """The last value of a query argument."""
        values = self.query.get(name)
        return values[-1] if values else default

    def flag(self, name: str, *, default: bool = False) -> bool:
        """A boolean query argument; `?name` alone is true."""
        values = self.query.get(name)
        return values[-1].lower() in _TRUE if values else default

    def optional_flag(self, name: str) -> bool | None:
        return self.flag(name) if name in self.query and self.text(name) != "" else None

    def whole(self, name: str, default: int, *, low: int = 0, high: int = 2**53) -> int:
        """A whole number within limits. Raises BadRequest naming the argument."""
        given = self.text(name)
        if not given:
            return default
        try:
            return min(high, max(low, int(given)))
        except ValueError:
            raise BadRequest(f"The query argument {name} must be a whole number, not {given[:40]!r}") from None

    def job_id(self) -> UUID:
        """The job named by the tail. Raises NotFound for anything that cannot be an id."""
        return parse_job_id(self.tail)


@dataclass(frozen=True)
class Answer:
    """`chunks` given: the body is streamed from it and `body` ignored."""

    status: int = 200
    body: bytes = b""
    content_type: str = TEXT
    headers: tuple[tuple[str, str], ...] = ()
    chunks: AsyncIterator[bytes] | None = None


def text(body: str, status: int = 200) -> Answer:
    return Answer(status, body.encode(), TEXT)


def json(value: Any, status: int = 200) -> Answer:
    return json_text(dumps(value), status)


def json_text(body: str, status: int = 200) -> Answer:
    """An answer that is JSON text already: stored values are passed on as they were stored."""
    return Answer(status, body.encode(), JSON)


def parse_job_id(given: str) -> UUID:
    try:
        return UUID(given)
    except ValueError:
        raise NotFound(f"job not found at id {given[:80]}; an id is a UUID") from None


def parse_query(raw: bytes | str) -> dict[str, list[str]]:
    """Query arguments with all their values, in order."""
    query: dict[str, list[str]] = {}
    if raw:
        given = raw.decode("latin-1") if isinstance(raw, bytes) else raw
        try:
            pairs = parse_qsl(given, keep_blank_values=True, max_num_fields=1000)
        except ValueError:
            raise BadRequest("The query string has more than 1,000 arguments; send them in the body") from None
        for name, value in pairs:
            query.setdefault(name, []).append(value)
    return query
