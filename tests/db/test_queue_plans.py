"""The plans of the hot statements on a full table: an index each, however many rows of others there are."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from psycopg import AsyncConnection

from tests.db.queue_kit import Actor, fill, make_job
from workers import losses, queue
from workers.losses import Loss
from workers.queue import Mark

type Conn = AsyncConnection[Any]

OTHERS = 100_000


@pytest.fixture
async def full(fresh_database: str) -> AsyncIterator[Conn]:
    """A queue with 100,000 jobs of a tag nobody here serves."""
    async with await AsyncConnection.connect(fresh_database, autocommit=True) as conn:
        await fill(conn, OTHERS, tag="gpu")
        await conn.execute("VACUUM ANALYZE job_queue")
        yield conn


async def test_a_claim_reads_its_tag_only(full: Conn) -> None:
    await queue.push(full, make_job())
    plan = await _explain(full, queue.CLAIM, _claim_parameters([Mark("python3"), Mark("bash")]))
    assert {"job_queue_ready"} <= _indexes(plan)
    assert "job_queue" not in _scanned(plan)
    assert _buffers(plan) < 200


async def test_renewing_goes_by_primary_key(full: Conn) -> None:
    await queue.push(full, make_job())
    job = await Actor(full).claim_one()
    parameters = {"ids": [job.id], "leases": [job.lease_id], "mem_peaks": [None]}
    plan = await _explain(full, queue.PING, parameters)
    assert "job_queue" not in _scanned(plan)


async def test_completing_goes_by_primary_key(full: Conn) -> None:
    await queue.push(full, make_job())
    job = await Actor(full).claim_one()
    facts = {"number": 1, "id": str(job.id), "lease_id": str(job.lease_id), "status": "success", "duration_ms": 1}
    parameters = {"ended": json.dumps([facts | {"labels": []}]), "results": ["1"], "logs": "[]"}
    plan = await _explain(full, queue.COMPLETE, parameters)
    assert "job_queue" not in _scanned(plan)
    assert _buffers(plan) < 200


async def test_the_sweep_reads_running_rows_only(full: Conn) -> None:
    for statement in (losses.RESTART_LOST, losses.FIND_DEAD):
        plan = await _explain(full, statement, Loss(30, 3, ("wk-gone",)).parameters())
        assert "job_queue" not in _scanned(plan), statement
        assert "job_queue_pinged" in _indexes(plan)


async def test_promotion_reads_due_rows_only(full: Conn) -> None:
    await fill(full, 1000, tag="later", ready=False)
    await full.execute("UPDATE job_queue SET scheduled_for = now() + interval '1 day' WHERE tag = 'later'")
    await full.execute("ANALYZE job_queue")
    plan = await _explain(full, queue.PROMOTE, {})
    assert "job_queue" not in _scanned(plan)
    assert "job_queue_due" in _indexes(plan)


async def test_dead_rows_behind_an_old_snapshot_cost_a_marked_claim_nothing(full: Conn, fresh_database: str) -> None:
    """D7: a backup holds a snapshot while 20,000 jobs are claimed; their dead index entries cannot be removed."""
    async with await AsyncConnection.connect(fresh_database) as backup:
        await backup.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        await backup.execute("SELECT 1")
        await fill(full, 20_000, tag="python3")
        await full.execute(
            "UPDATE job_queue SET ready = false, running = true, last_ping = now() WHERE tag = 'python3'"
        )
        await full.execute("DELETE FROM job_queue WHERE tag = 'python3'")
        await queue.push(full, make_job())
        cursor = await full.execute("SELECT scheduled_for FROM job_queue WHERE tag = 'python3'")
        row = await cursor.fetchone()
        assert row is not None
        plan = await _explain(full, queue.CLAIM, _claim_parameters([Mark("python3", 0, row[0])]))
        assert _buffers(plan) < 200


def _claim_parameters(marks: list[Mark]) -> dict[str, Any]:
    return {
        "tags": [mark.tag for mark in marks],
        "ranks": [mark.rank for mark in marks],
        "sinces": [mark.since.isoformat() if mark.since else "-infinity" for mark in marks],
        "limit": 2,
        "worker": "wk-one",
        "seed": b"0" * 32,
    }


async def _explain(conn: Conn, statement: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """The plan as run; what it did is undone."""
    async with conn.transaction(force_rollback=True):
        cursor = await conn.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}", parameters)
        row = await cursor.fetchone()
    assert row is not None
    plan = row[0] if not isinstance(row[0], str) else json.loads(row[0])
    return plan[0]["Plan"]


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from _nodes(child)


def _indexes(plan: dict[str, Any]) -> set[str]:
    return {node["Index Name"] for node in _nodes(plan) if "Index Name" in node}


def _scanned(plan: dict[str, Any]) -> set[str]:
    """Tables that are read from end to end."""
    return {node["Relation Name"] for node in _nodes(plan) if node["Node Type"] == "Seq Scan"}


def _buffers(plan: dict[str, Any]) -> int:
    return plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
