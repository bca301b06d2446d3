"""Starting a job and answering its result."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any
from uuid import UUID

from django.conf import settings
from psycopg import AsyncConnection

from workers import serving
from workers.answers import Answer, Call
from workers.canceling import cancel_own
from workers.operations import run
from workers.results import sync_answer
from workspaces import clock
from workspaces.errors import Internal

READ_END = "SELECT status, result::text FROM job_completed WHERE id = %s"
LOOK_AGAIN_S = 1.0
_WITHOUT_LISTENER_S = 0.1


async def run_wait_script_by_path(call: Call) -> Answer:
    """POST or GET jobs/run_wait_result/p/{path} → the result."""
    return await answer_result(call, run.script_at_path)


async def run_wait_script_by_hash(call: Call) -> Answer:
    """POST or GET jobs/run_wait_result/h/{hash} → the result."""
    return await answer_result(call, run.script_of_hash)


async def run_wait_preview(call: Call) -> Answer:
    """POST jobs/run_wait_result/preview → the result."""
    return await answer_result(call, run.preview)


async def answer_result(call: Call, starting: run.Starting) -> Answer:
    """Push what `starting(call)` prepares and answer its result; a caller that hangs up cancels the job."""
    start = await starting(call)
    await run.require_room(call, start.options.queue_limit)
    current = serving.of_loop()
    # Watched before it is pushed, so no completion goes unheard.
    with contextlib.ExitStack() as stack:
        watch = stack.enter_context(current.live.watch(start.job.id, "c")) if current else None
        async with serving.connection() as conn:
            pushed = await run.push(conn, start)
            if not pushed.is_new:
                watch = stack.enter_context(current.live.watch(pushed.job_id, "c")) if current else None
        return await _wait(call, pushed.job_id, watch, look_at_once=not pushed.is_new, owned=start.once is None)


async def _wait(call: Call, job_id: UUID, watch: Any, *, look_at_once: bool, owned: bool) -> Answer:
    limit_s = settings.ENV.timeout_wait_result
    limit = clock.monotonic() + limit_s
    gone = asyncio.ensure_future(call.gone())
    try:
        while True:
            if look_at_once:
                async with serving.connection() as conn:
                    end = await _read_end(conn, job_id)
                if end is not None:
                    return sync_answer(*end)
            left = limit - clock.monotonic()
            if left <= 0:
                raise Internal(f"timeout after {limit_s}s; the job goes on, read its result with its id {job_id}")
            if await _heard_or_gone(watch, gone, min(left, LOOK_AGAIN_S if watch else _WITHOUT_LISTENER_S)):
                # A job with an idempotency key may have others waiting for it: it goes on (J19).
                if owned:
                    await cancel_own(call.principal, job_id, reason="the caller of run_wait_result hung up")
                return Answer(499)
            look_at_once = True
    finally:
        gone.cancel()


async def _heard_or_gone(watch: Any, gone: asyncio.Future[None], within_s: float) -> bool:
    """Wait for news of the job; True when the client has hung up."""
    heard = asyncio.ensure_future(watch.wait(within_s) if watch else asyncio.sleep(within_s))
    try:
        await asyncio.wait({heard, gone}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        heard.cancel()
    return gone.done()


async def _read_end(conn: AsyncConnection[Any], job_id: UUID) -> tuple[str, str | None] | None:
    row = await (await conn.execute(READ_END, (job_id,), prepare=True)).fetchone()
    return (row[0], row[1]) if row else None
