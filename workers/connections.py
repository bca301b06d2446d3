"""A database connection that comes back: lost ones are replaced, passing failures repeated.

A bare connection in a long-lived process stays broken after the server restarted. Everything the worker does in the
database goes through `Connection.run`, so what it is given must be idempotent: it may run again after a commit whose
answer was lost.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any

import psycopg
from psycopg import AsyncConnection, errors

log = logging.getLogger(__name__)

type Use[T] = Callable[[AsyncConnection[Any]], Awaitable[T]]

# Repeating helps and needs no new connection: serialization failure, deadlock, lock or statement time-out.
PASSING = (
    errors.SerializationFailure,
    errors.DeadlockDetected,
    errors.LockNotAvailable,
    errors.QueryCanceled,
)
# The server is going, coming up, or a standby: another connection may reach a better one.
_ELSEWHERE = (
    errors.ReadOnlySqlTransaction,
    errors.AdminShutdown,
    errors.CrashShutdown,
    errors.CannotConnectNow,
    errors.IdleInTransactionSessionTimeout,
)
_TOO_MUCH = "54"  # class of what is beyond the server's limits: the statement's own fault, also the next time
_MAX_PASSING = 8
_LONGEST_PAUSE_S = 1.0
# D1: nothing of ours holds a lock or a transaction for long.
_LIMITS = "SET statement_timeout = '30s'; SET lock_timeout = '5s'; SET idle_in_transaction_session_timeout = '15s'"


class Connection:
    """One autocommit connection, used by one task at a time.

    `on_reconnect` is called when a lost connection has been replaced: the answer to what it was asked may be lost.
    """

    def __init__(self, url: str, name: str, *, on_reconnect: Callable[[], None] | None = None) -> None:
        self.count = 0  # of connections made
        self._on_reconnect = on_reconnect
        self._url = url
        self._name = name
        self._lock = asyncio.Lock()
        self._conn: AsyncConnection[Any] | None = None

    async def run[T](self, use: Use[T]) -> T:
        """The answer of `use`, repeated until the database gives one.

        Raises what is no fault of the connection, and a passing failure that did not pass in eight tries.
        """
        async with self._lock:
            passing, pause_s = 0, 0.02
            while True:
                try:
                    return await use(await self._connected())
                except PASSING as error:
                    passing += 1
                    if passing > _MAX_PASSING:
                        raise
                    problem: psycopg.Error = error
                    if self._conn is not None and self._conn.pgconn.transaction_status != 0:
                        await self._drop()  # still inside the failed transaction
                except (psycopg.OperationalError, psycopg.InterfaceError, *_ELSEWHERE) as error:
                    # gone, coming up, full disk, no memory, no free connection: it resumes alone, so no limit (D5)
                    if (error.sqlstate or "").startswith(_TOO_MUCH):
                        raise
                    problem = error
                    await self._drop()
                log.warning(
                    "database.retry",
                    extra={"connection": self._name, "problem": type(problem).__name__, "sqlstate": problem.sqlstate},
                )
                await asyncio.sleep(random.uniform(pause_s / 2, pause_s))  # noqa: S311 (jitter)
                pause_s = min(_LONGEST_PAUSE_S, pause_s * 2)

    async def close(self) -> None:
        await self._drop()

    async def _connected(self) -> AsyncConnection[Any]:
        if self._conn is None or self._conn.closed:
            self._conn = await connect(self._url, self._name)
            await self._conn.execute(_LIMITS)
            self.count += 1
            if self.count > 1 and self._on_reconnect is not None:
                self._on_reconnect()
        return self._conn

    async def _drop(self) -> None:
        conn, self._conn = self._conn, None
        if conn is not None:
            await conn.close()


async def connect(url: str, name: str) -> AsyncConnection[Any]:
    """An autocommit connection that notices a dead peer before a lease ends (keepalives: TCP only)."""
    return await AsyncConnection.connect(
        url,
        autocommit=True,
        connect_timeout=5,
        keepalives_idle=5,
        keepalives_interval=2,
        keepalives_count=3,
        tcp_user_timeout=8000,
        application_name=f"windmill {name}"[:63],
    )


async def wait_until_reachable(url: str, *, within_s: float = 30) -> None:
    """Return once the database answers. Raises psycopg.OperationalError when it does not in time."""
    limit = time.monotonic() + within_s
    while True:
        try:
            async with await AsyncConnection.connect(url, autocommit=True, connect_timeout=5) as conn:
                await conn.execute("SELECT 1")
                return
        except psycopg.OperationalError:
            if time.monotonic() > limit:
                raise
            await asyncio.sleep(0.2)
