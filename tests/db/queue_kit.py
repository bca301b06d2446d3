"""Jobs and claims for tests of workers.queue."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection

from workers import queue
from workers.queue import ClaimedJob, Completion, Mark, NewJob
from workers.worker_settings import WorkerSettings


def make_job(**fields: Any) -> NewJob:
    defaults: dict[str, Any] = {
        "workspace_id": "demo", "kind": "noop", "tag": "python3", "created_by": "ada", "permissioned_as": "u/ada",
        "permissioned_as_email": "ada@example.com",
    }  # fmt: skip
    return NewJob(**(defaults | fields))


@dataclass
class Actor:
    """A worker in the test's own process: claims, renews and completes when it is told to."""

    conn: AsyncConnection[Any]
    name: str = "wk-one"
    seed: bytes = field(default_factory=lambda: os.urandom(32))

    async def claim(self, *tags: str, limit: int = 1, marks: list[Mark] | None = None) -> list[ClaimedJob]:
        wanted = marks or [Mark(tag) for tag in tags or ("python3",)]
        return (await queue.claim(self.conn, worker=self.name, seed=self.seed, marks=wanted, limit=limit)).jobs

    async def claim_one(self) -> ClaimedJob:
        (job,) = await self.claim()
        return job

    async def complete(self, job: ClaimedJob, *, result: str = "1", status: str = "success") -> bool:
        done = await queue.complete(self.conn, [ending(job, result=result, status=status)])
        return job.id in done


def ending(job: ClaimedJob, *, result: str = "1", status: str = "success") -> Completion:
    return Completion(job.id, job.lease_id, status, result, duration_ms=5)


async def completed(conn: AsyncConnection[Any], job_id: UUID) -> tuple[Any, ...] | None:
    cursor = await conn.execute("SELECT status, result, attempt, worker FROM job_completed WHERE id = %s", (job_id,))
    return await cursor.fetchone()


async def fill(conn: AsyncConnection[Any], count: int, *, tag: str, ready: bool = True) -> None:
    """`count` queued jobs of `tag`, quickly; without rows in `job`."""
    await conn.execute(
        "INSERT INTO job_queue (id, workspace_id, tag, scheduled_for, ready)"
        " SELECT gen_random_uuid(), 'demo', %s, now() - interval '1 hour' + n * interval '1 ms', %s"
        " FROM generate_series(1, %s) AS n",
        (tag, ready, count),
    )


def make_settings(url: str, data_dir: Path) -> WorkerSettings:
    """Those of a worker with the usual times."""
    return WorkerSettings(
        name="wk-one", host="here", group="default", tags=("python3",), slots=1, database_url=url, direct_url=url,
        data_dir=data_dir, base_url="", internal_url="",
    )  # fmt: skip
