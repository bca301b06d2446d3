"""Stores what the logs of this process hold, when it is due: few statements for many jobs."""

from __future__ import annotations

import asyncio
import gzip
import logging
from uuid import UUID

from workers import failpoints, log_rows
from workers.connections import Connection
from workers.job_log import JobLog
from workers.log_rows import LogSegment
from workers.notify import Notifier

log = logging.getLogger(__name__)

BLOB_BYTES = 512_000
FIRST_DELAY_S = 0.02  # a job that prints and ends is stored with its completion, in one statement
INTERVAL_S = 0.1
BLOB_DELAY_S = 1.0


class LogWriter:
    """Stores what the logs of this process hold, when it is due. One task, one statement for all of them."""

    def __init__(self, database: Connection, notifier: Notifier) -> None:
        self._database = database
        self._notifier = notifier
        self._dirty: dict[UUID, JobLog] = {}
        self._wake = asyncio.Event()
        self._lock = asyncio.Lock()
        self._flushing: frozenset[UUID] = frozenset()

    async def feed(self, job_log: JobLog, chunk: bytes) -> None:
        """Take output of a job; waits while too much of it is not stored yet."""
        job_log.feed(chunk)
        self.touch(job_log)
        if not job_log.room.is_set():
            await job_log.room.wait()

    def touch(self, job_log: JobLog, *, delay_s: float | None = None) -> None:
        """There is something to store, soon."""
        now = asyncio.get_running_loop().time()
        if job_log.job_id not in self._dirty:
            self._dirty[job_log.job_id] = job_log
            earliest = job_log.due_at or now + (FIRST_DELAY_S if delay_s is None else delay_s)
            job_log.due_at = max(now, earliest)
            self._wake.set()
        elif delay_s is None and job_log.due_at is not None and job_log.due_at > now + INTERVAL_S:
            job_log.due_at = now + FIRST_DELAY_S
            self._wake.set()
        if not job_log.room.is_set():
            job_log.due_at = now
            self._wake.set()

    async def finish(self, job_log: JobLog) -> list[LogSegment]:
        """Store all but the last segments, which go with the completion."""
        job_log.close()
        while job_log.job_id in self._flushing:  # what is under way comes first
            async with self._lock:
                pass
        # Not before: a flush under way may put a log back whose blobs are not due; then two would store them at once.
        self._dirty.pop(job_log.job_id, None)
        if job_log.is_cold:
            segments = job_log.take_segments()
            if segments:
                await self._database.run(lambda conn: log_rows.append_log(conn, segments))
            await self._store_cold(job_log)
        return job_log.take_segments()

    async def store(self, job_log: JobLog) -> None:
        """Store everything now: the attempt ends without a completion."""
        segments = await self.finish(job_log)
        if segments:
            await self._database.run(lambda conn: log_rows.append_log(conn, segments))
            self._notifier.tell(f"l:{job_log.job_id}")

    async def run(self) -> None:
        """Until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = min((each.due_at or 0 for each in self._dirty.values()), default=None)
            wait_s = None if due is None else due - loop.time()
            if wait_s is None or wait_s > 0:
                try:
                    async with asyncio.timeout(wait_s):
                        await self._wake.wait()
                except TimeoutError:
                    pass
                self._wake.clear()
                continue
            try:
                await self._flush(loop.time())
            except Exception as error:  # no traceback: its text may quote the log
                log.error("log.flush_failed", extra={"problem": type(error).__name__})
                await asyncio.sleep(INTERVAL_S)

    async def _flush(self, now: float) -> None:
        async with self._lock:
            ready = [each for each in self._dirty.values() if (each.due_at or 0) <= now]
            self._flushing = frozenset(each.job_id for each in ready)
            try:
                await self._store(ready, now)
            finally:
                self._flushing = frozenset()
            self._notifier.tell(*(f"l:{each.job_id}" for each in ready))

    async def _store(self, ready: list[JobLog], now: float) -> None:
        segments: list[LogSegment] = []
        streams: list[LogSegment] = []
        for each in ready:
            del self._dirty[each.job_id]
            each.due_at = now + INTERVAL_S
            segments += each.take_segments()
            streams += each.take_stream()
        await failpoints.reach("log.before_flush")
        if segments:
            await self._database.run(lambda conn: log_rows.append_log(conn, segments))
        if streams:
            await self._database.run(lambda conn: log_rows.append_log(conn, streams, statement=log_rows.APPEND_STREAM))
        for each in ready:
            if each.is_cold:
                await self._flush_cold(each, now)

    async def _flush_cold(self, job_log: JobLog, now: float) -> None:
        if job_log.room.is_set() and now < job_log.cold_due_at:
            self._dirty[job_log.job_id] = job_log
            return
        job_log.cold_due_at = now + BLOB_DELAY_S
        await self._store_cold(job_log)

    async def _store_cold(self, job_log: JobLog) -> None:
        while text := job_log.take_cold():
            for begin in range(0, len(text), BLOB_BYTES):
                part = text[begin : begin + BLOB_BYTES]
                content = await asyncio.to_thread(gzip.compress, part.encode(), 1)
                blob = job_log.blob(part, content)
                await self._database.run(lambda conn, blob=blob: log_rows.append_blob(conn, blob))
