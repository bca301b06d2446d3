"""Every statement of the hot path: push, claim, complete, cancel, ping. Parameters only, no ORM.

Functions take a psycopg async connection in autocommit mode; each is one transaction. What follows a commit
(notifications) is the caller's business, so each function returns what there is to tell.

Durability: `synchronous_commit` is off for what can be repeated (claim, ping, promote, log) and stays on where
something was promised (push, complete, cancel). It is set inside the statement (`fast`), for that transaction alone:
one round trip, and nothing leaks into the session of a pooler.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import namedtuple_row

from workers.log_rows import LogSegment, append_notes
from workspaces import ids
from workspaces.jsontext import dumps

# --- push ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class NewJob:
    """A job to be queued. `args` is clean JSON text of an object; `scheduled_for` None means now."""

    workspace_id: str
    kind: str
    tag: str
    created_by: str
    permissioned_as: str
    permissioned_as_email: str
    args: str = "{}"
    id: UUID = field(default_factory=ids.uuid7)
    end_user_email: str = ""
    item_id: UUID | None = None
    runnable_path: str = ""
    runnable_hash: int | None = None
    language: str = ""
    entrypoint: str = ""
    raw_code: str | None = None
    raw_lock: str | None = None
    priority: int = 0
    scheduled_for: datetime | None = None
    delay_s: float | None = None
    timeout_s: int | None = None
    cache_ttl_s: int | None = None
    parent_id: UUID | None = None
    root_id: UUID | None = None
    step_path: str = ""
    trigger_kind: str = ""
    trigger_path: str = ""
    visible_to_owner: bool = True
    is_repeatable: bool = True
    labels: tuple[str, ...] = ()

    def parameters(self) -> dict[str, Any]:
        values = dict(vars(self))
        values["labels"] = list(self.labels)
        return values


_JOB_COLUMNS = """id, workspace_id, kind, created_by, permissioned_as, permissioned_as_email, end_user_email, item_id,
    runnable_path, runnable_hash, language, entrypoint, raw_code, raw_lock, args, tag, priority, scheduled_for,
    timeout_s, cache_ttl_s, parent_id, root_id, step_path, trigger_kind, trigger_path, visible_to_owner,
    is_repeatable, labels"""

_JOB_VALUES = """%(id)s, %(workspace_id)s, %(kind)s, %(created_by)s, %(permissioned_as)s, %(permissioned_as_email)s,
    %(end_user_email)s, %(item_id)s::uuid, %(runnable_path)s, %(runnable_hash)s::bigint, %(language)s, %(entrypoint)s,
    %(raw_code)s::text, %(raw_lock)s::text, %(args)s::json, %(tag)s, %(priority)s::smallint,
    coalesce(%(scheduled_for)s::timestamptz, windmill_now() + make_interval(secs => coalesce(%(delay_s)s::float8, 0))),
    %(timeout_s)s::int, %(cache_ttl_s)s::int, %(parent_id)s::uuid, %(root_id)s::uuid, %(step_path)s, %(trigger_kind)s,
    %(trigger_path)s, %(visible_to_owner)s::bool, %(is_repeatable)s::bool, %(labels)s::varchar(60)[]"""

# One statement, so a job is never half there (J2). A used id inserts nothing and answers no row (J3).
PUSH = f"""
WITH new AS (
    INSERT INTO job ({_JOB_COLUMNS}) SELECT {_JOB_VALUES}
    ON CONFLICT (id) DO NOTHING
    RETURNING id, workspace_id, tag, priority, scheduled_for
)
INSERT INTO job_queue (id, workspace_id, tag, priority, scheduled_for, ready)
SELECT id, workspace_id, tag, priority, scheduled_for, scheduled_for <= windmill_now() FROM new
RETURNING ready
"""  # noqa: S608 (constants)

# The same behind an Idempotency-Key: of many at once the first wins the key, the others wait for its commit and read
# it.
PUSH_ONCE = f"""
WITH won AS (
    INSERT INTO idempotency_key (workspace_id, owner, key, fingerprint, job_id)
    VALUES (%(workspace_id)s, %(key_owner)s, %(key)s, %(fingerprint)s, %(id)s)
    ON CONFLICT DO NOTHING
    RETURNING job_id
), new AS (
    INSERT INTO job ({_JOB_COLUMNS}) SELECT {_JOB_VALUES} FROM won
    RETURNING id, workspace_id, tag, priority, scheduled_for
)
INSERT INTO job_queue (id, workspace_id, tag, priority, scheduled_for, ready)
SELECT id, workspace_id, tag, priority, scheduled_for, scheduled_for <= windmill_now() FROM new
RETURNING ready
"""  # noqa: S608 (constants)

READ_KEY = "SELECT job_id, fingerprint FROM idempotency_key WHERE workspace_id = %s AND owner = %s AND key = %s"


@dataclass(frozen=True)
class Pushed:
    """`ready`: may start now (tell the workers of its tag); `is_new` False: an earlier call made this job."""

    job_id: UUID
    ready: bool
    is_new: bool = True


class DuplicateJob(Exception):
    """The id that the caller chose is taken."""


class KeyReused(Exception):
    """The idempotency key was used with another request."""


async def push(conn: AsyncConnection[Any], job: NewJob) -> Pushed:
    """Queue one job, durably. Raises DuplicateJob."""
    cursor = await conn.execute(PUSH, job.parameters(), prepare=True)
    row = await cursor.fetchone()
    if row is None:
        raise DuplicateJob(str(job.id))
    return Pushed(job.id, row[0])


async def push_once(conn: AsyncConnection[Any], job: NewJob, *, owner: str, key: str, fingerprint: bytes) -> Pushed:
    """Queue a job unless `owner` did so under `key` before; then its id. Raises KeyReused on another fingerprint."""
    parameters = job.parameters() | {"key_owner": owner, "key": key, "fingerprint": fingerprint}
    row = await (await conn.execute(PUSH_ONCE, parameters, prepare=True)).fetchone()
    if row is not None:
        return Pushed(job.id, row[0])
    known = await (await conn.execute(READ_KEY, (job.workspace_id, owner, key), prepare=True)).fetchone()
    if known is None or bytes(known[1]) != fingerprint:
        raise KeyReused(key)
    return Pushed(known[0], ready=False, is_new=False)


# --- claim -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ClaimedJob:
    """A job this worker may run, with everything it needs. `token_secret` proves the lease to the API (WM_TOKEN)."""

    id: UUID
    workspace_id: str
    kind: str
    created_by: str
    permissioned_as: str
    permissioned_as_email: str
    end_user_email: str
    item_id: UUID | None
    runnable_path: str
    runnable_hash: int | None
    language: str
    entrypoint: str
    raw_code: str | None
    raw_lock: str | None
    args: str
    tag: str
    priority: int
    rank: int
    scheduled_for: datetime
    timeout_s: int | None
    cache_ttl_s: int | None
    parent_id: UUID | None
    root_id: UUID | None
    step_path: str
    trigger_kind: str
    trigger_path: str
    visible_to_owner: bool
    is_repeatable: bool
    labels: list[str]
    created_at: datetime
    lease_id: UUID
    attempt: int
    losses: int
    started_at: datetime
    token_secret: bytes = b""

    @property
    def token(self) -> str:
        return job_token(self.id, self.token_secret)


JOB_TOKEN_PREFIX = "wmj_"  # noqa: S105 (not a secret)


def job_token(job_id: UUID, secret: bytes) -> str:
    """The bearer token of one attempt of a job."""
    return f"{JOB_TOKEN_PREFIX}{job_id.hex}{secret.hex()}"


def parse_job_token(token: str) -> tuple[UUID, UUID] | None:
    """(job id, lease id) that the token claims; None if it is not of the form. Valid only while that lease lives."""
    text = token.removeprefix(JOB_TOKEN_PREFIX)
    if len(text) != 96 or text == token:
        return None
    try:
        raw = bytes.fromhex(text)
    except ValueError:
        return None
    return UUID(bytes=raw[:16]), lease_of(raw[16:])


def lease_of(token_secret: bytes) -> UUID:
    """A lease is named by the hash of its token's secret: a reader of the database learns no token."""
    return UUID(bytes=hashlib.sha256(token_secret).digest()[:16])


