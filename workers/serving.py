"""What a web process keeps open beside Django: a pool of async connections, a notifier, the live listener.

They belong to the event loop that serves requests. Elsewhere (a management command, Django's test client, whose loop
lives for one request) a connection is opened for the call and nothing is kept.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from django.conf import settings
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from workers import notify
from workers.live import Live
from workspaces.errors import Unavailable

POOL_SIZE = 16
WAIT_S = 10.0
IDLE_S = 0.5
_LIMITS = "SET statement_timeout = '30s'; SET lock_timeout = '10s'; SET idle_in_transaction_session_timeout = '30s'"


@dataclass
class Serving:
    """The open things of one loop."""

    loop: asyncio.AbstractEventLoop
    pool: AsyncConnectionPool[AsyncConnection[Any]]
    notifier: notify.Notifier
    live: Live


_current: Serving | None = None


async def start() -> Serving:
    """Open everything for the running loop, once."""
    global _current
    loop = asyncio.get_running_loop()
    if _current is None or _current.loop is not loop:
        pool: AsyncConnectionPool[AsyncConnection[Any]] = AsyncConnectionPool(
            settings.DATABASE_URL,
            min_size=1,
            max_size=POOL_SIZE,
            timeout=WAIT_S,
            open=False,
            kwargs={"autocommit": True, "application_name": "windmill web"},
            configure=_configure,
            check=_check,
        )
        notifier = notify.Notifier(settings.DATABASE_URL)
        _current = Serving(loop, pool, notifier, Live(settings.DATABASE_DIRECT_URL))
        notifier.start()
        _current.live.start()
        await pool.open()
    return _current


async def stop() -> None:
    """Close everything of the running loop."""
    global _current
    serving, _current = of_loop(), None
    if serving is not None:
        await serving.live.close()
        await serving.notifier.close()
        await serving.pool.close()


def of_loop() -> Serving | None:
    """What is open for the running loop, if it serves requests."""
    return _current if _current is not None and _current.loop is asyncio.get_running_loop() else None


@asynccontextmanager
async def connection() -> AsyncIterator[AsyncConnection[Any]]:
    """An autocommit connection for a short while. Raises Unavailable when none is free in ten seconds."""
    serving = of_loop()
    if serving is None:
        async with await AsyncConnection.connect(settings.DATABASE_URL, autocommit=True) as conn:
            yield conn
        return
    try:
        conn = await serving.pool.getconn()
    except PoolTimeout as error:
        raise Unavailable("The database did not answer in time; try again in a moment") from error
    try:
        yield conn
    finally:
        await serving.pool.putconn(conn)


async def tell(conn: AsyncConnection[Any], *events: str) -> None:
    """Notify after a commit: batched where requests are served, else at once."""
    if not events:
        return
    serving = of_loop()
    if serving is not None:
        serving.notifier.tell(*events)
    else:
        await conn.execute(notify.SEND, (notify.pack(events),))


# When a connection was last handed out: those in use prove themselves, one that lay idle may have lost its server.
_handed_out: WeakKeyDictionary[AsyncConnection[Any], float] = WeakKeyDictionary()


async def _check(conn: AsyncConnection[Any]) -> None:
    """Raises when an idle connection is dead; the pool then takes another. Costs nothing under load."""
    now = time.monotonic()
    if now - _handed_out.get(conn, 0.0) > IDLE_S:
        await conn.execute("SELECT 1")
    _handed_out[conn] = now


async def _configure(conn: AsyncConnection[Any]) -> None:
    await conn.execute(_LIMITS)
