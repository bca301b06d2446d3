"""Telling other processes that rows changed: ids only, after the commit, never more than latency depends on it.

One channel. A message is lines, each one event:

    q:<tag>    a job of that tag is ready        q!<tag>   … scan the tag from its start (priority, requeue)
    s:<job>    a job started or changed state    c:<job>   it is completed
    l:<job>    new log text                      x:<job>   its cancel was asked for
    t:<prefix> a token changed
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

import psycopg
from psycopg import AsyncConnection

from workers.connections import connect

log = logging.getLogger(__name__)

CHANNEL = "job_events"
MAX_PAYLOAD_BYTES = 7_900  # Postgres refuses 8,000
MIN_INTERVAL_S = 0.002
MAX_WAITING = 20_000  # events kept while the database is away; more are dropped, readers poll anyway
SEND = "SELECT pg_notify('job_events', payload) FROM unnest(%s::text[]) AS payload"


def ready_event(tag: str, *, priority: int = 0, scheduled_for: datetime | None = None) -> str:
    """What to tell when a job of `tag` may start; of another priority or time it may lie before the workers' marks.

    >>> ready_event("bash"), ready_event("bash", priority=2)
    ('q:bash', 'q!bash')
    """
    return f"q!{tag}" if priority or scheduled_for else f"q:{tag}"


def pack(events: Iterable[str]) -> list[str]:
    """`events` as few payloads, each below Postgres's limit.

    >>> pack(["c:1", "c:2"])
    ['c:1\\nc:2']
    """
    payloads: list[str] = []
    lines: list[str] = []
    size = 0
    for event in events:
        length = len(event.encode()) + 1
        if lines and size + length > MAX_PAYLOAD_BYTES:
            payloads.append("\n".join(lines))
            lines, size = [], 0
        lines.append(event)
        size += length
    if lines:
        payloads.append("\n".join(lines))
    return payloads


def notify_on_commit(*events: str) -> None:
    """Tell of `events` once Django's current transaction has committed (at once outside of one)."""
    from django.db import connection, transaction

    def send() -> None:
        with connection.cursor() as cursor:
            cursor.execute(SEND, [pack(dict.fromkeys(events))])

    if events:
        transaction.on_commit(send)


class Notifier:
    """Sends events on an autocommit connection of its own: at most one statement per 2 ms, many ids in it."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._waiting: dict[str, None] = {}
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._is_idle = True

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="notifier")

    def tell(self, *events: str) -> None:
        """Send `events` soon. Call it after the commit they speak of."""
        if len(self._waiting) < MAX_WAITING:
            self._waiting.update(dict.fromkeys(events))
            self._wake.set()

    async def close(self, *, within_s: float = 1.0) -> None:
        """Send what is waiting, then stop."""
        if self._task is None:
            return
        limit = asyncio.get_running_loop().time() + within_s
        while (self._waiting or not self._is_idle) and asyncio.get_running_loop().time() < limit:
            await asyncio.sleep(MIN_INTERVAL_S)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        conn: AsyncConnection[Any] | None = None
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                self._is_idle = False
                events, self._waiting = self._waiting, {}
                try:
                    if conn is None or conn.closed:
                        conn = await connect(self._url, "notifier")
                    await conn.execute(SEND, (pack(events),), prepare=True)
                    await asyncio.sleep(MIN_INTERVAL_S)
                except psycopg.Error as error:
                    log.warning("notify.failed", extra={"problem": type(error).__name__, "events": len(events)})
                    await asyncio.sleep(random.uniform(0.1, 0.4))  # noqa: S311 (jitter)
                except Exception:  # whatever it is, the next message may pass
                    log.exception("notify.crashed")
                self._is_idle = True
        finally:
            if conn is not None:
                await conn.close()


class Listener:
    """Hears events on a direct connection (LISTEN passes no pooler), reconnecting for ever.

    `on_events` gets the lines of one message. `on_reconnect` is called after every (re)connect: read again, since
    what was told meanwhile is lost.
    """

    def __init__(self, url: str, on_events: Callable[[list[str]], None], on_reconnect: Callable[[], None]) -> None:
        self._url = url
        self._on_events = on_events
        self._on_reconnect = on_reconnect
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="listener")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        pause_s = 0.05
        while True:
            try:
                async with await connect(self._url, "listener") as conn:
                    await conn.execute(f"LISTEN {CHANNEL}")
                    self._on_reconnect()
                    pause_s = 0.05
                    async for notification in conn.notifies():
                        self._on_events(notification.payload.split("\n"))
            except psycopg.Error as error:
                log.warning("listen.lost", extra={"problem": type(error).__name__})
            except Exception:  # of who listens: the connection is made anew, and everything read again
                log.exception("listen.crashed")
            await asyncio.sleep(random.uniform(pause_s / 2, pause_s))  # noqa: S311 (jitter)
            pause_s = min(2.0, pause_s * 2)