@dataclass(frozen=True)
class Mark:
    """Where a scan of a tag starts: rows before (rank, since) were seen claimed. `Mark(tag)` scans from the start."""

    tag: str
    rank: int = -32768
    since: datetime | None = None


# Index job_queue_ready: one range scan a tag, from its mark on. The row comparison keeps the range exact although dead
# rows of earlier claims still sit in the index behind an old snapshot. The lease is the hash of a secret that only the
# worker can recompute: sha256(seed || id || attempt), so no two attempts share one. Rows locked beyond the limit are
# free again at the commit (see `claim`).
CLAIM = """
WITH seen AS (
    SELECT mark.tag, q.id, q.rank, q.scheduled_for
    FROM unnest(%(tags)s::text[], %(ranks)s::smallint[], %(sinces)s::timestamptz[]) AS mark (tag, rank, since)
    CROSS JOIN LATERAL (
        SELECT id, rank, scheduled_for FROM job_queue
        WHERE ready AND tag = mark.tag AND (rank, scheduled_for) >= (mark.rank, mark.since)
        ORDER BY rank, scheduled_for, id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
    ) AS q
), best AS (
    SELECT id FROM seen ORDER BY rank, scheduled_for, id LIMIT %(limit)s
), mine AS (
    UPDATE job_queue AS q
    SET ready = false, running = true, worker = %(worker)s, attempt = attempt + 1, started_at = windmill_now(),
        last_ping = windmill_now(),
        lease_id = encode(substring(
            sha256(sha256(%(seed)s || uuid_send(q.id) || int4send(attempt + 1))) FOR 16), 'hex')::uuid
    FROM best WHERE q.id = best.id
    RETURNING q.id, q.rank, q.lease_id, q.attempt, q.losses, q.started_at
)
SELECT j.id, j.workspace_id, j.kind, j.created_by, j.permissioned_as, j.permissioned_as_email, j.end_user_email,
    j.item_id, j.runnable_path, j.runnable_hash, j.language, j.entrypoint, j.raw_code, j.raw_lock, j.args::text AS args,
    j.tag, j.priority, mine.rank, j.scheduled_for, j.timeout_s, j.cache_ttl_s, j.parent_id, j.root_id, j.step_path,
    j.trigger_kind, j.trigger_path, j.visible_to_owner, j.is_repeatable, j.labels, j.created_at,
    mine.lease_id, mine.attempt, mine.losses, mine.started_at, (SELECT count(*) FROM seen) AS seen,
    (SELECT array_agg(DISTINCT tag) FROM seen) AS seen_tags
FROM mine JOIN job AS j ON j.id = mine.id CROSS JOIN (SELECT set_config('synchronous_commit', 'off', true)) AS fast
ORDER BY mine.rank, j.scheduled_for, j.id
"""


