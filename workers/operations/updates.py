"""What is new about a job since the client last asked: polled, or as server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection

from workers import job_logs, serving
from workers.answers import Answer, Call, json_text
from workers.job_rows import JobRow, find_job
from workers.serialize import job_object, with_members
from workspaces import clock
from workspaces.errors import WindmillError
from workspaces.jsontext import dumps

MAX_CHARS = 500_000
STREAM_S = 60.0
MAX_STREAM_BYTES = 1_000_000
_PING_S = 10.0
_MIN_PAUSE_S = 0.1
_RECHECK_S = 5.0  # a token that was revoked must not go on reading


@dataclass(frozen=True)
class Seen:
    """What the client has: characters of log and of result stream, and the state it was told."""

    log_offset: int = 0
    stream_offset: int = 0
    running: bool | None = None


@dataclass(frozen=True)
class Update:
    """What is new as an API object, and what the client has seen after it."""

    members: dict[str, Any]
    seen: Seen
    row: JobRow
    is_last: bool

    @property
    def is_news(self) -> bool:
        return bool(self.members.keys() - {"log_offset", "stream_offset", "mem_peak"})


async def get_update(call: Call) -> Answer:
    """GET jobs_u/getupdate/{id}?running=&log_offset=&stream_offset=&get_progress=&no_logs= → what is new."""
    async with serving.connection() as conn:
        update = await _update(conn, call, call.job_id(), _seen_of(call))
    return json_text(dumps(update.members))


async def get_update_sse(call: Call) -> Answer:
    """GET jobs_u/getupdate_sse/{id}: the same, told as it happens until the job is over."""
    job_id = call.job_id()
    headers = (("Cache-Control", "no-cache"), ("X-Accel-Buffering", "no"))
    return Answer(content_type="text/event-stream", headers=headers, chunks=_events(call, job_id))


def _seen_of(call: Call) -> Seen:
    return Seen(call.whole("log_offset", 0), call.whole("stream_offset", 0), call.optional_flag("running"))


async def _update(conn: AsyncConnection[Any], call: Call, job_id: UUID, seen: Seen) -> Update:
    heavy = ["progress"] if call.flag("get_progress") else []
    row = await find_job(conn, call.principal, job_id, heavy=heavy)
    members: dict[str, Any] = {}
    log_offset, stream_offset = seen.log_offset, seen.stream_offset
    is_whole = True
    if not call.flag("no_logs"):
        text = await job_logs.read_from(conn, job_id, log_offset, max_chars=MAX_CHARS)
        # More is there than one answer should hold: the client is not told that it is over before it has it.
        is_whole = len(text) < MAX_CHARS
        log_offset += len(text)
        if text:
            members["new_logs"] = text
        members["log_offset"] = log_offset
    if not row.is_completed:
        stream = await job_logs.read_stream(conn, job_id)
        if len(stream) > stream_offset:
            members["new_result_stream"] = stream[stream_offset:]
            stream_offset = members["stream_offset"] = len(stream)
    if row.running != seen.running and not row.is_completed:
        members["running"] = row.running
    if row.is_completed and is_whole:
        members["completed"] = True
    if row.mem_peak_kb is not None:
        members["mem_peak"] = row.mem_peak_kb
    if row.progress is not None:
        members["progress"] = row.progress
    after = Seen(log_offset, stream_offset, row.running)
    return Update(members, after, row, is_last=row.is_completed and is_whole)


async def _events(call: Call, job_id: UUID) -> AsyncIterator[bytes]:
    """One update per 100 ms at most, a ping when nothing happens, and an end after a minute or a megabyte: the client
    comes back with its offsets, so a slow one never makes this process keep more than that for it (N1).
    """
    checked_at = told_at = clock.monotonic()
    limit = checked_at + STREAM_S
    seen, sent = _seen_of(call), 0
    current = serving.of_loop()
    watching = current.live.watch(job_id) if current else None
    watch = watching.__enter__() if watching else None
    try:
        while True:
            at = clock.monotonic()
            try:
                if at - checked_at > _RECHECK_S:
                    checked_at, call = at, replace(call, principal=await call.again())
                async with serving.connection() as conn:
                    update = await _update(conn, call, job_id, seen)
                    more = await _last_parts(conn, call, update) if update.is_last else {}
            except WindmillError as error:
                kind = "notfound" if error.status == 404 else "error"
                yield _event(dumps({"type": kind, "error": error.text}))
                return
            if update.is_news or update.is_last:
                event = _event(with_members(dumps({"type": "update"} | update.members), **more))
                sent, told_at = sent + len(event), at
                yield event
            seen = update.seen
            if update.is_last:
                return
            if at > limit or sent > MAX_STREAM_BYTES:
                yield _event('{"type":"timeout"}')
                return
            if at - told_at > _PING_S:
                told_at = at
                yield _event('{"type":"ping"}')
            await _pause(watch, at)
    finally:
        if watching:
            watching.__exit__(None, None, None)


async def _last_parts(conn: AsyncConnection[Any], call: Call, update: Update) -> dict[str, str]:
    """What the last event also says, as JSON text: the result and, unless `only_result`, the whole job."""
    row = await find_job(conn, call.principal, update.row.id, heavy=("result", "args"))
    result = row.result or "null"
    return {"only_result": result} if call.flag("only_result") else {"job": job_object(row), "only_result": result}


async def _pause(watch: Any, since: float) -> None:
    if watch is None:
        await asyncio.sleep(_MIN_PAUSE_S)
        return
    await watch.wait(1.0)
    left = _MIN_PAUSE_S - (clock.monotonic() - since)
    if left > 0:
        await asyncio.sleep(left)


def _event(data: str) -> bytes:
    return f"data: {data}\n\n".encode()
