"""Reading logs by character offset: a piece for polls and pages, the whole for download.

A log is rows of `job_log`, then gzipped rows of `job_log_blob`; `seq` and `start` (characters) grow over both without
gaps (L2), and what is read was committed (L1). An offset is all a reader must remember, however the rows are cut.
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

# From the newest row backwards: who follows a log finds the place at once. Index: primary key. Rows have up to a
# megabyte and there may be thousands, so only what is asked for leaves the database.
_FROM = """
SELECT greatest(start, %(offset)s::bigint), substr(text, (greatest(0, %(offset)s - start) + 1)::int, %(chars)s::int)
FROM job_log
WHERE job_id = %(id)s AND start < %(offset)s + %(chars)s AND start + char_length(text) > %(offset)s
    AND seq >= coalesce(
        (SELECT seq FROM job_log WHERE job_id = %(id)s AND start <= %(offset)s ORDER BY seq DESC LIMIT 1), 0)
ORDER BY seq LIMIT 1000
"""
_BLOBS_FROM = """
SELECT start, content FROM job_log_blob
WHERE job_id = %(id)s AND start + length > %(offset)s AND start < %(offset)s + %(chars)s ORDER BY seq LIMIT 2
"""
_END = """
SELECT coalesce(max(finish), 0) FROM (
    (SELECT start + char_length(text) AS finish FROM job_log WHERE job_id = %(id)s ORDER BY seq DESC LIMIT 1)
    UNION ALL
    (SELECT start + length FROM job_log_blob WHERE job_id = %(id)s ORDER BY seq DESC LIMIT 1)
) AS last
"""
_LINES = """
SELECT coalesce(sum(char_length(part) - char_length(replace(part, E'\\n', ''))), 0)
FROM (SELECT left(text, least(%(offset)s - start, 2000000000)::int) AS part FROM job_log
    WHERE job_id = %(id)s AND start < %(offset)s) AS before
"""
_BLOBS_BEFORE = "SELECT start, content FROM job_log_blob WHERE job_id = %(id)s AND start < %(offset)s ORDER BY seq"
_STREAM = "SELECT coalesce(string_agg(text, '' ORDER BY seq), '') FROM job_stream WHERE job_id = %(id)s"
_DOWNLOAD_CHARS = 256_000


async def read_from(conn: AsyncConnection[Any], job_id: UUID, offset: int, *, max_chars: int) -> str:
    """Up to `max_chars` characters of the log from `offset` on."""
    parts: list[str] = []
    left = max_chars
    while left > 0:
        rows = await _rows_from(conn, job_id, offset, left)
        fresh = [piece for start, text in rows if (piece := text[max(0, offset - start) :])]
        if not fresh:
            break
        for piece in fresh:
            parts.append(piece[:left])
            offset += len(parts[-1])
            left -= len(parts[-1])
            if left <= 0:
                break
    return "".join(parts)


async def _rows_from(conn: AsyncConnection[Any], job_id: UUID, offset: int, chars: int) -> list[tuple[int, str]]:
    """Rows in order, the first one around `offset`, none that begins `chars` or more after it."""
    parameters = {"id": job_id, "offset": offset, "chars": chars}
    rows = await (await conn.execute(_FROM, parameters, prepare=True)).fetchall()
    if rows:
        return rows
    blobs = await (await conn.execute(_BLOBS_FROM, parameters, prepare=True)).fetchall()
    return [(start, await asyncio.to_thread(_unpacked, content)) for start, content in blobs]


async def end_of(conn: AsyncConnection[Any], job_id: UUID) -> int:
    """How many characters the log has."""
    row = await (await conn.execute(_END, {"id": job_id}, prepare=True)).fetchone()
    return row[0] if row else 0


async def lines_before(conn: AsyncConnection[Any], job_id: UUID, offset: int) -> int:
    """Line feeds in the first `offset` characters."""
    parameters = {"id": job_id, "offset": offset}
    row = await (await conn.execute(_LINES, parameters)).fetchone()
    blobs = await (await conn.execute(_BLOBS_BEFORE, parameters)).fetchall()
    return (int(row[0]) if row else 0) + await asyncio.to_thread(_lines_of, blobs, offset)


async def stream_whole(connect: Any, job_id: UUID) -> AsyncIterator[str]:
    """The whole log a piece at a time; `connect` is called for each, so that a slow reader holds nothing."""
    offset = 0
    while True:
        async with connect() as conn:
            text = await read_from(conn, job_id, offset, max_chars=_DOWNLOAD_CHARS)
        if not text:
            return
        yield text
        offset += len(text)


async def read_stream(conn: AsyncConnection[Any], job_id: UUID) -> str:
    """What a running job has streamed of its result."""
    row = await (await conn.execute(_STREAM, {"id": job_id})).fetchone()
    return row[0] if row else ""


@dataclass(frozen=True)
class Tail:
    """The end of a log, from the start of a line on: `lines_before` lines come before it, `end` is its last offset."""

    text: str
    end: int
    lines_before: int = 0


def read_tail_sync(job_id: UUID, *, max_chars: int) -> Tail:
    """At most the last `max_chars`, on Django's connection."""
    with connection.cursor() as cursor:
        cursor.execute(_END, {"id": job_id})
        end = cursor.fetchone()[0]
        begin = max(0, end - max_chars)
        parameters = {"id": job_id, "offset": begin}
        text = _text_from(cursor, parameters)
        if begin == 0:
            return Tail(text, len(text))
        end = begin + len(text)
        cut = text.find("\n") + 1
        cursor.execute(_LINES, parameters | {"offset": begin + cut})
        lines = int(cursor.fetchone()[0])
        cursor.execute(_BLOBS_BEFORE, parameters | {"offset": begin + cut})
        return Tail(text[cut:], end, lines + _lines_of(cursor.fetchall(), begin + cut))


def _text_from(cursor: Any, parameters: dict[str, Any]) -> str:
    offset, parts = parameters["offset"], []
    cursor.execute(
        "SELECT start, text FROM job_log WHERE job_id = %(id)s AND start + char_length(text) > %(offset)s ORDER BY seq",
        parameters,
    )
    parts = cursor.fetchall()
    cursor.execute(
        "SELECT start, content FROM job_log_blob WHERE job_id = %(id)s AND start + length > %(offset)s ORDER BY seq",
        parameters,
    )
    parts += [(start, _unpacked(content)) for start, content in cursor.fetchall()]
    return "".join(text[max(0, offset - start) :] for start, text in parts)


def _lines_of(blobs: list[tuple[int, bytes]], offset: int) -> int:
    return sum(_unpacked(content)[: offset - start].count("\n") for start, content in blobs)


def _unpacked(content: bytes) -> str:
    return gzip.decompress(content).decode()
