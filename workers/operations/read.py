"""Reading one job: the job, its result, args, log and times."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

from psycopg import AsyncConnection

from workers import job_logs, serving, visibility, waiting
from workers.answers import Answer, Call, json, json_text, parse_job_id
from workers.job_rows import JobRow, find_job, not_found
from workers.serialize import job_object, timestamp
from workspaces.errors import BadRequest, NotFound
from workspaces.jsontext import dumps

LOG_IN_JOB_CHARS = 200_000
_ANSI = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")
_ROOT = """
WITH RECURSIVE up (id, parent_id, depth) AS (
    SELECT id, parent_id, 0 FROM job WHERE id = %(id)s
    UNION ALL
    SELECT p.id, p.parent_id, up.depth + 1 FROM up JOIN job p ON p.id = up.parent_id WHERE up.depth < 100
)
SELECT id FROM up ORDER BY depth DESC LIMIT 1
"""
# Polled twice a second by every waiting client: one small statement.
_MAYBE = """
SELECT coalesce(q.running, c.id IS NOT NULL), c.status, c.result::text
FROM job j LEFT JOIN job_queue q ON q.id = j.id LEFT JOIN job_completed c ON c.id = j.id
WHERE j.id = %(id)s AND j.workspace_id = %(workspace_id)s AND {sees}
"""


async def get_job(call: Call) -> Answer:
    """GET jobs_u/get/{id} → the job with args, result, log and, while it waits, why."""
    async with serving.connection() as conn:
        row = await find_job(conn, call.principal, call.job_id(), heavy=_heavy(call))
        return await _job_answer(conn, call, row)


async def get_completed(call: Call) -> Answer:
    """GET jobs_u/completed/get/{id}: as `get`, but 404 until the job is over."""
    async with serving.connection() as conn:
        row = await find_job(conn, call.principal, call.job_id(), heavy=_heavy(call))
        if not row.is_completed:
            raise NotFound(f"completed job not found at id {row.id}; it is {row.state}")
        return await _job_answer(conn, call, row)


async def get_result(call: Call) -> Answer:
    """GET jobs_u/completed/get_result/{id} → the bare result."""
    async with serving.connection() as conn:
        row = await find_job(conn, call.principal, call.job_id(), heavy=("result",))
    if not row.is_completed:
        raise NotFound(f"completed job not found at id {row.id}; it is {row.state}")
    return json_text(_at_path(row.result or "null", call.text("json_path")))


async def get_result_maybe(call: Call) -> Answer:
    """GET jobs_u/completed/get_result_maybe/{id} → {started, completed, success, result}, all four always there."""
    job_id = call.job_id()
    sees, parameters = visibility.condition(call.principal)
    parameters |= {"id": job_id, "workspace_id": call.workspace_id}
    async with serving.connection() as conn:
        row = await (await conn.execute(_MAYBE.format(sees=sees), parameters)).fetchone()
    if row is None:
        raise not_found(job_id)
    started, status, result = row
    if status is None:
        return json({"started": started, "completed": False, "success": None, "result": None})
    success = "true" if status in ("success", "skipped") else "false"
    return json_text(f'{{"started":true,"completed":true,"success":{success},"result":{result or "null"}}}')


async def get_timing(call: Call) -> Answer:
    """GET jobs_u/completed/get_timing/{id} → when it was made, when it started, how long it took."""
    async with serving.connection() as conn:
        row = await find_job(conn, call.principal, call.job_id())
    times: dict[str, Any] = {"created_at": timestamp(row.created_at)}
    if row.started_at:
        times["started_at"] = timestamp(row.started_at)
    if row.is_completed:
        times["duration_ms"] = row.duration_ms
    return json(times)


async def get_args(call: Call) -> Answer:
    """GET jobs_u/get_args/{id} → its arguments."""
    async with serving.connection() as conn:
        row = await find_job(conn, call.principal, call.job_id(), heavy=("args",))
    return json_text(row.args or "{}")


async def get_root_job_id(call: Call) -> Answer:
    """GET jobs_u/get_root_job_id/{id} → the id of the run's root, a JSON string."""
    async with serving.connection() as conn:
        row = await find_job(conn, call.principal, call.job_id())
        top = await (await conn.execute(_ROOT, {"id": row.id})).fetchone()
    return json(str(top[0]) if top else str(row.id))


