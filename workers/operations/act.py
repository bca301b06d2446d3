"""Cancelling jobs and noting their progress."""

from __future__ import annotations

from typing import Any

from workers import canceling, serving
from workers.answers import Answer, Call, json, parse_job_id, text
from workers.job_rows import find_job
from workers.run_request import json_object
from workspaces.errors import BadRequest, Forbidden, NotFound
from workspaces.jsontext import BadJson, clean, clean_text

MAX_SELECTION = 10_000
# Never back, and 100 is for the end alone.
_PROGRESS = """
INSERT INTO job_status (id, progress) VALUES (%(id)s, %(percent)s)
ON CONFLICT (id) DO UPDATE SET progress = greatest(job_status.progress, excluded.progress)
RETURNING progress
"""
_PERPETUAL = """
SELECT q.id FROM job_queue q JOIN job j ON j.id = q.id
WHERE q.workspace_id = %(workspace_id)s AND j.runnable_path = %(path)s
"""
_DRAINING = "SELECT w.is_draining FROM job_queue q JOIN worker w ON w.name = q.worker WHERE q.id = %s AND q.running"


async def cancel(call: Call) -> Answer:
    """POST jobs_u/queue/cancel/{id} {reason?} → the id; a finished job is no error."""
    return await _cancel(call, force=False)


async def force_cancel(call: Call) -> Answer:
    """POST jobs_u/queue/force_cancel/{id} → the same from the top parent, at once."""
    return await _cancel(call, force=True)


async def _cancel(call: Call, *, force: bool) -> Answer:
    job_id = call.job_id()
    async with serving.connection() as conn:
        changed = await canceling.cancel_one(conn, call.principal, job_id, reason=_reason(call), force=force)
    return text(str(job_id) if changed else f"queued job id {job_id} is already completed")


async def cancel_selection(call: Call) -> Answer:
    """POST jobs/queue/cancel_selection [ids] → the ids that were cancelled."""
    try:
        _, listed = clean(call.body or b"[]", max_bytes=1_000_000)
    except BadJson as error:
        raise BadRequest(str(error)) from None
    if not isinstance(listed, list) or len(listed) > MAX_SELECTION:
        raise BadRequest(f"The body must be a JSON array of at most {MAX_SELECTION:,} job ids")
    ids = {parse_job_id(str(each)) for each in listed}
    async with serving.connection() as conn:
        done = await canceling.cancel_jobs(
            conn, call.principal, ids, reason=call.text("reason"), force=call.flag("force_cancel")
        )
    return json(sorted(str(each) for each in done.open))


async def cancel_persistent(call: Call) -> Answer:
    """POST jobs_u/queue/cancel_persistent/{path}: cancel every queued or running job of a script."""
    async with serving.connection() as conn:
        parameters = {"workspace_id": call.workspace_id, "path": call.tail}
        rows = await (await conn.execute(_PERPETUAL, parameters)).fetchall()
        done = await canceling.cancel_jobs(conn, call.principal, {row[0] for row in rows}, reason=_reason(call))
    return text(f"{len(done.open)} jobs of {call.tail} were cancelled")


async def get_progress(call: Call) -> Answer:
    """GET job_metrics/get_progress/{id} → a number or null."""
    async with serving.connection() as conn:
        row = await find_job(conn, call.principal, call.job_id(), heavy=("progress",))
    return json(row.progress)


async def set_progress(call: Call) -> Answer:
    """POST job_metrics/set_progress/{id} {percent}: by the job itself or who may cancel it."""
    _, body = json_object(call.body or b"{}")
    percent: Any = body.get("percent")
    if isinstance(percent, bool) or not isinstance(percent, (int, float)):
        raise BadRequest("percent must be a number from 0 to 99")
    async with serving.connection() as conn:
        row = await find_job(conn, call.principal, call.job_id())
        if call.principal.job_id not in (None, str(row.id)):
            raise Forbidden("A job may only set its own progress")
        if row.is_completed:
            raise BadRequest(f"job {row.id} is over; its progress cannot change")
        await conn.execute(_PROGRESS, {"id": row.id, "percent": min(99, max(0, int(percent)))})
        await serving.tell(conn, f"s:{row.id}")
    return text("")


async def worker_is_draining(call: Call) -> Answer:
    """GET jobs/worker_is_draining/{id} → a JSON boolean."""
    async with serving.connection() as conn:
        row = await find_job(conn, call.principal, call.job_id())
        found = await (await conn.execute(_DRAINING, (row.id,))).fetchone()
    return json(bool(found and found[0]))


async def user_state(call: Call) -> Answer:
    """GET|POST jobs/flow/user_states/{root}/{key}: 404 today; only runs of flows have them."""
    raise NotFound("flow run not found; only runs of flows have user states")


def _reason(call: Call) -> str:
    if not call.body.strip():
        return ""
    _, body = json_object(call.body)
    reason = body.get("reason")
    return clean_text(reason)[:1000] if isinstance(reason, str) else ""
