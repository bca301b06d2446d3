"""Locks of versions: when one is needed, the job that resolves it, and what its end changes."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from psycopg import AsyncConnection

from scripts_app.imports import imported_sources, script_imports
from scripts_app.models import ScriptVersion
from workers.kinds import JobContext
from workers.languages import LockFailed, UnknownLanguage, language
from workers.languages.host import host_tools
from workers.push import push_job
from workers.queue import ClaimedJob, NewJob
from workers.runtimes.base import Outcome
from workspaces.errors import WindmillError
from workspaces.jsontext import dumps
from workspaces.principal import Principal

TAG = "dependency"
MAX_ERROR = 20_000

READ_CONTENT = """
SELECT content FROM scripts_app_scriptversion WHERE hash = %s AND workspace_id = %s AND NOT is_deleted
"""

# The first answer stands: a version never gets a second lock. Index: primary key.
STORE_LOCK = """
UPDATE scripts_app_scriptversion SET lock = %(lock)s, lock_error = NULL
WHERE hash = %(hash)s AND lock IS NULL AND lock_job_id = %(job_id)s
RETURNING script_id, number
"""
STORE_ERROR = """
UPDATE scripts_app_scriptversion SET lock_error = %(error)s
WHERE hash = %(hash)s AND lock IS NULL AND lock_job_id = %(job_id)s
"""
# Locks may come in any order; what is live never goes back to an older version.
GO_LIVE = """
UPDATE scripts_app_script AS s SET live_id = %(hash)s
WHERE s.id = %(script_id)s
    AND NOT EXISTS (SELECT 1 FROM scripts_app_scriptversion AS v WHERE v.hash = s.live_id AND v.number > %(number)s)
"""


def needs_lock(language_name: str, content: str) -> bool:
    """Whether deploying `content` has dependencies to resolve."""
    return language(language_name).needs_lock(content)


def push_lock_job(version: ScriptVersion, *, by: Principal) -> Any:
    """Queue the job that resolves the version's lock, in the caller's transaction; answers its id."""
    return push_job(
        NewJob(
            workspace_id=version.workspace_id,
            kind="dependencies",
            tag=TAG,
            created_by=version.created_by,
            permissioned_as=by.permissioned_as,
            permissioned_as_email=by.email,
            item_id=version.script_id,
            runnable_path=version.path,
            runnable_hash=version.hash,
            language=version.language,
        )
    ).job_id


async def resolve_lock(context: JobContext) -> Outcome:
    """Run the resolver on the version the job names, or on the code it carries. Its words are the job's log."""
    job = context.job
    try:
        content, imported = await context.database.run(lambda conn: _sources(conn, job))
        tools = await asyncio.to_thread(host_tools)
        async with _relayed(context.log) as log:
            log(f"Resolving the dependencies of {job.runnable_path or 'the script'} ({job.language})\n")
            lock = await language(job.language).lock(content, tools, log, imported=imported)
            log("Nothing to install.\n" if not lock else f"\nResolved:\n{lock.rstrip()}\n")
    except (LockFailed, UnknownLanguage, _Gone) as failed:
        await context.log(f"{failed.message}\n")
        return Outcome("failure", error={"name": "LockFailed", "message": failed.message, **_place(failed)})
    return Outcome("success", dumps({"lock": lock}).encode())


async def store_lock(conn: AsyncConnection[Any], job: ClaimedJob, status: str, result: str | None) -> list[str]:
    """In the completion's transaction: keep the lock and let the version go live, or keep why there is none."""
    if job.runnable_hash is None:
        return []
    value = json.loads(result or "null")
    key = {"hash": job.runnable_hash, "job_id": job.id}
    if status != "success":
        await conn.execute(STORE_ERROR, {**key, "error": _message(value)[:MAX_ERROR]})
        return []
    row = await (await conn.execute(STORE_LOCK, {**key, "lock": value["lock"]})).fetchone()
    if row is not None:
        await conn.execute(GO_LIVE, {**key, "script_id": row[0], "number": row[1]})
    return []


class _Gone(WindmillError):
    """The version was deleted while its job waited."""


async def _sources(conn: AsyncConnection[Any], job: ClaimedJob) -> tuple[str, list[str]]:
    """The code to lock and that of the scripts it imports."""
    content = job.raw_code
    if job.runnable_hash is not None:
        row = await (await conn.execute(READ_CONTENT, (job.runnable_hash, job.workspace_id))).fetchone()
        content = row[0] if row else None
    if content is None:
        raise _Gone(f"The version of {job.runnable_path} was deleted before its dependencies were resolved")
    found = await imported_sources(conn, job, job.runnable_path, script_imports(job.language, content))
    return content, list(found.values())


@contextlib.asynccontextmanager
async def _relayed(log: Callable[[str], Any]) -> AsyncIterator[Callable[[str], None]]:
    """A plain function that hands text to the async log, in order; all of it is there when the block is left."""
    queue: asyncio.Queue[str | None] = asyncio.Queue()

    async def relay() -> None:
        while (text := await queue.get()) is not None:
            await log(text)

    task = asyncio.create_task(relay())
    try:
        yield queue.put_nowait
    finally:
        queue.put_nowait(None)
        await task


def _place(failed: WindmillError) -> dict[str, int]:
    line = getattr(failed, "line", None)
    return {"line": line} if line else {}


def _message(value: Any) -> str:
    error = value.get("error") if isinstance(value, dict) else None
    return str(error.get("message") or error) if isinstance(error, dict) else "The dependency job did not finish"