@dataclass(frozen=True)
class Claim:
    """`more`: rows were locked that other workers may have skipped meanwhile; tell them to look again.

    `tags`: those in which any were found; the others that were asked for have nothing ready.
    """

    jobs: list[ClaimedJob]
    more: bool = False
    tags: tuple[str, ...] = ()


async def claim(conn: AsyncConnection[Any], *, worker: str, seed: bytes, marks: Sequence[Mark], limit: int) -> Claim:
    """Take up to `limit` jobs, best first (priority, due time, id). `seed`: 32 random bytes kept by this process."""
    parameters = {
        "tags": [mark.tag for mark in marks],
        "ranks": [mark.rank for mark in marks],
        "sinces": [mark.since.isoformat() if mark.since else "-infinity" for mark in marks],
        "limit": limit,
        "worker": worker,
        "seed": seed,
    }
    async with conn.cursor(row_factory=namedtuple_row) as cursor:
        await cursor.execute(CLAIM, parameters, prepare=True)
        rows: list[Any] = await cursor.fetchall()
    jobs = []
    for row in rows:
        values = row._asdict()
        del values["seen"], values["seen_tags"]
        jobs.append(ClaimedJob(**values, token_secret=_token_secret(seed, row.id, row.attempt)))
    if not rows:
        return Claim([])
    return Claim(jobs, more=rows[0].seen > len(rows), tags=tuple(rows[0].seen_tags))


