"""The websocket of a job's page: state, log and result as HTML fragments for htmx, as they happen."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import psycopg
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings

from workers import job_fragments, job_logs, job_page, serving
from workers.job_rows import JobRow, find_job
from workers.live import group_of
from workers.log_chunks import START, Position
from workers.waiting import Waiting, facts_of, why_waiting
from workspaces import clock
from workspaces.credentials import credential_of_scope
from workspaces.errors import NotFound, WindmillError
from workspaces.permission import Permission, enforce
from workspaces.policy import Role
from workspaces.principal import Principal
from workspaces.principals import principal_for

log = logging.getLogger(__name__)

PERMISSION = Permission(Role.MEMBER, "jobs:poll")
MAX_UNSEEN_BYTES = 512_000
PIECE_CHARS = 64_000
MAX_BEHIND_CHARS = 512_000
_KEPT_CHARS = 128_000
_MESSAGE_CHARS, _MESSAGE_LINES = 32_000, 800
_RECHECK_S = 5.0
_MIN_PAUSE_S = 0.03
_PATIENCE_S = 30.0
GOING_AWAY, TRY_AGAIN, REFUSED = 1001, 1013, 4403


@dataclass
class Shown:
    """What the page has: the log up to `offset`, with its place in lines, and the state it shows."""

    offset: int = 0
    place: Position = START
    state: str = ""
    why: Waiting | None = None
    progress: int | None = None
    unseen: list[int] = field(default_factory=list)


class JobConsumer(AsyncWebsocketConsumer):
    """One page of one job. The browser answers each message with `seen`; nothing is sent far ahead of it (N1)."""

    async def connect(self) -> None:
        self.shown = Shown()
        self.news = asyncio.Event()
        self.task: asyncio.Task[None] | None = None
        scope: Any = self.scope  # its type knows no routing
        route = scope["url_route"]["kwargs"]
        self.workspace_id, self.job_id = route["workspace"], route["job_id"]
        try:
            principal = await self._principal()
            async with serving.connection() as conn:
                row = await find_job(conn, principal, self.job_id)
                self.shown.offset = _after(self.scope)
                self.shown.place = await _place(conn, self.job_id, self.shown.offset)
        except (WindmillError, psycopg.OperationalError):
            await self.close(REFUSED)
            return
        self.shown.state = _state(self.scope) or row.state
        await self.accept()
        await self.channel_layer.group_add(group_of(self.job_id), self.channel_name)
        self.task = asyncio.create_task(self._follow(principal), name=f"page of job {self.job_id}")

    async def disconnect(self, code: int) -> None:
        await self.channel_layer.group_discard(group_of(self.job_id), self.channel_name)
        if self.task is not None:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """The page has taken in our oldest message."""
        if text_data == "seen" and self.shown.unseen:
            self.shown.unseen.pop(0)
            self.news.set()

    async def job_event(self, event: dict[str, Any]) -> None:
        """`workers.live` says: look."""
        self.news.set()

    async def _principal(self) -> Principal:
        """Who is at the other end now. Raises when it may not be there."""
        if not is_own_page(self.scope):
            raise NotFound("this page belongs to another site")
        async with serving.connection() as conn:
            principal = await principal_for(conn, credential_of_scope(self.scope), self.workspace_id)
        enforce(PERMISSION, principal, method="GET")
        return principal

    async def _follow(self, principal: Principal) -> None:
        checked_at = clock.monotonic()
        try:
            while True:
                self.news.clear()
                if clock.monotonic() - checked_at > _RECHECK_S:
                    checked_at, principal = clock.monotonic(), await self._principal()
                if await self._has_room() and await self._tell(principal):
                    await self.close()
                    return
                await asyncio.sleep(_MIN_PAUSE_S)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(1.0):
                        await self.news.wait()
        except (WindmillError, psycopg.OperationalError):
            await self.close(TRY_AGAIN)
        except Exception:
            log.exception("socket.failed", extra={"job_id": str(self.job_id)})
            await self.close(1011)

    async def _has_room(self) -> bool:
        """False once too much is under way to a slow browser; one that takes nothing in for long is let go."""
        limit = clock.monotonic() + _PATIENCE_S
        while sum(self.shown.unseen) > MAX_UNSEEN_BYTES:
            if clock.monotonic() > limit:
                await self.close(TRY_AGAIN)
                return False
            self.news.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self.news.wait()
        return True

    async def _tell(self, principal: Principal) -> bool:
        """Send what is new; True when the job is over and all of it was sent."""
        async with serving.connection() as conn:
            # The state first: when it says "over", the log read after it is complete.
            row = await find_job(conn, principal, self.job_id, heavy=("progress",))
            await self._skip_ahead(conn)
            text = await job_logs.read_from(conn, self.job_id, self.shown.offset, max_chars=PIECE_CHARS)
            is_whole = len(text) < PIECE_CHARS
            state = await self._state_html(conn, principal, row) if is_whole else ""
        for piece in pieces(text):
            self.shown.offset += len(piece)
            html, self.shown.place = job_fragments.log_lines(piece, self.shown.offset, self.shown.place)
            await self._send(html)
        if state:
            await self._send(state)
        if not is_whole:
            self.news.set()
        return row.is_completed and is_whole

    async def _skip_ahead(self, conn: Any) -> None:
        """A page too far behind goes on near the end: more would be thrown out by it anyway."""
        end = await job_logs.end_of(conn, self.job_id)
        if end - self.shown.offset <= MAX_BEHIND_CHARS:
            return
        begin = end - _KEPT_CHARS
        text = await job_logs.read_from(conn, self.job_id, begin, max_chars=_KEPT_CHARS)
        begin += text.find("\n") + 1
        lines = await job_logs.lines_before(conn, self.job_id, begin)
        await self._send(job_fragments.skipped(lines - self.shown.place.lines))
        self.shown.offset, self.shown.place = begin, Position(lines=lines)

    async def _state_html(self, conn: Any, principal: Principal, row: JobRow) -> str:
        why = await _why_waiting(conn, row)
        if row.state == self.shown.state:
            if (why, row.progress) == (self.shown.why, self.shown.progress):
                return ""
            self.shown.why, self.shown.progress = why, row.progress
            return job_fragments.notice(job_page.of_row(row, self.workspace_id, why=why))
        self.shown.state, self.shown.why = row.state, why
        code = ""
        if row.is_completed:
            row = await find_job(conn, principal, self.job_id, heavy=job_page.HEAVY)
            code = await database_sync_to_async(job_page.source_of)(row)
        page = job_page.of_row(row, self.workspace_id, code=code, why=why)
        return job_fragments.state(page, principal)

    async def _send(self, html: str) -> None:
        self.shown.unseen.append(len(html))
        await self.send(text_data=html)


def is_own_page(scope: Any) -> bool:
    """Does the handshake come from a page of this site? The cookie alone proves nothing: it comes with every one."""
    headers = dict(scope.get("headers", ()))
    origin = urlsplit(headers.get(b"origin", b"").decode("latin-1"))
    if not origin.netloc:
        return False
    host = headers.get(b"host", b"").decode("latin-1")
    return origin.netloc == host or f"{origin.scheme}://{origin.netloc}" in settings.CSRF_TRUSTED_ORIGINS


def pieces(text: str) -> Iterator[str]:
    """`text` in parts that make messages of bounded size: markup grows with the lines, escapes with the characters.

    >>> [len(piece) for piece in pieces("x" * 40_000)]
    [32000, 8000]
    """
    at = 0
    while at < len(text):
        end = min(len(text), at + _MESSAGE_CHARS)
        feeds = text.count("\n", at, end)
        if feeds > _MESSAGE_LINES:
            end = at
            for _ in range(_MESSAGE_LINES):
                end = text.index("\n", end) + 1
        yield text[at:end]
        at = end


def _after(scope: Any) -> int:
    """The offset up to which the page has the log."""
    given = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("after", [""])[0]
    return int(given) if given.isascii() and given.isdigit() and len(given) < 12 else 0


async def _why_waiting(conn: Any, row: JobRow) -> Waiting | None:
    if not row.is_queued or row.running:
        return None
    facts = await facts_of(conn, row.id)
    return why_waiting(facts) if facts else None


def _state(scope: Any) -> str:
    """The state the page was rendered with."""
    return parse_qs(scope.get("query_string", b"").decode("latin-1")).get("state", [""])[0]


async def _place(conn: Any, job_id: UUID, offset: int) -> Position:
    """Where the log stands at `offset`."""
    if offset == 0:
        return START
    lines = await job_logs.lines_before(conn, job_id, offset)
    is_open = not (await job_logs.read_from(conn, job_id, offset - 1, max_chars=1)).startswith("\n")
    return Position(lines=lines + is_open, is_open=is_open)
