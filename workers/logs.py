"""A job's output on its way into the database: decoded, cleaned, masked, cut into segments, bounded.

`JobLog` is one attempt's log; `LogWriter` stores what all of them have, few statements for many jobs. The first
HOT_BYTES of a log are rows of `job_log`, what follows is gzipped into `job_log_blob`; beyond the cap the head stays,
and of the rest the last TAIL_BYTES, with a line between that tells how much is missing.
"""

from __future__ import annotations

import asyncio
import codecs
import gzip
import logging
import re
from collections.abc import Iterable
from uuid import UUID

from workers import failpoints, log_rows
from workers.connections import Connection
from workers.log_rows import LogBlob, LogSegment
from workers.notify import Notifier
from workspaces.jsontext import clean_text

log = logging.getLogger(__name__)

HOT_BYTES = 1_000_000
BLOB_BYTES = 512_000
TAIL_BYTES = 256_000
STREAM_CHARS = 1_000_000  # of a result stream: all of it is kept in memory and read at once by those who follow
ROOM_BYTES = 1_000_000  # not stored yet; above it the job's output waits
FIRST_DELAY_S = 0.02  # a job that prints and ends is stored with its completion, in one statement
INTERVAL_S = 0.1
BLOB_DELAY_S = 1.0
STREAM_MARK = "WM_STREAM: "
_LONGEST_STREAM_LINE = 1_000_000
_OPEN_ESCAPE = re.compile(r"\x1b(?:\[[0-9;:?]{0,30})?\Z")
MASK = "********"
SHORTEST_SECRET = 8


