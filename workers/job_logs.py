"""Reading logs: by segment for pages, by character offset for the API, whole for download.

A log is rows of `job_log`, then gzipped rows of `job_log_blob`, numbered together: `seq` and `start` (characters) grow
without gaps (L2), and what is read was committed (L1).
"""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection
from psycopg import AsyncConnection

# An offset is found without reading texts: `start` of each row is enough.
_FROM_OFFSET = """
SELECT seq, start, text FROM job_log
WHERE job_id = %(id)s AND seq >= coalesce(
    (SELECT max(seq) FROM job_log WHERE job_id = %(id)s AND start <= %(offset)s), 0)
ORDER BY seq LIMIT %(limit)s
"""
_BLOBS_FROM_OFFSET = """
SELECT seq, start, content FROM job_log_blob
WHERE job_id = %(id)s AND start + length > %(offset)s ORDER BY seq LIMIT %(limit)s
"""
_AFTER = "SELECT seq, start, text FROM job_log WHERE job_id = %(id)s AND seq > %(after)s ORDER BY seq LIMIT %(limit)s"
_BLOBS_AFTER = """
SELECT seq, start, content FROM job_log_blob WHERE job_id = %(id)s AND seq > %(after)s ORDER BY seq LIMIT %(limit)s
"""
# Sizes without texts, newest first: where a page's tail begins.
SIZES = """
SELECT seq, start FROM job_log WHERE job_id = %(id)s
UNION ALL SELECT seq, start FROM job_log_blob WHERE job_id = %(id)s
ORDER BY seq
"""
_STREAM = "SELECT coalesce(string_agg(text, '' ORDER BY seq), '') FROM job_stream WHERE job_id = %(id)s"
_BATCH = 64


@dataclass(frozen=True)
class Segment:
    """A piece of a log that begins at character `start`."""

    seq: int
    start: int
    text: str

    @property
    def end(self) -> int:
        return self.start + len(self.text)


async def read_from(conn: AsyncConnection[Any], job_id: UUID, offset: int, *, max_chars: int) -> str:
    """Up to about `max_chars` characters from `offset` on (a segment more at most)."""
    parts: list[str] = []
    at, size = offset, 0
    while size < max_chars:
        found = await _from_offset(conn, job_id, at)
        fresh = [segment for segment in found if segment.end > at]
        if not fresh:
            break
        for segment in fresh:
            piece = segment.text[max(0, at - segment.start) :]
            parts.append(piece)
            size += len(piece)
            at = segment.end
            if size >= max_chars:
                break
    return "".join(parts)


async def read_after(conn: AsyncConnection[Any], job_id: UUID, after_seq: int, *, limit: int = _BATCH) -> list[Segment]:
    """The segments that follow `after_seq`, at most `limit`."""
    parameters = {"id": job_id, "after": after_seq, "limit": limit}
    rows = await (await conn.execute(_AFTER, parameters, prepare=True)).fetchall()
    if rows:
        return [Segment(*row) for row in rows]
    blobs = await (await conn.execute(_BLOBS_AFTER, parameters | {"limit": 2}, prepare=True)).fetchall()
    return [await _unpacked(row) for row in blobs]


async def stream_whole(connect: Any, job_id: UUID) -> AsyncIterator[str]:
    """The whole log, a few segments at a time; `connect` is called for each batch, so a slow reader holds nothing."""
    after = -1
    while True:
        async with connect() as conn:
            segments = await read_after(conn, job_id, after)
        if not segments:
            return
        yield "".join(segment.text for segment in segments)
        after = segments[-1].seq


async def read_stream(conn: AsyncConnection[Any], job_id: UUID) -> str:
    """What a running job has streamed of its result."""
    row = await (await conn.execute(_STREAM, {"id": job_id})).fetchone()
    return row[0] if row else ""


@dataclass(frozen=True)
class Tail:
    """The end of a log for a page. `lines_before`: lines that are not shown; `last_seq` -1: nothing yet."""

    text: str
    last_seq: int
    first_start: int
    lines_before: int = 0


def read_tail_sync(job_id: UUID, *, max_chars: int) -> Tail:
    """The last segments that make up about `max_chars`, on Django's connection."""
    with connection.cursor() as cursor:
        cursor.execute(SIZES, {"id": job_id})
        sizes = cursor.fetchall()
        if not sizes:
            return Tail("", -1, 0)
        first = _first_of_tail([row[1] for row in sizes], max_chars)
        first_seq, first_start = sizes[first]
        cursor.execute(
            "SELECT seq, text FROM job_log WHERE job_id = %(id)s AND seq >= %(first)s ORDER BY seq",
            {"id": job_id, "first": first_seq},
        )
        pieces = {row[0]: row[1] for row in cursor.fetchall()}
        cursor.execute(
            "SELECT seq, content FROM job_log_blob WHERE job_id = %(id)s AND seq >= %(first)s ORDER BY seq",
            {"id": job_id, "first": first_seq},
        )
        pieces |= {row[0]: gzip.decompress(row[1]).decode() for row in cursor.fetchall()}
        text = "".join(pieces[seq] for seq in sorted(pieces))
        return Tail(text, max(pieces, default=-1), first_start, _lines_before(cursor, job_id, first_seq))