def _token_secret(seed: bytes, job_id: UUID, attempt: int) -> bytes:
    return hashlib.sha256(seed + job_id.bytes + attempt.to_bytes(4, "big")).digest()


# Rows whose time has come. Index job_queue_due.
PROMOTE = """
UPDATE job_queue AS q SET ready = true
FROM (
    SELECT id FROM job_queue
    WHERE NOT ready AND NOT running AND suspend = 0 AND scheduled_for <= windmill_now()
    ORDER BY scheduled_for LIMIT 1000 FOR UPDATE SKIP LOCKED
) AS due, (SELECT set_config('synchronous_commit', 'off', true)) AS fast
WHERE q.id = due.id
RETURNING q.tag
"""

NEXT_DUE = """
SELECT extract(epoch FROM min(scheduled_for) - windmill_now())::float8 FROM job_queue
WHERE NOT ready AND NOT running AND suspend = 0
"""


async def promote_due(conn: AsyncConnection[Any]) -> tuple[set[str], float | None]:
    """Make due rows ready. Answers their tags and the seconds until the next one is due (None: nothing planned)."""
    tags = {row[0] for row in await (await conn.execute(PROMOTE, prepare=True)).fetchall()}
    row = await (await conn.execute(NEXT_DUE, prepare=True)).fetchone()
    return tags, (max(0.0, row[0]) if row and row[0] is not None else None)


# --- complete --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Completion:
    """The end of an attempt. `result` is clean JSON text; `lease_id` proves that it is still ours."""

    job_id: UUID
    lease_id: UUID
    status: str
    result: str
    duration_ms: int
    mem_peak_kb: int | None = None
    labels: tuple[str, ...] = ()


# Finish jobs we still own. No row back: the lease was lost, the result and the last log are dropped (J6, L7). The
# DELETE is the fence, so all tables change in one statement (J4, J5). A cancel that landed before wins over a late
# success. Index: primary key. %b: binary, or megabytes of JSON would be escaped into an array literal.
# The rest comes as one JSON text: psycopg takes 0.3 ms to write ten arrays.
COMPLETE = """
WITH ended AS (
    SELECT facts.*, results.result
    FROM json_to_recordset(%(ended)s::json) AS facts (number int, id uuid, lease_id uuid, status text,
        duration_ms bigint, mem_peak_kb int, labels varchar(60)[])
    JOIN unnest(%(results)b::text[]) WITH ORDINALITY AS results (result, number) USING (number)
), mine AS (
    DELETE FROM job_queue AS q USING ended
    WHERE q.id = ended.id AND q.lease_id = ended.lease_id
    RETURNING q.id, q.workspace_id, q.started_at, q.worker, q.attempt, q.canceled_by, q.canceled_reason, q.canceled_at,
        ended.status, ended.result, ended.duration_ms, coalesce(ended.mem_peak_kb, q.mem_peak_kb) AS mem_peak_kb,
        ended.labels
), logged AS (
    INSERT INTO job_log (job_id, seq, start, text)
    SELECT s.job_id, s.seq, s.start, s.text
    FROM json_to_recordset(%(logs)s::json) AS s (job_id uuid, seq int, start bigint, text text)
    JOIN mine ON mine.id = s.job_id
    ON CONFLICT DO NOTHING
)
INSERT INTO job_completed (id, workspace_id, status, result, started_at, completed_at, duration_ms, mem_peak_kb, worker,
    attempt, canceled_by, canceled_reason, labels)
SELECT id, workspace_id, CASE WHEN canceled_at IS NULL THEN status ELSE 'canceled' END,
    CASE WHEN canceled_at IS NULL THEN result::json ELSE windmill_canceled(canceled_by, canceled_reason) END,
    started_at, greatest(windmill_now(), started_at), duration_ms, mem_peak_kb, worker, attempt, canceled_by,
    canceled_reason, labels
FROM mine
RETURNING id, status
"""

