"""The facts behind "why does it wait?", read from the tables."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
from psycopg import AsyncConnection

from tests.db.queue_kit import Actor, make_job
from workers import losses, queue, worker_rows
from workers.waiting import Waiting, facts_of, why_waiting
from workers.worker_rows import WorkerPing

type Conn = AsyncConnection[Any]


@pytest.fixture
async def conn(fresh_database: str) -> AsyncIterator[Conn]:
    async with await AsyncConnection.connect(fresh_database, autocommit=True) as connection:
        yield connection


async def _push(conn: Conn, **fields: Any) -> UUID:
    job = make_job(**fields)
    await queue.push(conn, job)
    return job.id


async def _reason(conn: Conn, job_id: UUID) -> Waiting | None:
    facts = await facts_of(conn, job_id)
    assert facts is not None
    return why_waiting(facts)


async def _code(conn: Conn, job_id: UUID) -> str | None:
    reason = await _reason(conn, job_id)
    return reason and reason.code


async def _worker(conn: Conn, name: str = "wk-one", **fields: Any) -> None:
    ping: dict[str, Any] = {
        "name": name, "host": "here", "worker_group": "default", "tags": ["python3"], "slots": 1, "version": "0",
        "sandbox_level": "full", "sandbox_problem": "", "is_draining": False, "jobs_executed": 0, "running_jobs": 1,
        "memory_kb": 0, "occupancy": 0.0,
    }  # fmt: skip
    await worker_rows.ping_worker(conn, WorkerPing(**(ping | fields)))


async def test_no_worker_for_the_tag(conn: Conn) -> None:
    await _worker(conn, tags=["bash"])
    assert await _code(conn, await _push(conn)) == "no_worker"


async def test_a_worker_that_fell_silent_does_not_count(conn: Conn) -> None:
    await _worker(conn)
    job = await _push(conn)
    assert await _code(conn, job) == "in_line"
    await conn.execute("SET windmill.clock_offset = '2 minutes'")
    assert await _code(conn, job) == "no_worker"


async def test_draining_and_blocked_workers_are_told_apart(conn: Conn) -> None:
    job = await _push(conn)
    await _worker(conn, is_draining=True)
    assert await _code(conn, job) == "workers_draining"
    await _worker(conn, sandbox_problem="clone failed")
    reason = await _reason(conn, job)
    assert reason is not None and reason.code == "no_sandbox" and "clone failed" in reason.sentence


async def test_the_place_in_line_counts_better_jobs_of_the_tag(conn: Conn) -> None:
    await _worker(conn)
    await _push(conn)
    mine = await _push(conn)
    await _push(conn)
    await _push(conn, tag="bash")
    await _push(conn, priority=1)
    facts = await facts_of(conn, mine)
    assert facts is not None and facts.place == 3
    reason = why_waiting(facts)
    assert reason is not None and "2 jobs are before it" in reason.sentence


async def test_a_free_slot_is_about_to_take_it(conn: Conn) -> None:
    await _worker(conn, running_jobs=0)
    assert await _code(conn, await _push(conn)) == "starting"


async def test_a_planned_job_says_when(conn: Conn) -> None:
    await _worker(conn)
    reason = await _reason(conn, await _push(conn, delay_s=3600))
    assert reason is not None and reason.code == "planned" and ("1 h" in reason.sentence or "59 min" in reason.sentence)


async def test_a_running_job_does_not_wait_and_a_finished_one_is_unknown(conn: Conn) -> None:
    await _push(conn)
    worker = Actor(conn)
    job = await worker.claim_one()
    assert await _reason(conn, job.id) is None
    await worker.complete(job)
    assert await facts_of(conn, job.id) is None


async def test_a_job_that_was_lost_says_so(conn: Conn) -> None:
    await _worker(conn)
    await _push(conn)
    job = await Actor(conn, "wk-gone").claim_one()
    async with conn.transaction():
        await losses.restart_lost(conn, losses.Loss(30, 3, ("wk-gone",)))
    reason = await _reason(conn, job.id)
    assert reason is not None and "lost with its worker" in reason.sentence
