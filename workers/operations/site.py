"""Workers, queue figures, version and health."""

from __future__ import annotations

import asyncio
from typing import Any, LiteralString

import psycopg

from workers import serving, tags
from workers.answers import Answer, Call, json, text
from workers.job_rows import find_job
from workers.serialize import timestamp
from workers.version import VERSION
from workspaces.errors import Unavailable

# The first part is the API's version as clients compare it: they send newer shapes to newer servers.
API_VERSION = "CE v1.850.0"
ALIVE_S = 15
PATIENCE_S = 2.0
_WORKERS = """
SELECT name, host, worker_group, tags, slots, version, sandbox_level, sandbox_problem, started_at,
    extract(epoch FROM windmill_now() - last_ping)::int, is_draining, jobs_executed, running_jobs, memory_kb, occupancy
FROM worker WHERE last_ping > windmill_now() - make_interval(secs => %(within_s)s)
ORDER BY worker_group, name LIMIT %(limit)s OFFSET %(offset)s
"""
_WAITING_BY_TAG = """
SELECT tag, count(*) FROM job_queue WHERE NOT running AND scheduled_for <= windmill_now() GROUP BY tag
"""
_RUNNING_BY_TAG = "SELECT tag, count(*) FROM job_queue WHERE running GROUP BY tag"
_TAGS_SERVED = """
SELECT DISTINCT unnest(tags) FROM worker
WHERE last_ping > windmill_now() - make_interval(secs => %s) AND NOT is_draining
"""
_POSITION = """
SELECT count(*) FROM job_queue q WHERE q.workspace_id = %(workspace_id)s AND NOT q.running
    AND q.scheduled_for < to_timestamp(%(ms)s / 1000.0)
"""


async def list_workers(call: Call) -> Answer:
    """GET /workers/list → every worker that was there in the last five minutes (`ping_since` seconds)."""
    per_page = call.whole("per_page", 1000, low=1, high=10_000)
    parameters = {
        "within_s": call.whole("ping_since", 300, low=1, high=10**9),
        "limit": per_page,
        "offset": (call.whole("page", 1, low=1, high=10**6) - 1) * per_page,
    }
    async with serving.connection() as conn:
        rows = await (await conn.execute(_WORKERS, parameters)).fetchall()
    return json([_worker(row) for row in rows])


def _worker(row: Any) -> dict[str, Any]:
    return {
        "worker": row[0],
        "worker_instance": row[1],
        "worker_group": row[2],
        "custom_tags": row[3],
        "slots": row[4],
        "wm_version": row[5],
        "sandbox_level": row[6],
        "sandbox_problem": row[7],
        "started_at": timestamp(row[8]),
        "last_ping": row[9],
        "is_draining": row[10],
        "jobs_executed": row[11],
        "running_jobs": row[12],
        "memory_usage": row[13] * 1024,
        "occupancy_rate": row[14],
        "ip": "",
    }


async def queue_counts(call: Call) -> Answer:
    """GET /workers/queue_counts → waiting jobs by tag."""
    return await _by_tag(_WAITING_BY_TAG)


async def queue_running_counts(call: Call) -> Answer:
    """GET /workers/queue_running_counts → running jobs by tag."""
    return await _by_tag(_RUNNING_BY_TAG)


async def _by_tag(sql: LiteralString) -> Answer:
    async with serving.connection() as conn:
        rows = await (await conn.execute(sql)).fetchall()
    return json({row[0]: row[1] for row in rows})


async def list_custom_tags(call: Call) -> Answer:
    """GET /workers/custom_tags → the tags runs may ask for beyond the languages' own."""
    async with serving.connection() as conn:
        return json(await tags.custom_tags(conn))


async def list_workspace_tags(call: Call) -> Answer:
    """GET /workers/custom_tags_for_workspace → those this workspace may use."""
    async with serving.connection() as conn:
        listed = await tags.custom_tags(conn)
    names = [each.partition("(")[0].strip() for each in listed]
    return json([name for name in names if tags.is_allowed(name, call.workspace_id, listed)])