# After a commit whose answer was lost: which of these did our first try finish (D3)?
WAS_COMPLETED = "SELECT id, status FROM job_completed WHERE id = ANY(%(ids)s) AND worker = %(worker)s"


async def complete(
    conn: AsyncConnection[Any], ended: Sequence[Completion], logs: Sequence[LogSegment] = ()
) -> dict[UUID, str]:
    """Finish jobs; status as stored by id. Ids not answered had lost their lease, their `logs` are dropped with them.

    In a transaction of the caller it is that one's part (hooks run there), otherwise it is one of its own.
    """
    parameters = {
        "ended": dumps([_facts_of(number, each) for number, each in enumerate(ended, 1)]),
        "results": [each.result for each in ended],
        "logs": dumps(
            [{"job_id": str(each.job_id), "seq": each.seq, "start": each.start, "text": each.text} for each in logs]
        ),
    }
    cursor = await conn.execute(COMPLETE, parameters, prepare=True)
    return {row[0]: row[1] for row in await cursor.fetchall()}


def _facts_of(number: int, ended: Completion) -> dict[str, Any]:
    return {
        "number": number,
        "id": str(ended.job_id),
        "lease_id": str(ended.lease_id),
        "status": ended.status,
        "duration_ms": ended.duration_ms,
        "mem_peak_kb": ended.mem_peak_kb,
        "labels": list(ended.labels),
    }


async def was_completed(conn: AsyncConnection[Any], job_ids: Sequence[UUID], *, worker: str) -> dict[UUID, str]:
    """Status of those of `job_ids` that `worker` finished."""
    parameters = {"ids": list(job_ids), "worker": worker}
    return {row[0]: row[1] for row in await (await conn.execute(WAS_COMPLETED, parameters)).fetchall()}


# --- ping, release ----------------------------------------------------------------------------------------------------

# Renew exactly the leases held in memory and learn of cancels. Index: primary key.
PING = """
UPDATE job_queue AS q SET last_ping = windmill_now(), mem_peak_kb = greatest(q.mem_peak_kb, held.mem_peak_kb)
FROM unnest(%(ids)s::uuid[], %(leases)s::uuid[], %(mem_peaks)s::int[]) AS held (id, lease_id, mem_peak_kb),
    (SELECT set_config('synchronous_commit', 'off', true)) AS fast
WHERE q.id = held.id AND q.lease_id = held.lease_id
RETURNING q.id, q.canceled_by, q.canceled_reason, q.canceled_at IS NOT NULL
"""

# Rows marked as this worker's that it does not hold: the answer to a claim was lost on its way, nothing was started.
# On the connection of the claims, so none of those is under way. Index: job_queue_pinged.
GIVE_BACK_STRAYS = """
UPDATE job_queue SET running = false, ready = true, worker = NULL, lease_id = NULL, started_at = NULL, last_ping = NULL,
    attempt = attempt - 1
WHERE running AND worker = %(worker)s AND NOT (lease_id = ANY(%(leases)s))
RETURNING id, tag
"""

# Requeue by the holder itself. A drain is planned and does not count against the restart limit, a lost database does.
GIVE_BACK = """
UPDATE job_queue AS q SET running = false, ready = true, worker = NULL, lease_id = NULL, started_at = NULL,
    last_ping = NULL, losses = losses + %(losses)s
FROM unnest(%(ids)s::uuid[], %(leases)s::uuid[]) AS held (id, lease_id)
WHERE q.id = held.id AND q.lease_id = held.lease_id AND q.canceled_at IS NULL
RETURNING q.id, q.tag
"""


@dataclass(frozen=True)
class Held:
    job_id: UUID
    lease_id: UUID
    mem_peak_kb: int | None = None


@dataclass(frozen=True)
class Cancel:
    job_id: UUID
    by: str
    reason: str