async def get_logs(call: Call) -> Answer:
    """GET jobs_u/get_logs/{id} → the whole log as text, streamed."""
    async with serving.connection() as conn:
        row = await find_job(conn, call.principal, call.job_id())
    name = f"{row.id}.log"
    return Answer(
        headers=(
            ("Content-Disposition", f'{"attachment" if call.flag("download") else "inline"}; filename="{name}"'),
            ("X-Content-Type-Options", "nosniff"),
        ),
        chunks=_log_bytes(row, without_colours=call.flag("remove_ansi_warnings")),
    )


async def result_by_id(call: Call) -> Answer:
    """GET jobs/result_by_id/{flow job}/{step} → the result of a run's step."""
    flow, _, step = call.tail.partition("/")
    job_id = parse_job_id(flow)
    async with serving.connection() as conn:
        parent = await find_job(conn, call.principal, job_id)
        found = await (
            await conn.execute(
                "SELECT c.result::text FROM job j JOIN job_completed c ON c.id = j.id"
                " WHERE j.parent_id = %s AND j.step_path = %s ORDER BY j.id DESC LIMIT 1",
                (parent.id, step),
            )
        ).fetchone()
    if found is None:
        raise NotFound(f"result not found at step {step[:80]} of job {job_id}")
    return json_text(_at_path(found[0] or "null", call.text("json_path")))


def _heavy(call: Call) -> list[str]:
    wanted = ["args", "result", "end_user_email"]
    return wanted if call.flag("no_code") else [*wanted, "raw_code"]


async def _job_answer(conn: AsyncConnection[Any], call: Call, row: JobRow) -> Answer:
    logs = None
    if not call.flag("no_logs"):
        logs = await log_tail(conn, row)
    extra: dict[str, Any] = {}
    if row.is_queued and not row.running:
        facts = await waiting.facts_of(conn, row.id)
        why = waiting.why_waiting(facts) if facts else None
        if why:
            extra["waiting"] = vars(why)
    return json_text(job_object(row, logs=logs, extra=extra))


async def log_tail(conn: AsyncConnection[Any], row: JobRow) -> str:
    """The end of the log, so that a job's object stays small; get_logs has all of it."""
    begin = max(0, await job_logs.end_of(conn, row.id) - LOG_IN_JOB_CHARS)
    text = await job_logs.read_from(conn, row.id, begin, max_chars=2 * LOG_IN_JOB_CHARS)
    return f"[… the first {begin:,} characters are left out; get_logs has them …]\n{text}" if begin else text


async def _log_bytes(row: JobRow, *, without_colours: bool) -> AsyncIterator[bytes]:
    async for piece in job_logs.stream_whole(serving.connection, row.id):
        yield (_ANSI.sub("", piece) if without_colours else piece).encode()


def _at_path(result: str, path: str) -> str:
    """The part of a result that `json_path` (`a.b[0]`) names; null where there is none."""
    if not path:
        return result
    import json as stdlib_json

    value = stdlib_json.loads(result)
    for name in re.findall(r"[^.\[\]]+", path.removeprefix("$")):
        if isinstance(value, dict):
            value = value.get(name)
        elif isinstance(value, list) and name.isdigit() and len(name) < 10:
            value = value[int(name)] if int(name) < len(value) else None
        else:
            value = None
        if value is None:
            return "null"
    if path.count("[") != path.count("]"):
        raise BadRequest(f"json_path {path[:80]!r} has an open bracket")
    return dumps(value)
