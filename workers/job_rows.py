"""Jobs as readers see them: one row from `job`, `job_queue` and `job_completed` together.

The heavy columns (args, code, result) are read only when asked for; lists never ask (R5).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from psycopg import AsyncConnection

from workers import visibility
from workspaces.errors import NotFound
from workspaces.principal import Principal


@dataclass(frozen=True)
class JobRow:
    """A job with its present state. `args`, `result`, `raw_code`, `raw_lock`: JSON or source text, None unless read."""

    id: UUID
    workspace_id: str
    kind: str
    created_at: datetime
    created_by: str
    permissioned_as: str
    permissioned_as_email: str
    item_id: UUID | None
    runnable_path: str
    runnable_hash: int | None
    language: str
    tag: str
    priority: int
    scheduled_for: datetime
    timeout_s: int | None
    parent_id: UUID | None
    root_id: UUID | None
    step_path: str
    trigger_kind: str
    trigger_path: str
    visible_to_owner: bool
    labels: list[str]
    started_at: datetime | None
    worker: str | None
    attempt: int
    mem_peak_kb: int | None
    canceled_by: str | None
    canceled_reason: str | None
    is_cancel_asked: bool
    is_queued: bool
    running: bool
    ready: bool
    suspend: int
    last_ping: datetime | None
    status: str | None
    completed_at: datetime | None
    duration_ms: int
    is_deleted: bool
    args: str | None = None
    result: str | None = None
    raw_code: str | None = None
    raw_lock: str | None = None
    progress: int | None = None
    end_user_email: str = ""

    @property
    def is_completed(self) -> bool:
        return self.status is not None

    @property
    def state(self) -> str:
        """success, failure, canceled, skipped · running · suspended · scheduled · queued."""
        if self.status:
            return self.status
        if self.running:
            return "running"
        if self.suspend > 0:
            return "suspended"
        return "queued" if self.ready else "scheduled"


COLUMNS = """j.id, j.workspace_id, j.kind, j.created_at, j.created_by, j.permissioned_as, j.permissioned_as_email,
    j.item_id, j.runnable_path, j.runnable_hash, j.language, j.tag, j.priority, j.scheduled_for, j.timeout_s,
    j.parent_id, j.root_id, j.step_path, j.trigger_kind, j.trigger_path, j.visible_to_owner,
    j.labels || coalesce(c.labels, '{}') AS labels,
    coalesce(c.started_at, q.started_at) AS started_at, coalesce(c.worker, q.worker) AS worker,
    coalesce(c.attempt, q.attempt, 0) AS attempt, coalesce(c.mem_peak_kb, q.mem_peak_kb) AS mem_peak_kb,
    coalesce(c.canceled_by, q.canceled_by) AS canceled_by,
    coalesce(c.canceled_reason, q.canceled_reason) AS canceled_reason,
    q.canceled_at IS NOT NULL AS is_cancel_asked, q.id IS NOT NULL AS is_queued,
    coalesce(q.running, false) AS running, coalesce(q.ready, false) AS ready, coalesce(q.suspend, 0) AS suspend,
    q.last_ping, c.status, c.completed_at, coalesce(c.duration_ms, 0) AS duration_ms,
    coalesce(c.is_deleted, false) AS is_deleted"""
FROM = "FROM job j LEFT JOIN job_queue q ON q.id = j.id LEFT JOIN job_completed c ON c.id = j.id"
HEAVY = {
    "args": "j.args::text AS args",
    "result": "c.result::text AS result",
    "raw_code": "j.raw_code",
    "raw_lock": "j.raw_lock",
    "end_user_email": "j.end_user_email",
    "progress": "(SELECT s.progress FROM job_status s WHERE s.id = j.id) AS progress",
}


def read_one_sql(principal: Principal, heavy: Iterable[str] = ()) -> tuple[str, dict[str, Any]]:
    """The statement for one job of the principal's workspace, if it may see it. The caller gives parameter `id`."""
    sees, parameters = visibility.condition(principal)
    columns = ", ".join([COLUMNS, *(HEAVY[name] for name in heavy)])
    parameters["workspace_id"] = principal.workspace_id
    return f"SELECT {columns} {FROM} WHERE j.id = %(id)s AND j.workspace_id = %(workspace_id)s AND {sees}", parameters


async def find_job(
    conn: AsyncConnection[Any], principal: Principal, job_id: UUID, *, heavy: Iterable[str] = ()
) -> JobRow:
    """The job, if the principal may see it. Raises NotFound otherwise: what is hidden does not exist."""
    sql, parameters = read_one_sql(principal, heavy)
    rows = await fetch(conn, sql, parameters | {"id": job_id})
    if not rows:
        raise not_found(job_id)
    return rows[0]


def find_job_sync(principal: Principal, job_id: UUID, *, heavy: Iterable[str] = ()) -> JobRow:
    """`find_job` on Django's connection, for pages."""
    sql, parameters = read_one_sql(principal, heavy)
    rows = fetch_sync(sql, parameters | {"id": job_id})
    if not rows:
        raise not_found(job_id)
    return rows[0]


async def fetch(conn: AsyncConnection[Any], sql: str, parameters: dict[str, Any]) -> list[JobRow]:
    # bytes: it is put together from constants, which a type checker cannot follow
    cursor = await conn.execute(sql.encode(), parameters)
    names = [column.name for column in cursor.description or ()]
    return [JobRow(**dict(zip(names, row, strict=True))) for row in await cursor.fetchall()]


def fetch_sync(sql: str, parameters: dict[str, Any]) -> list[JobRow]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        names = [column[0] for column in cursor.description]
        return [JobRow(**dict(zip(names, row, strict=True))) for row in cursor.fetchall()]


def not_found(job_id: object) -> NotFound:
    return NotFound(f"job not found at id {job_id}; it may have been deleted, or you may not see it")