class JobLog:
    """The log of one attempt. `seq` and `start` go on where an earlier attempt ended."""

    def __init__(
        self, job_id: UUID, lease_id: UUID, *, secrets: tuple[str, ...], cap_bytes: int, seq: int = 0, start: int = 0
    ) -> None:
        self.job_id, self.lease_id = job_id, lease_id
        self.stream = ""  # at most STREAM_CHARS of it: it becomes part of the result
        self.due_at: float | None = None  # when the next flush may be
        self.cold_due_at = 0.0
        self.room = asyncio.Event()
        self.room.set()
        self._secrets = secrets
        self._cap = cap_bytes
        self._tail_chars = min(TAIL_BYTES, cap_bytes // 4)
        self._seq, self._start = seq, start
        self._stream_seq = self._stream_start = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._carry = ""
        self._hot: list[str] = []
        self._cold: list[str] = []
        self._tail: list[str] = []
        self._tail_size = 0
        self._seen = 0  # characters of log so far, stored or not
        self._waiting = 0  # characters in _hot and _cold
        self._left_out = 0
        self._stream_waiting = ""
        self._stream_is_full = False

    @property
    def is_cold(self) -> bool:
        return bool(self._cold)

    def hide(self, secrets: Iterable[str]) -> None:
        """Mask these too. Short ones stay: they would mask half of every log, and protect nothing."""
        self._secrets += tuple(each for each in secrets if len(each) >= SHORTEST_SECRET)

    def continue_at(self, seq: int, start: int) -> None:
        """An earlier attempt wrote before us."""
        self._seq, self._start = seq, start

    def write(self, text: str) -> None:
        """Text of the platform itself (header, install output), a whole number of lines."""
        self._keep(self._masked(clean_text(text)))

    def feed(self, chunk: bytes) -> None:
        """Output of the job as it came: chunks end anywhere."""
        self._take(self._decoder.decode(chunk))

    def close(self) -> None:
        """Nothing more comes: what was held back to see its end is text now."""
        self._take(self._decoder.decode(b"", final=True), is_last=True)
        if self._tail:
            self._trim_tail()
            missing = self._left_out - self._tail_size
            if missing > 0:
                marker = f"\n[… {missing:,} characters of this log were left out: it is longer than allowed …]\n"
                self._cold.append(marker)
            self._cold += self._tail
            self._tail, self._left_out = [], 0

    def take_segments(self) -> list[LogSegment]:
        """What `job_log` is to get now."""
        if not self._hot:
            return []
        text = "".join(self._hot)
        self._hot.clear()
        self._stored(len(text))
        segment = LogSegment(self.job_id, self.lease_id, self._seq, self._start, text)
        self._advance(len(text))
        return [segment]

    def take_cold(self) -> str:
        """Text for gzipped rows; call `blob` with each part of it then."""
        text = "".join(self._cold)
        self._cold.clear()
        self._stored(len(text))
        return text

    def blob(self, text: str, content: bytes) -> LogBlob:
        made = LogBlob(self.job_id, self.lease_id, self._seq, self._start, len(text), content)
        self._advance(len(text))
        return made

    def take_stream(self) -> list[LogSegment]:
        """What `job_stream` is to get now."""
        text, self._stream_waiting = self._stream_waiting, ""
        if not text:
            return []
        segment = LogSegment(self.job_id, self.lease_id, self._stream_seq, self._stream_start, text)
        self._stream_seq += 1
        self._stream_start += len(text)
        return [segment]

    # --- text ---

    def _take(self, text: str, *, is_last: bool = False) -> None:
        text = self._carry + text.replace("\x00", "")
        cut = len(text) if is_last else len(text) - self._held_back(text)
        body, self._carry = text[:cut], text[cut:]
        if STREAM_MARK in body:
            body = self._without_stream(body)
        if body:
            self._keep(self._masked(body))

    def _held_back(self, text: str) -> int:
        """How many characters at the end may go on as something that must not be cut."""
        keep = 0
        line_start = text.rfind("\n") + 1
        line = text[line_start:]
        if STREAM_MARK.startswith(line[: len(STREAM_MARK)]) and 0 < len(line) < _LONGEST_STREAM_LINE:
            keep = len(line)
        escape = _OPEN_ESCAPE.search(text, max(0, len(text) - 40))
        if escape:
            keep = max(keep, len(text) - escape.start())
        return max([keep, *(_begun(secret, text) for secret in self._secrets)])

    def _without_stream(self, body: str) -> str:
        lines = body.splitlines(keepends=True) if "\r" not in body else re.split(r"(?<=\n)", body)
        kept = []
        for line in lines:
            if line.startswith(STREAM_MARK):
                kept.append(self._stream_on(line.removeprefix(STREAM_MARK)))
            else:
                kept.append(line)
        return "".join(kept)

    def _stream_on(self, line: str) -> str:
        """Take a line of the result stream; answers what to log about it."""
        if self._stream_is_full:
            return ""
        text = self._masked(line.rstrip("\r\n").replace("\\n", "\n"))[: STREAM_CHARS - len(self.stream)]
        self.stream += text
        self._stream_waiting += text
        self._stream_is_full = len(self.stream) >= STREAM_CHARS
        if not self._stream_is_full:
            return ""
        return f"[… the result stream ends here: it is longer than {STREAM_CHARS:,} characters …]\n"

    def _masked(self, text: str) -> str:
        for secret in self._secrets:
            if secret in text:
                text = text.replace(secret, MASK)
        return text

    # --- bounds ---

    def _keep(self, text: str) -> None:
        """Into the head while there is room, the rest into the tail."""
        room = max(0, self._cap - self._tail_chars - self._seen)
        head, rest = text[:room], text[room:]
        if head:
            is_hot = self._seen < HOT_BYTES and not self._cold
            (self._hot if is_hot else self._cold).append(head)
            self._waiting += len(head)
            if self._waiting > ROOM_BYTES:
                self.room.clear()
        if rest:
            self._left_out += len(rest)
            self._tail.append(rest[-self._tail_chars :])
            self._tail_size += len(self._tail[-1])
            if self._tail_size > 4 * self._tail_chars or len(self._tail) > 1000:
                self._trim_tail()
        self._seen += len(text)

    def _trim_tail(self) -> None:
        whole = "".join(self._tail)[-self._tail_chars :]
        self._tail, self._tail_size = [whole], len(whole)

    def _stored(self, length: int) -> None:
        self._waiting -= length
        if self._waiting <= ROOM_BYTES:
            self.room.set()

    def _advance(self, length: int) -> None:
        self._seq += 1
        self._start += length


def _begun(secret: str, text: str) -> int:
    """How many characters at the end of `text` are the beginning of `secret`.

    Looked for by the first characters: a secret may have 100,000, and this runs for every piece of output.
    """
    tail = text[-(len(secret) - 1) :] if len(secret) > 1 else ""
    for probe in (secret[:SHORTEST_SECRET], secret[:1]):
        at = tail.find(probe) if probe else -1
        while at >= 0:
            if secret.startswith(tail[at:]):
                return len(tail) - at
            at = tail.find(probe, at + 1)
        tail = tail[-SHORTEST_SECRET:]
    return 0


class LogWriter:
    """Stores what the logs of this process hold, when it is due. One task, one statement for all of them."""

    def __init__(self, database: Connection, notifier: Notifier) -> None:
        self._database = database
        self._notifier = notifier
        self._dirty: dict[UUID, JobLog] = {}
        self._wake = asyncio.Event()
        self._lock = asyncio.Lock()
        self._flushing: frozenset[UUID] = frozenset()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="log writer")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

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
        self._dirty.pop(job_log.job_id, None)
        while job_log.job_id in self._flushing:  # what is under way comes first
            async with self._lock:
                pass
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

    async def _run(self) -> None:
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
            except Exception:
                log.exception("log.flush_failed")
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
