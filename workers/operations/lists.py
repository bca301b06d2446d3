"""Lists and counts of jobs."""

from __future__ import annotations

from workers import job_lists, serving, visibility
from workers.answers import Answer, Call, json, json_text
from workers.job_rows import fetch
from workers.serialize import list_object

_QUEUED = """
SELECT count(*), count(*) FILTER (WHERE q.suspend > 0)
FROM job_queue q JOIN job j ON j.id = q.id WHERE q.workspace_id = %(workspace_id)s AND {sees}
"""
_COMPLETED = """
SELECT count(*) FROM job_completed c JOIN job j ON j.id = c.id WHERE c.workspace_id = %(workspace_id)s AND {sees}
"""
# Everything of a workspace: no join needed. Index: job_completed_by_workspace.
_COMPLETED_ALL = "SELECT count(*) FROM job_completed WHERE workspace_id = %(workspace_id)s"


async def list_jobs(call: Call) -> Answer:
    """GET jobs/list → queued and completed jobs, newest first."""
    return await _list(call, "")


async def list_queued(call: Call) -> Answer:
    """GET jobs/queue/list → jobs that wait or run."""
    return await _list(call, "queue")


async def list_completed(call: Call) -> Answer:
    """GET jobs/completed/list → finished jobs, newest first."""
    return await _list(call, "completed")


async def list_ids(call: Call) -> Answer:
    """GET jobs/list_filtered_uuids → ids of `list`."""
    query = job_lists.api_list(call)
    async with serving.connection() as conn:
        rows = await fetch(conn, query.sql, query.parameters)
    return json([str(row.id) for row in rows])


async def _list(call: Call, of: str) -> Answer:
    query = job_lists.api_list(call, of=of)
    async with serving.connection() as conn:
        rows = await fetch(conn, query.sql, query.parameters)
    return json_text(f"[{','.join(list_object(row) for row in rows)}]")


async def count_queued(call: Call) -> Answer:
    """GET jobs/queue/count → {database_length, suspended}."""
    sees, parameters = visibility.condition(call.principal)
    async with serving.connection() as conn:
        cursor = await conn.execute(_QUEUED.format(sees=sees), parameters | {"workspace_id": call.workspace_id})
        total, suspended = await cursor.fetchone() or (0, 0)
    return json({"database_length": total, "suspended": suspended})


async def count_completed(call: Call) -> Answer:
    """GET jobs/completed/count → {database_length}."""
    sees, parameters = visibility.condition(call.principal)
    sql = _COMPLETED_ALL if sees == "true" else _COMPLETED.format(sees=sees)
    async with serving.connection() as conn:
        row = await (await conn.execute(sql, parameters | {"workspace_id": call.workspace_id})).fetchone()
    return json({"database_length": row[0] if row else 0})
