"""Weekly partitions: made ahead by whoever comes first, rows in their place, whole weeks dropped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from psycopg import AsyncConnection, errors

from tests.db.queue_kit import make_job, make_settings
from workers import partitions, queue
from workers.connections import Connection
from workers.notify import Notifier
from workers.partitions import TABLES, WEEKS_AHEAD, name_of, week_of
from workers.sweep import Sweep
from workspaces.ids import first_uuid7_of

type Conn = AsyncConnection[Any]

NOW = datetime(2031, 3, 5, 12, tzinfo=UTC)
MADE = len(TABLES) * (WEEKS_AHEAD + 1)


@pytest.fixture
async def conn(fresh_database: str) -> AsyncIterator[Conn]:
    async with await AsyncConnection.connect(fresh_database, autocommit=True) as connection:
        yield connection


def test_a_week_begins_on_monday() -> None:
    assert week_of(NOW) == datetime(2031, 3, 3, tzinfo=UTC)
    assert name_of("job", week_of(NOW)) == "job_2031w10"
    assert name_of("job", datetime(2029, 12, 31, tzinfo=UTC)) == "job_2030w01"


async def test_they_are_made_once(conn: Conn) -> None:
    assert len(await partitions.ensure(conn, now=NOW)) == MADE
    assert await partitions.ensure(conn, now=NOW) == []
    assert len(await partitions.ensure(conn, now=NOW + timedelta(weeks=1))) == len(TABLES)


async def test_several_processes_may_make_them_at_once(conn: Conn, fresh_database: str) -> None:
    async def ensure() -> list[str]:
        async with await AsyncConnection.connect(fresh_database, autocommit=True) as own:
            return await partitions.ensure(own, now=NOW)

    made = await asyncio.gather(*(ensure() for _ in range(4)))
    assert sum(map(len, made)) == MADE


async def test_jobs_go_to_the_partition_of_their_id(conn: Conn) -> None:
    await partitions.ensure(conn, now=NOW)
    job = make_job(id=_id_at(NOW))
    foreign = make_job(id=UUID(int=5))
    await queue.push(conn, job)
    await queue.push(conn, foreign)
    cursor = await conn.execute("SELECT id, tableoid::regclass::text FROM job ORDER BY id")
    assert await cursor.fetchall() == [(foreign.id, "job_default"), (job.id, "job_2031w10")]


async def test_a_row_that_came_before_its_partition_is_moved(conn: Conn) -> None:
    job = make_job(id=_id_at(NOW))
    await queue.push(conn, job)
    await partitions.ensure(conn, now=NOW)
    cursor = await conn.execute("SELECT tableoid::regclass::text FROM job WHERE id = %s", (job.id,))
    assert await cursor.fetchone() == ("job_2031w10",)
    with pytest.raises(queue.DuplicateJob):
        await queue.push(conn, job)


async def test_during_a_backup_they_are_put_off_at_once(conn: Conn, fresh_database: str) -> None:
    async with await AsyncConnection.connect(fresh_database) as backup:
        await backup.execute("SELECT count(*) FROM job")  # its transaction keeps a lock on every partition
        with pytest.raises(errors.LockNotAvailable):
            async with asyncio.timeout(3):
                await partitions.ensure(conn, now=NOW)
        await queue.push(conn, make_job())
    assert len(await partitions.ensure(conn, now=NOW)) == MADE


async def test_a_worker_starts_and_sweeps_during_a_backup(fresh_database: str, tmp_path: Path) -> None:
    database = Connection(fresh_database, "test")
    sweep = Sweep(database, Notifier(fresh_database), make_settings(fresh_database, tmp_path))
    async with await AsyncConnection.connect(fresh_database) as backup:
        await backup.execute("SELECT count(*) FROM job")
        async with asyncio.timeout(5):
            await sweep.ensure_partitions()
            await sweep.once()
    await database.close()


async def test_whole_weeks_are_dropped_and_the_rest_stays(conn: Conn) -> None:
    await partitions.ensure(conn, now=NOW)
    await queue.push(conn, make_job(id=_id_at(NOW)))
    await queue.push(conn, make_job(id=_id_at(NOW + timedelta(weeks=1))))
    dropped = await partitions.drop_before(conn, instant=NOW + timedelta(weeks=1))
    assert sorted(dropped) == sorted(f"{table}_2031w10" for table in TABLES)
    assert await (await conn.execute("SELECT count(*) FROM job")).fetchone() == (1,)
    assert await partitions.drop_before(conn, instant=NOW + timedelta(weeks=1)) == []


def _id_at(instant: datetime) -> UUID:
    return UUID(int=first_uuid7_of(int(instant.timestamp() * 1000)).int | 0x7 << 76 | 1)
