"""Rows of logs and result streams: every write is fenced by the lease of the attempt that makes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString
from uuid import UUID

from psycopg import AsyncConnection


@dataclass(frozen=True)
class LogSegment:
    """`text` begins at character `start` of the job's log; seq grows by one over all attempts."""

    job_id: UUID
    lease_id: UUID
    seq: int
    start: int
    text: str


@dataclass(frozen=True)
class LogBlob:
    """`length` characters of log, gzipped, in the same order of seq and start as segments."""

    job_id: UUID
    lease_id: UUID
    seq: int
    start: int
    length: int
    content: bytes


# Fenced by the lease like every write of an attempt; repeating a segment changes nothing. Index: primary keys.
APPEND_LOG = """
INSERT INTO job_log (job_id, seq, start, text)
SELECT s.job_id, s.seq, s.start, s.text
FROM (SELECT set_config('synchronous_commit', 'off', true)) AS fast,
    unnest(%(ids)s::uuid[], %(leases)s::uuid[], %(seqs)s::int[], %(starts)s::bigint[], %(texts)b::text[])
    AS s (job_id, lease_id, seq, start, text)
JOIN job_queue AS q ON q.id = s.job_id AND q.lease_id = s.lease_id
ON CONFLICT DO NOTHING
"""

APPEND_BLOB = """
INSERT INTO job_log_blob (job_id, seq, start, length, content)
SELECT q.id, %(seq)s, %(start)s, %(length)s, %(content)b
FROM job_queue AS q CROSS JOIN (SELECT set_config('synchronous_commit', 'off', true)) AS fast
WHERE q.id = %(job_id)s AND q.lease_id = %(lease_id)s
ON CONFLICT DO NOTHING
"""

# Where the log of a job ends, in rows and in characters.
_LOG_END = """
    SELECT coalesce(max(last.seq) + 1, 0) AS seq, coalesce(max(last.finish), 0) AS start FROM (
        (SELECT seq, start + char_length(text) AS finish FROM job_log WHERE job_id = {job} ORDER BY seq DESC LIMIT 1)
        UNION ALL
        (SELECT seq, start + length FROM job_log_blob WHERE job_id = {job} ORDER BY seq DESC LIMIT 1)
    ) AS last
"""
LOG_END = _LOG_END.format(job="%(job_id)s")

# What a named duty (sweep, drain) has to say in a log that no attempt writes now.
APPEND_NOTES = f"""
INSERT INTO job_log (job_id, seq, start, text)
SELECT note.job_id, log_end.seq, log_end.start, note.text
FROM unnest(%(ids)s::uuid[], %(texts)s::text[]) AS note (job_id, text)
CROSS JOIN LATERAL ({_LOG_END.format(job="note.job_id")}) AS log_end
"""  # noqa: S608 (constants)

# Result stream of a running job (WM_STREAM lines); at the end it becomes part of the result.
APPEND_STREAM = """
INSERT INTO job_stream (job_id, seq, start, text)
SELECT s.job_id, s.seq, s.start, s.text
FROM (SELECT set_config('synchronous_commit', 'off', true)) AS fast,
    unnest(%(ids)s::uuid[], %(leases)s::uuid[], %(seqs)s::int[], %(starts)s::bigint[], %(texts)b::text[])
    AS s (job_id, lease_id, seq, start, text)
JOIN job_queue AS q ON q.id = s.job_id AND q.lease_id = s.lease_id
ON CONFLICT DO NOTHING
"""


async def append_log(
    conn: AsyncConnection[Any], segments: Sequence[LogSegment], *, statement: LiteralString = APPEND_LOG
) -> None:
    """Store segments of attempts that still hold their lease."""
    parameters = {
        "ids": [segment.job_id for segment in segments],
        "leases": [segment.lease_id for segment in segments],
        "seqs": [segment.seq for segment in segments],
        "starts": [segment.start for segment in segments],
        "texts": [segment.text for segment in segments],
    }
    await conn.execute(statement, parameters, prepare=True)


async def append_blob(conn: AsyncConnection[Any], blob: LogBlob) -> None:
    """Store gzipped log of an attempt that still holds its lease."""
    await conn.execute(APPEND_BLOB, vars(blob))


async def log_end(conn: AsyncConnection[Any], job_id: UUID) -> tuple[int, int]:
    """(seq, start) of the next segment of a job's log."""
    row = await (await conn.execute(LOG_END, {"job_id": job_id})).fetchone()
    return (row[0], row[1]) if row else (0, 0)


async def append_notes(conn: AsyncConnection[Any], notes: Mapping[UUID, str]) -> None:
    """Add a line to logs of jobs that do not run (their rows locked by the caller's transaction)."""
    await conn.execute(APPEND_NOTES, {"ids": list(notes), "texts": [f"\n--- {text} ---\n" for text in notes.values()]})