async def exists_workers_with_tags(call: Call) -> Answer:
    """GET /workers/exists_workers_with_tags?tags=a,b → {tag: is there a live worker for it}."""
    asked = [each.strip() for each in call.text("tags").split(",") if each.strip()]
    async with serving.connection() as conn:
        rows = await (await conn.execute(_TAGS_SERVED, (ALIVE_S,))).fetchall()
    served = {row[0] for row in rows}
    return json({each: each in served for each in asked})


async def default_tags(call: Call) -> Answer:
    """GET /workers/get_default_tags → the tags of languages and kinds."""
    return json(sorted(tags.default_tags()))


async def queue_position(call: Call) -> Answer:
    """GET jobs/queue/position/{ms} → how many wait that were due before that instant."""
    ms = int(call.tail) if call.tail.isascii() and call.tail.isdigit() and len(call.tail) < 16 else 0
    async with serving.connection() as conn:
        row = await (await conn.execute(_POSITION, {"workspace_id": call.workspace_id, "ms": ms})).fetchone()
    return json({"position": row[0] if row else 0})


async def scheduled_for(call: Call) -> Answer:
    """GET jobs/queue/scheduled_for/{id} → milliseconds since 1970."""
    async with serving.connection() as conn:
        row = await find_job(conn, call.principal, call.job_id())
    return json(round(row.scheduled_for.timestamp() * 1000))


async def db_clock(call: Call) -> Answer:
    """GET /jobs/db_clock → the database's clock in milliseconds."""
    async with serving.connection() as conn:
        row = await (await conn.execute("SELECT (extract(epoch FROM windmill_now()) * 1000)::bigint")).fetchone()
    return json(row[0] if row else 0)


async def version(call: Call) -> Answer:
    """GET /version → text; the word before the `v` is the edition, then the API's version."""
    return text(API_VERSION)


async def uptodate(call: Call) -> Answer:
    """GET /uptodate → always `yes`: this server looks for no releases."""
    return text("yes")


async def license_id(call: Call) -> Answer:
    """GET /ee_license: this edition has none."""
    return text("")


async def health(call: Call) -> Answer:
    """GET /health/status → 200 while the database answers (`degraded` without a live worker); 503 otherwise."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            return json(await _health())
    except (TimeoutError, Unavailable, psycopg.OperationalError):
        return json({"status": "unhealthy", "version": API_VERSION, "database_healthy": False, "workers_alive": 0}, 503)


async def health_detailed(call: Call) -> Answer:
    """GET /health/detailed → the same with versions, queue and workers."""
    about = await _health()
    async with serving.connection() as conn:
        rows = await (await conn.execute(_WORKERS, {"within_s": ALIVE_S, "limit": 1000, "offset": 0})).fetchall()
        waiting = await (await conn.execute(_WAITING_BY_TAG)).fetchall()
        running = await (await conn.execute(_RUNNING_BY_TAG)).fetchall()
        server = await (await conn.execute("SHOW server_version")).fetchone()
    about["checks"] = {
        "database": {"healthy": True, "version": server[0] if server else ""},
        "workers": {"healthy": bool(rows), "active_count": len(rows), "groups": sorted({row[2] for row in rows})},
        "queue": {"pending_jobs": sum(row[1] for row in waiting), "running_jobs": sum(row[1] for row in running)},
    }
    about["build"] = VERSION
    return json(about)


async def _health() -> dict[str, Any]:
    async with serving.connection() as conn:
        row = await (
            await conn.execute(
                "SELECT count(*) FROM worker WHERE last_ping > windmill_now() - make_interval(secs => %s)", (ALIVE_S,)
            )
        ).fetchone()
    alive = row[0] if row else 0
    return {
        "status": "healthy" if alive else "degraded",
        "version": API_VERSION,
        "database_healthy": True,
        "workers_alive": alive,
    }
