"""Keeping leases: renewing those held, noticing those lost, ending jobs whose lease cannot be renewed.

The renewal speaks of exactly the leases in memory. What the database lists as ours beyond them was claimed for us by a
statement whose answer got lost: it goes back at once.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable

from psycopg import AsyncConnection

from workers import failpoints, queue, worker_rows
from workers.attempts import Attempt, Attempts, Stop
from workers.connections import Connection
from workers.notify import Notifier
from workers.queue import Renewal
from workers.worker_settings import WorkerSettings

log = logging.getLogger(__name__)


class Heartbeat:
    """`ping` gives what the worker says of itself; it goes with each renewal."""

    def __init__(
        self,
        database: Connection,
        notifier: Notifier,
        attempts: Attempts,
        settings: WorkerSettings,
        ping: Callable[[], worker_rows.WorkerPing],
    ) -> None:
        self._database, self._notifier, self._attempts, self._settings = database, notifier, attempts, settings
        self._ping = ping
        self._wake = asyncio.Event()
        self._lock = asyncio.Lock()

    def hurry(self) -> None:
        """Renew now: a cancel was told of, or the connection was lost and leases with it."""
        self._wake.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self.beat()
            except failpoints.Failpoint:
                log.warning("heartbeat.failpoint")
            except Exception:
                log.exception("heartbeat.failed")
            pause_s = self._settings.heartbeat_s * random.uniform(0.9, 1.0)  # noqa: S311 (jitter)
            try:
                async with asyncio.timeout(pause_s):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()

    async def beat(self) -> None:
        """One renewal, and one word of ourselves."""
        await failpoints.reach("renew.before")
        async with self._lock:
            await self._renew()
            strays = await self._database.run(self._give_back_strays)
            if strays:
                log.warning("claims.given_back", extra={"tags": sorted(strays)})
                self._notifier.tell(*(f"q!{tag}" for tag in strays))
            ping = self._ping()
            await self._database.run(lambda conn: worker_rows.ping_worker(conn, ping))

    async def guard(self) -> None:
        """End, until cancelled, every job that has not been renewed for so long that its lease may end (J8)."""
        look_every_s = min(0.5, self._settings.lease_s / 20)
        while True:
            now = time.monotonic()
            for attempt in self._attempts:
                if now - attempt.renewed_at > self._settings.trust_s and not attempt.is_over:
                    if attempt.stop_reason is None:
                        log.error("lease.unrenewed", extra={"job_id": str(attempt.job.id)})
                    attempt.stop(Stop.UNRENEWED, grace_s=0)
            await asyncio.sleep(look_every_s)

    async def _renew(self) -> None:
        held: list[Attempt] = []
        sent_at = 0.0

        async def use(conn: AsyncConnection) -> Renewal:
            nonlocal held, sent_at
            held, sent_at = list(self._attempts), time.monotonic()
            if not held:
                return Renewal(lost=set(), cancels=[])
            return await queue.renew(conn, [each.held for each in held])

        renewal = await self._database.run(use)
        canceled = {each.job_id for each in renewal.cancels}
        for attempt in held:
            if attempt.job.id in renewal.lost:
                attempt.stop(Stop.LOST, grace_s=0)
                continue
            attempt.renewed_at = sent_at
            if attempt.job.id in canceled:
                attempt.stop(Stop.CANCEL, grace_s=self._settings.cancel_grace_s)

    async def _give_back_strays(self, conn: AsyncConnection) -> set[str]:
        # the leases are read here, on the connection of the claims: none can be under way
        return await queue.give_back_strays(conn, worker=self._settings.name, leases=self._attempts.leases())