@dataclass(frozen=True)
class Renewal:
    """`lost`: leases that are no longer ours; their processes must die. `cancels`: asked for since."""

    lost: set[UUID]
    cancels: list[Cancel]


async def renew(conn: AsyncConnection[Any], held: Sequence[Held]) -> Renewal:
    """The heartbeat of running jobs."""
    parameters = {
        "ids": [each.job_id for each in held],
        "leases": [each.lease_id for each in held],
        "mem_peaks": [each.mem_peak_kb for each in held],
    }
    rows = await (await conn.execute(PING, parameters, prepare=True)).fetchall()
    renewed = {row[0] for row in rows}
    return Renewal(
        lost={each.job_id for each in held} - renewed,
        cancels=[Cancel(row[0], row[1] or "", row[2] or "") for row in rows if row[3]],
    )


async def give_back(conn: AsyncConnection[Any], held: Sequence[Held], *, reason: str, losses: int = 0) -> set[str]:
    """Requeue jobs of this worker, their processes being gone; the log says why. Answers the tags to tell of."""
    parameters = {
        "ids": [each.job_id for each in held],
        "leases": [each.lease_id for each in held],
        "losses": losses,
    }
    async with conn.transaction():
        rows = await (await conn.execute(GIVE_BACK, parameters)).fetchall()
        if rows:
            await append_notes(conn, {row[0]: reason for row in rows})
    return {row[1] for row in rows}


async def give_back_strays(conn: AsyncConnection[Any], *, worker: str, leases: Sequence[UUID]) -> set[str]:
    """Requeue rows marked as `worker`'s whose lease it does not hold."""
    rows = await (await conn.execute(GIVE_BACK_STRAYS, {"worker": worker, "leases": list(leases)})).fetchall()
    return {row[1] for row in rows}


# --- cancel ----------------------------------------------------------------------------------------------------------

# Mark first, under the row lock that completion and push of children take too (F7).
MARK_CANCELED = """
UPDATE job_queue SET canceled_by = %(by)s, canceled_reason = %(reason)s, canceled_at = windmill_now()
WHERE id = ANY(%(ids)s) AND (canceled_at IS NULL OR %(force)s)
RETURNING id, running
"""

# What is not running ends at once; with `force` also what is: its worker has lost the lease and kills it.
END_CANCELED = """
WITH mine AS (
    DELETE FROM job_queue WHERE id = ANY(%(ids)s) AND canceled_at IS NOT NULL AND (NOT running OR %(force)s)
    RETURNING id, workspace_id, started_at, worker, attempt, canceled_by, canceled_reason, mem_peak_kb
)
INSERT INTO job_completed (id, workspace_id, status, result, started_at, completed_at, duration_ms, mem_peak_kb, worker,
    attempt, canceled_by, canceled_reason)
SELECT id, workspace_id, 'canceled', windmill_canceled(canceled_by, canceled_reason), started_at,
    greatest(windmill_now(), started_at),
    greatest(0, coalesce(extract(epoch FROM windmill_now() - started_at) * 1000, 0))::bigint, mem_peak_kb, worker,
    attempt, canceled_by, canceled_reason
FROM mine RETURNING id
"""


@dataclass(frozen=True)
class CancelAnswer:
    """`ended`: terminal now; `asked`: running, their workers are to be told."""

    ended: set[UUID]
    asked: set[UUID]


async def cancel(
    conn: AsyncConnection[Any], job_ids: Sequence[UUID], *, by: str, reason: str, force: bool = False
) -> CancelAnswer:
    """Cancel jobs (descendants included in `job_ids` by the caller) inside the caller's transaction."""
    parameters = {"ids": list(job_ids), "by": by, "reason": reason, "force": force}
    marked = await (await conn.execute(MARK_CANCELED, parameters)).fetchall()
    ended = {row[0] for row in await (await conn.execute(END_CANCELED, parameters)).fetchall()}
    return CancelAnswer(ended=ended, asked={row[0] for row in marked if row[1]} - ended)
