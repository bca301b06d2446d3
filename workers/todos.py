"""Completed jobs whose hooks are still to run: they failed, or who ended the job runs none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import namedtuple_row

from workers.queue import ClaimedJob

LEAVE_TODO = """
INSERT INTO job_todo (job_id, hook, error) VALUES (%(job_id)s, %(hook)s, %(error)s) ON CONFLICT (job_id) DO NOTHING
"""

# Completed jobs whose hooks failed, or that were ended by a process that runs no hooks (cancel of a queued job).
DUE_TODOS = """
SELECT t.job_id, t.attempts, c.status, c.result::text AS result, c.attempt, c.started_at,
    j.workspace_id, j.kind, j.created_by, j.permissioned_as, j.permissioned_as_email, j.end_user_email, j.item_id,
    j.runnable_path, j.runnable_hash, j.language, j.entrypoint, j.raw_code, j.raw_lock, j.args::text AS args, j.tag,
    j.priority, j.scheduled_for, j.timeout_s, j.cache_ttl_s, j.parent_id, j.root_id, j.step_path, j.trigger_kind,
    j.trigger_path, j.visible_to_owner, j.is_repeatable, j.labels, j.created_at
FROM job_todo AS t JOIN job AS j ON j.id = t.job_id JOIN job_completed AS c ON c.id = t.job_id
WHERE t.next_try_at <= windmill_now()
ORDER BY t.next_try_at LIMIT 20 FOR UPDATE OF t SKIP LOCKED
"""

PUT_OFF_TODO = """
UPDATE job_todo SET attempts = attempts + 1, hook = %(hook)s,
    next_try_at = windmill_now() + make_interval(secs => least(60, power(2, attempts)::int))
WHERE job_id = %(job_id)s
"""

DROP_TODO = "DELETE FROM job_todo WHERE job_id = %(job_id)s"


@dataclass(frozen=True)
class Todo:
    """A completed job whose hooks are still to run."""

    job: ClaimedJob
    status: str
    result: str | None
    attempts: int


async def leave_todo(conn: AsyncConnection[Any], job_id: UUID, *, hook: str, error: str = "") -> None:
    """Have the sweep run the hooks of a completed job, in the transaction that completed it."""
    await conn.execute(LEAVE_TODO, {"job_id": job_id, "hook": hook[:30], "error": error})


async def due_todos(conn: AsyncConnection[Any]) -> list[Todo]:
    """Some of what is due, locked until the caller's transaction ends."""
    async with conn.cursor(row_factory=namedtuple_row) as cursor:
        await cursor.execute(DUE_TODOS)
        rows: list[Any] = await cursor.fetchall()
    todos = []
    for row in rows:
        values = row._asdict()
        job_id, attempts, status, result = (values.pop(key) for key in ("job_id", "attempts", "status", "result"))
        job = ClaimedJob(**values, id=job_id, rank=-row.priority, lease_id=UUID(int=0), losses=0)
        todos.append(Todo(job, status, result, attempts))
    return todos


async def put_off_todo(conn: AsyncConnection[Any], job_id: UUID, *, hook: str) -> None:
    await conn.execute(PUT_OFF_TODO, {"job_id": job_id, "hook": hook[:30]})


async def drop_todo(conn: AsyncConnection[Any], job_id: UUID) -> None:
    await conn.execute(DROP_TODO, {"job_id": job_id})
