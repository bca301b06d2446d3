"""Endings become terminal rows in groups; hooks ride along and never hold them back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from psycopg import AsyncConnection

from tests.db.queue_kit import Actor, completed, ending, make_job, make_settings
from workers import kinds, queue
from workers.attempts import Attempt
from workers.completions import Completer, Ending
from workers.connections import Connection
from workers.job_log import JobLog
from workers.notify import Notifier
from workers.queue import ClaimedJob
from workers.sweep import Sweep

type Conn = AsyncConnection[Any]


@pytest.fixture
async def conn(fresh_database: str) -> AsyncIterator[Conn]:
    async with await AsyncConnection.connect(fresh_database, autocommit=True) as connection:
        await connection.execute("CREATE TABLE seen (job_id uuid, status text, result text)")
        yield connection


@pytest.fixture
async def database(fresh_database: str) -> AsyncIterator[Connection]:
    connection = Connection(fresh_database, "test")
    yield connection
    await connection.close()


@pytest.fixture
def with_hook() -> Iterator[Callable[[kinds.Hook], None]]:
    """Gives every job of kind `hooked` a hook, for one test."""

    def register(hook: kinds.Hook) -> None:
        kinds.register_hook(kinds.NamedHook("test", lambda job: job.kind == "hooked", hook))

    yield register
    kinds._hooks.pop("test", None)


async def _note(conn: Conn, job: ClaimedJob, status: str, result: str | None) -> list[str]:
    await conn.execute("INSERT INTO seen VALUES (%s, %s, %s)", (job.id, status, result))
    return [f"s:{job.id}"]


async def _note_and_fail(conn: Conn, job: ClaimedJob, status: str, result: str | None) -> list[str]:
    await _note(conn, job, status, result)
    raise RuntimeError("a defect of the hook")


async def _finish(fresh_database: str, database: Connection, jobs: list[ClaimedJob], result: str = "1") -> list[str]:
    """Complete `jobs` together. Answers what would be told."""
    told: list[str] = []
    done: list[Attempt] = []
    notifier = Notifier(fresh_database)
    notifier.tell = lambda *events: told.extend(events)
    completer = Completer(database, notifier, worker="wk-one", on_done=done.append)
    for job in jobs:
        log = JobLog(job.id, job.lease_id, secrets=(), cap_bytes=1000)
        completer.add(Ending(Attempt(job, log, 0.0), ending(job, result=result)))
    running = asyncio.create_task(completer.run())
    async with asyncio.timeout(10):
        while len(done) < len(jobs):
            await asyncio.sleep(0.01)
    running.cancel()
    return told


async def _claimed(conn: Conn, count: int, **fields: Any) -> list[ClaimedJob]:
    for _ in range(count):
        await queue.push(conn, make_job(**fields))
    return await Actor(conn).claim(limit=count)


async def test_many_endings_are_one_transaction(conn: Conn, database: Connection, fresh_database: str) -> None:
    jobs = await _claimed(conn, 50)
    told = await _finish(fresh_database, database, jobs)
    assert sorted(told) == sorted(f"c:{job.id}" for job in jobs)
    cursor = await conn.execute("SELECT count(DISTINCT xmin::text), count(*) FROM job_completed")
    assert await cursor.fetchone() == (1, 50)


async def test_a_hook_writes_in_the_transaction_of_the_completion(
    conn: Conn, database: Connection, fresh_database: str, with_hook: Callable[[kinds.Hook], None]
) -> None:
    with_hook(_note)
    (job,) = await _claimed(conn, 1, kind="hooked")
    told = await _finish(fresh_database, database, [job], result='{"a": 1}')
    assert told == [f"s:{job.id}", f"c:{job.id}"]
    query = "SELECT seen.*, seen.xmin = job_completed.xmin FROM seen JOIN job_completed ON id = job_id"
    row = await (await conn.execute(query)).fetchone()
    assert row is not None and row[:3] == (job.id, "success", '{"a": 1}')


async def test_a_failing_hook_leaves_the_completion_and_a_todo(
    conn: Conn, database: Connection, fresh_database: str, with_hook: Callable[[kinds.Hook], None]
) -> None:
    with_hook(_note_and_fail)
    good, bad = (await _claimed(conn, 1))[0], (await _claimed(conn, 1, kind="hooked"))[0]
    await _finish(fresh_database, database, [good, bad])
    assert await completed(conn, good.id) and await completed(conn, bad.id)
    assert await (await conn.execute("SELECT count(*) FROM seen")).fetchone() == (0,)
    assert await (await conn.execute("SELECT job_id, hook FROM job_todo")).fetchall() == [(bad.id, "test")]


async def test_the_sweep_tries_a_failed_hook_again(
    conn: Conn, database: Connection, fresh_database: str, with_hook: Callable[[kinds.Hook], None], tmp_path: Any
) -> None:
    with_hook(_note_and_fail)
    (job,) = await _claimed(conn, 1, kind="hooked")
    await _finish(fresh_database, database, [job])
    sweep = Sweep(database, Notifier(fresh_database), make_settings(fresh_database, tmp_path))
    await sweep.once()
    assert await (await conn.execute("SELECT attempts FROM job_todo")).fetchone() == (1,)
    with_hook(_note)
    await conn.execute("UPDATE job_todo SET next_try_at = now() - interval '1 hour'")
    await sweep.once()
    assert await (await conn.execute("SELECT count(*) FROM job_todo")).fetchone() == (0,)
    assert await (await conn.execute("SELECT job_id, status FROM seen")).fetchall() == [(job.id, "success")]


@pytest.mark.parametrize("bad_result", ["{not json", '"\ud800"', "[" * 20_000 + "]" * 20_000])
async def test_a_result_that_cannot_be_stored_harms_its_own_job_only(
    conn: Conn, database: Connection, fresh_database: str, bad_result: str, caplog: pytest.LogCaptureFixture
) -> None:  # R1
    good, bad = await _claimed(conn, 2)
    notifier = Notifier(fresh_database)
    done: list[Attempt] = []
    completer = Completer(database, notifier, worker="wk-one", on_done=done.append)
    for job, result in ((good, "1"), (bad, bad_result)):
        log = JobLog(job.id, job.lease_id, secrets=(), cap_bytes=1000)
        completer.add(Ending(Attempt(job, log, 0.0), ending(job, result=result)))
    running = asyncio.create_task(completer.run())
    async with asyncio.timeout(10):
        while len(done) < 2:
            await asyncio.sleep(0.01)
    running.cancel()
    assert (await completed(conn, good.id) or ())[0] == "success"
    row = await completed(conn, bad.id)
    assert row is not None and row[0] == "failure" and "could not be stored" in row[1]["error"]["message"]
    assert "not json" not in caplog.text


async def test_a_completion_survives_the_end_of_its_connection(
    conn: Conn, database: Connection, fresh_database: str
) -> None:  # D3, X10
    (job,) = await _claimed(conn, 1)
    pid = await database.run(lambda own: _backend(own))
    await conn.execute("SELECT pg_terminate_backend(%s)", (pid,))
    assert await _finish(fresh_database, database, [job]) == [f"c:{job.id}"]


async def _backend(conn: Conn) -> int:
    row = await (await conn.execute("SELECT pg_backend_pid()")).fetchone()
    assert row is not None
    return row[0]
