"""Which tags a worker looks at, and when: told ones at once, all of them at each poll, none beyond its slots."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from psycopg import AsyncConnection

from tests.db.queue_kit import make_job
from workers import queue
from workers.claims import Claimer
from workers.connections import Connection
from workers.notify import Notifier
from workers.queue import ClaimedJob

type Conn = AsyncConnection[Any]


@dataclass
class Slots:
    """What the claimer is given: jobs it took, and how many more fit."""

    free: int = 2
    free_light: int = 0
    jobs: list[ClaimedJob] = field(default_factory=list)

    def take(self, jobs: list[ClaimedJob], sent_at: float) -> None:
        self.jobs += jobs
        light = sum(job.tag == "noop" for job in jobs)
        self.free_light -= light
        self.free -= len(jobs) - light


@pytest.fixture
async def conn(fresh_database: str) -> AsyncIterator[Conn]:
    async with await AsyncConnection.connect(fresh_database, autocommit=True) as connection:
        yield connection


@pytest.fixture
def slots() -> Slots:
    return Slots()


@pytest.fixture
async def claimer(fresh_database: str, slots: Slots) -> AsyncIterator[Claimer]:
    """A claimer that polls so seldom that only what it is told counts; its first look at everything is done."""
    database = Connection(fresh_database, "test")
    made = Claimer(
        database, Notifier(fresh_database), worker="wk-one", tags=["python3", "bash", "noop"], poll_s=600,
        free_slots=lambda: slots.free, free_light=lambda: slots.free_light, take=slots.take,
    )  # fmt: skip
    running = asyncio.create_task(made.run())
    async with asyncio.timeout(5):
        while database.count == 0 or set(made._hot) - {"noop"}:
            await asyncio.sleep(0.01)
    yield made
    made.stop()
    await running
    await database.close()


async def _taken(slots: Slots, count: int) -> list[ClaimedJob]:
    async with asyncio.timeout(5):
        while len(slots.jobs) < count:
            await asyncio.sleep(0.005)
    return slots.jobs


async def test_a_told_tag_is_claimed_at_once_up_to_the_slots(conn: Conn, claimer: Claimer, slots: Slots) -> None:
    for _ in range(3):
        await queue.push(conn, make_job())
    claimer.hear(["q:python3"])
    assert len(await _taken(slots, 2)) == 2
    slots.free = 1
    claimer.slot_freed()
    assert len(await _taken(slots, 3)) == 3


async def test_what_was_told_of_other_tags_is_nothing_to_us(conn: Conn, claimer: Claimer, slots: Slots) -> None:
    await queue.push(conn, make_job())
    await queue.push(conn, make_job(tag="gpu"))
    claimer.hear(["q:gpu", "c:0199", "q:bash"])
    claimer.hear(["q:python3"])
    assert [job.tag for job in await _taken(slots, 1)] == ["python3"]


async def test_an_urgent_job_is_found_before_the_mark(conn: Conn, claimer: Claimer, slots: Slots) -> None:
    await queue.push(conn, make_job())
    claimer.hear(["q:python3"])
    await _taken(slots, 1)
    urgent = make_job(priority=3)
    await queue.push(conn, urgent)
    claimer.hear(["q!python3"])
    assert (await _taken(slots, 2))[1].id == urgent.id


async def test_an_ordinary_job_is_found_after_one_of_low_priority(conn: Conn, claimer: Claimer, slots: Slots) -> None:
    await queue.push(conn, make_job(priority=-5))
    claimer.hear(["q:python3"])
    await _taken(slots, 1)
    ordinary = make_job()
    await queue.push(conn, ordinary)
    claimer.hear(["q:python3"])
    assert (await _taken(slots, 2))[1].id == ordinary.id


async def test_a_job_committed_late_is_found_behind_the_mark(conn: Conn, claimer: Claimer, slots: Slots) -> None:
    late, early = make_job(), make_job()
    await queue.push(conn, late)
    await queue.push(conn, early)
    await conn.execute("UPDATE job_queue SET ready = false WHERE id = %s", (late.id,))  # as if not committed yet
    claimer.hear(["q:python3"])
    await _taken(slots, 1)
    await conn.execute("UPDATE job_queue SET ready = true WHERE id = %s", (late.id,))
    claimer.hear(["q:python3"])
    assert (await _taken(slots, 2))[1].id == late.id


async def test_light_jobs_take_no_slot(conn: Conn, claimer: Claimer, slots: Slots) -> None:
    slots.free, slots.free_light = 0, 10
    for _ in range(10):
        await queue.push(conn, make_job(tag="noop"))
    await queue.push(conn, make_job())
    claimer.hear(["q:noop", "q:python3"])
    assert {job.tag for job in await _taken(slots, 10)} == {"noop"}


async def test_after_stop_nothing_is_claimed(conn: Conn, claimer: Claimer, slots: Slots) -> None:  # W1
    claimer.stop()
    await queue.push(conn, make_job())
    claimer.hear(["q:python3"])
    await asyncio.sleep(0)
    assert slots.jobs == []
