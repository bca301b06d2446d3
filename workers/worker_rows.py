"""The rows of live worker processes: what each last said of itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import AsyncConnection

PING_WORKER = """
INSERT INTO worker AS w (name, host, worker_group, tags, slots, version, sandbox_level, sandbox_problem, started_at,
    last_ping, is_draining, jobs_executed, running_jobs, memory_kb, occupancy)
SELECT %(name)s, %(host)s, %(worker_group)s, %(tags)s, %(slots)s, %(version)s, %(sandbox_level)s, %(sandbox_problem)s,
    windmill_now(), windmill_now(), %(is_draining)s, %(jobs_executed)s, %(running_jobs)s, %(memory_kb)s, %(occupancy)s
FROM (SELECT set_config('synchronous_commit', 'off', true)) AS fast
ON CONFLICT (name) DO UPDATE SET last_ping = excluded.last_ping, is_draining = excluded.is_draining,
    jobs_executed = excluded.jobs_executed, running_jobs = excluded.running_jobs, memory_kb = excluded.memory_kb,
    occupancy = excluded.occupancy, sandbox_level = excluded.sandbox_level, sandbox_problem = excluded.sandbox_problem
"""

REMOVE_WORKERS = "DELETE FROM worker WHERE name = ANY(%(names)s)"
REMOVE_SILENT_WORKERS = """
DELETE FROM worker WHERE last_ping < windmill_now() - make_interval(secs => %(silent_s)s) RETURNING name
"""


@dataclass(frozen=True)
class WorkerPing:
    """What a worker process says of itself."""

    name: str
    host: str
    worker_group: str
    tags: list[str]
    slots: int
    version: str
    sandbox_level: str
    sandbox_problem: str
    is_draining: bool
    jobs_executed: int
    running_jobs: int
    memory_kb: int
    occupancy: float


async def ping_worker(conn: AsyncConnection[Any], ping: WorkerPing) -> None:
    await conn.execute(PING_WORKER, vars(ping), prepare=True)


async def remove_workers(conn: AsyncConnection[Any], names: Sequence[str]) -> None:
    await conn.execute(REMOVE_WORKERS, {"names": list(names)})


async def remove_silent_workers(conn: AsyncConnection[Any], *, silent_s: float) -> list[str]:
    rows = await (await conn.execute(REMOVE_SILENT_WORKERS, {"silent_s": silent_s})).fetchall()
    return [row[0] for row in rows]
