"""The websocket of a job's page: state, log and result as HTML fragments for htmx, as they happen."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import psycopg
from asgiref.sync import sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings

from workers import job_fragments, job_logs, job_page, serving
from workers.job_rows import JobRow, find_job
from workers.live import group_of
from workers.log_chunks import START, Position
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
MAX_BEHIND_CHARS = 256_000
_KEPT_CHARS = 64_000
_RECHECK_S = 5.0
_MIN_PAUSE_S = 0.03
_PATIENCE_S = 30.0
GOING_AWAY, TRY_AGAIN, REFUSED = 1001, 1013, 4403


@dataclass
class Shown:
    """What the page has: the log up to `seq`, with its place in lines, and the state it shows."""

    seq: int = -1
    place: Position = START
    state: str = ""
    unseen: list[int] = field(default_factory=list)


class JobConsumer(AsyncWebsocketConsumer):
    """One page of one job. The browser answers each message with `seen`; nothing is sent far ahead of it (N1)."""

    async def connect(self) -> None:
        self.shown = Shown()
        self.news = asyncio.Event()
        self.task: asyncio.Task[None] | None = None
        route = self.scope["url_route"]["kwargs"]
        self.workspace_id, self.job_id = route["workspace"], route["job_id"]
        try:
            principal = await self._principal()
            async with serving.connection() as conn:
                row = await find_job(conn, principal, self.job_id)
                self.shown.seq = _after(self.scope)
                self.shown.place = await _place(conn, self.job_id, self.shown.seq)
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
            html = await self._log_html(conn)
            if row.state != self.shown.state:
                html += await self._state_html(conn, principal, row)
        if html:
            await self._send(html)
        return row.is_completed and not await self._is_more()

    async def _log_html(self, conn: Any) -> str:
        skipped = await job_logs.skip_ahead(
            conn, self.job_id, self.shown.seq, max_chars=MAX_BEHIND_CHARS, keep_chars=_KEPT_CHARS
        )
        html = ""
        if skipped is not None:
            self.shown.seq = skipped.last_seq
            self.shown.place = Position(lines=self.shown.place.lines + skipped.lines)
            html = job_fragments.skipped(skipped.lines)
        for segment in await job_logs.read_after(conn, self.job_id, self.shown.seq):
            part, self.shown.place = job_fragments.log_lines(segment, self.shown.place)
            self.shown.seq = segment.seq
            html += part
        return job_fragments.appended(html) if html else ""

    async def _state_html(self, conn: Any, principal: Principal, row: JobRow) -> str:
        self.shown.state = row.state
        code = ""
        if row.is_completed:
            row = await find_job(conn, principal, self.job_id, heavy=job_page.HEAVY)
            code = await sync_to_async(job_page.source_of)(row)
        page = job_page.of_row(row, self.workspace_id, code=code)
        return job_fragments.state(page, principal)

    async def _is_more(self) -> bool:
        async with serving.connection() as conn:
            return bool(await job_logs.read_after(conn, self.job_id, self.shown.seq, limit=1))

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


def _after(scope: Any) -> int:
    """The last log segment the page has."""
    given = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("after", [""])[0].partition(".")[0]
    return int(given) if given.isascii() and given.isdigit() and len(given) < 10 else -1


def _state(scope: Any) -> str:
    """The state the page was rendered with."""
    return parse_qs(scope.get("query_string", b"").decode("latin-1")).get("state", [""])[0]


async def _place(conn: Any, job_id: UUID, seq: int) -> Position:
    """Where the log stands after segment `seq`."""
    if seq < 0:
        return START
    lines, is_open = await job_logs.lines_until(conn, job_id, seq)
    return Position(lines=lines + is_open, is_open=is_open)