def _lines_before(cursor: Any, job_id: UUID, first_seq: int) -> int:
    """Line feeds in what is left out; gzipped parts are counted in Python."""
    if first_seq == 0:
        return 0
    cursor.execute(
        "SELECT coalesce(sum(length(text) - length(replace(text, E'\\n', ''))), 0) FROM job_log"
        " WHERE job_id = %(id)s AND seq < %(first)s",
        {"id": job_id, "first": first_seq},
    )
    lines = int(cursor.fetchone()[0])
    cursor.execute(
        "SELECT content FROM job_log_blob WHERE job_id = %(id)s AND seq < %(first)s", {"id": job_id, "first": first_seq}
    )
    return lines + sum(gzip.decompress(row[0]).count(b"\n") for row in cursor.fetchall())


def _first_of_tail(starts: list[int], max_chars: int) -> int:
    """Index of the earliest segment that is at most `max_chars` before the start of the last one."""
    limit = starts[-1] - max_chars
    return next(index for index, start in enumerate(starts) if start >= limit or index == len(starts) - 1)


async def _from_offset(conn: AsyncConnection[Any], job_id: UUID, offset: int) -> list[Segment]:
    parameters = {"id": job_id, "offset": offset, "limit": _BATCH}
    rows = await (await conn.execute(_FROM_OFFSET, parameters, prepare=True)).fetchall()
    found = [Segment(*row) for row in rows]
    if found and found[-1].end > offset:
        return found
    blobs = await (await conn.execute(_BLOBS_FROM_OFFSET, parameters | {"limit": 2}, prepare=True)).fetchall()
    return [await _unpacked(row) for row in blobs]


async def _unpacked(row: Any) -> Segment:
    text = await asyncio.to_thread(lambda: gzip.decompress(row[2]).decode())
    return Segment(row[0], row[1], text)


@dataclass(frozen=True)
class Skipped:
    """What a reader too far behind does not get: everything up to `last_seq`, that is `lines` line feeds."""

    last_seq: int
    lines: int


async def skip_ahead(
    conn: AsyncConnection[Any], job_id: UUID, after_seq: int, *, max_chars: int, keep_chars: int
) -> Skipped | None:
    """None while less than `max_chars` wait to be read after `after_seq`; else what to leave out to have the newest."""
    sql = f"SELECT seq, start FROM ({SIZES}) AS sizes WHERE seq > %(after)s"  # noqa: S608 (constants)
    sizes = await (await conn.execute(sql, {"id": job_id, "after": after_seq})).fetchall()
    if len(sizes) < 2 or sizes[-1][1] - sizes[0][1] <= max_chars:
        return None
    first = _first_of_tail([row[1] for row in sizes], keep_chars)
    if first == 0:
        return None
    last_seq = sizes[first - 1][0]
    before, _ = await lines_until(conn, job_id, after_seq)
    until, _ = await lines_until(conn, job_id, last_seq)
    return Skipped(last_seq, until - before)


async def lines_until(conn: AsyncConnection[Any], job_id: UUID, seq: int) -> tuple[int, bool]:
    """Line feeds in the segments up to `seq`, and whether the last of them ends inside a line."""
    parameters = {"id": job_id, "seq": seq}
    cursor = await conn.execute(
        "SELECT coalesce(sum(length(text) - length(replace(text, E'\\n', ''))), 0),"
        " (array_agg(right(text, 1) ORDER BY seq DESC))[1] FROM job_log WHERE job_id = %(id)s AND seq <= %(seq)s",
        parameters,
    )
    row = await cursor.fetchone()
    lines, last = (int(row[0]), row[1]) if row else (0, None)
    blobs = await (
        await conn.execute(
            "SELECT content FROM job_log_blob WHERE job_id = %(id)s AND seq <= %(seq)s ORDER BY seq", parameters
        )
    ).fetchall()
    for (content,) in blobs:
        text = await asyncio.to_thread(gzip.decompress, content)
        lines, last = lines + text.count(b"\n"), text[-1:].decode("latin-1")
    return lines, last not in (None, "\n")
