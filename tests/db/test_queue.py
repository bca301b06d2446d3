"""The statements of the queue: what they promise, one connection a worker."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from psycopg import AsyncConnection

from tests.db.queue_kit import Actor, completed, ending, make_job
from workers import log_rows, losses, queue, todos
from workers.log_rows import LogBlob, LogSegment
from workers.losses import Loss
from workers.queue import DuplicateJob, Held, KeyReused, Mark

type Conn = AsyncConnection[Any]


@pytest.fixture
async def conn(fresh_database: str) -> AsyncIterator[Conn]:
    async with await AsyncConnection.connect(fresh_database, autocommit=True) as connection:
        yield connection


@pytest.fixture
async def other_conn(fresh_database: str) -> AsyncIterator[Conn]:
    async with await AsyncConnection.connect(fresh_database, autocommit=True) as connection:
        yield connection


async def test_a_used_id_makes_no_second_job(conn: Conn) -> None:  # J3
    job = make_job()
    assert (await queue.push(conn, job)).ready
    with pytest.raises(DuplicateJob):
        await queue.push(conn, job)


async def test_a_key_makes_one_job_and_refuses_another_request(conn: Conn) -> None:  # J3
    first = await queue.push_once(conn, make_job(), owner="u/ada", key="k", fingerprint=b"1")
    again = await queue.push_once(conn, make_job(), owner="u/ada", key="k", fingerprint=b"1")
    assert (again.job_id, again.is_new) == (first.job_id, False)
    with pytest.raises(KeyReused):
        await queue.push_once(conn, make_job(), owner="u/ada", key="k", fingerprint=b"2")


async def test_a_claim_brings_everything_and_counts_the_attempt(conn: Conn) -> None:
    pushed = make_job(args='{"b": 1, "a": 2}', raw_code="x", labels=("l",), timeout_s=7)
    await queue.push(conn, pushed)
    job = await Actor(conn).claim_one()
    assert (job.id, job.args, job.raw_code, job.labels, job.timeout_s) == (pushed.id, pushed.args, "x", ["l"], 7)
    assert (job.attempt, job.losses) == (1, 0)
    assert queue.parse_job_token(job.token) == (job.id, job.lease_id)


async def test_better_priority_then_earlier_time_then_id_goes_first(conn: Conn) -> None:  # J17
    now = datetime.now(UTC) - timedelta(minutes=5)
    late = make_job(scheduled_for=now + timedelta(seconds=2))
    early = make_job(scheduled_for=now)
    urgent = make_job(scheduled_for=now + timedelta(seconds=3), priority=9)
    lazy = make_job(scheduled_for=now, priority=-1)
    for job in (late, lazy, urgent, early):
        await queue.push(conn, job)
    claimed = await Actor(conn).claim(limit=10)
    assert [job.id for job in claimed] == [urgent.id, early.id, late.id, lazy.id]


async def test_a_mark_skips_what_lies_before_it(conn: Conn) -> None:
    now = datetime.now(UTC) - timedelta(minutes=5)
    before, after = make_job(scheduled_for=now), make_job(scheduled_for=now + timedelta(seconds=2))
    await queue.push(conn, before)
    await queue.push(conn, after)
    mark = Mark("python3", 0, now + timedelta(seconds=1))
    assert [job.id for job in await Actor(conn).claim(limit=5, marks=[mark])] == [after.id]
    marks = [Mark("bash"), Mark("python3")]
    assert [job.id for job in await Actor(conn).claim(limit=5, marks=marks)] == [before.id]


async def test_two_workers_never_claim_the_same_job(conn: Conn, other_conn: Conn) -> None:
    for _ in range(4):
        await queue.push(conn, make_job())
    one, two = Actor(conn), Actor(other_conn, "wk-two")
    async with conn.transaction():
        mine = await one.claim(limit=2)
        theirs = await two.claim(limit=4)  # skips the locked rows instead of waiting for them
    assert len(mine) == 2 and len(theirs) == 2
    assert not {job.id for job in mine} & {job.id for job in theirs}


async def test_only_what_is_due_is_ready_and_promotion_makes_it_so(conn: Conn) -> None:
    await queue.push(conn, make_job(delay_s=3600))
    assert await Actor(conn).claim() == []
    assert await queue.promote_due(conn) == (set(), pytest.approx(3600, abs=5))
    await conn.execute("SET windmill.clock_offset = '2 hours'")
    assert await queue.promote_due(conn) == ({"python3"}, None)
    assert len(await Actor(conn).claim()) == 1


async def test_completing_moves_the_row_and_stores_the_last_log(conn: Conn) -> None:  # J5
    await queue.push(conn, make_job())
    job = await Actor(conn).claim_one()
    segment = LogSegment(job.id, job.lease_id, 0, 0, "said\n")
    result = '{"quote": "\\"", "b": 1, "a": 1.0}'
    assert await queue.complete(conn, [ending(job, result=result)], [segment]) == {job.id: "success"}
    assert await (await conn.execute("SELECT count(*) FROM job_queue")).fetchone() == (0,)
    cursor = await conn.execute("SELECT result::text, worker, attempt FROM job_completed")
    assert await cursor.fetchone() == (result, "wk-one", 1)
    assert await (await conn.execute("SELECT text FROM job_log")).fetchone() == ("said\n",)


async def test_a_late_completion_is_dropped_with_its_log(conn: Conn) -> None:  # J6, L7
    await queue.push(conn, make_job())
    slow, quick = Actor(conn), Actor(conn, "wk-two")
    late = await slow.claim_one()
    await conn.execute("SET windmill.clock_offset = '1 minute'")
    async with conn.transaction():
        (lost,) = await losses.restart_lost(conn, Loss(silent_s=30, max_losses=3))
    assert (lost.job_id, lost.worker, lost.losses) == (late.id, "wk-one", 1)
    again = await quick.claim_one()
    assert (again.attempt, again.losses) == (2, 1)
    segment = LogSegment(late.id, late.lease_id, 0, 0, "late\n")
    assert await queue.complete(conn, [ending(late, result='"late"')], [segment]) == {}
    assert await quick.complete(again, result='"second"')
    assert not await slow.complete(late)
    assert await completed(conn, late.id) == ("success", "second", 2, "wk-two")
    assert await (await conn.execute("SELECT count(*) FROM job_log")).fetchone() == (0,)


async def test_a_cancel_before_the_completion_wins(conn: Conn) -> None:  # F7
    await queue.push(conn, make_job())
    worker = Actor(conn)
    job = await worker.claim_one()
    async with conn.transaction():
        answer = await queue.cancel(conn, [job.id], by="bob", reason="no")
    assert (answer.ended, answer.asked) == (set(), {job.id})
    renewal = await queue.renew(conn, [Held(job.id, job.lease_id)])
    assert [(each.by, each.reason) for each in renewal.cancels] == [("bob", "no")]
    assert await queue.complete(conn, [ending(job)]) == {job.id: "canceled"}
    row = await completed(conn, job.id)
    assert row is not None and row[0] == "canceled" and row[1]["error"]["message"] == "Job canceled: no by bob"


async def test_a_queued_job_is_canceled_at_once_and_a_running_one_by_force(conn: Conn) -> None:
    await queue.push(conn, make_job())
    job = await Actor(conn).claim_one()
    waiting = make_job()
    await queue.push(conn, waiting)
    async with conn.transaction():
        answer = await queue.cancel(conn, [job.id, waiting.id], by="bob", reason="")
        assert answer.ended == {waiting.id}
        answer = await queue.cancel(conn, [job.id], by="bob", reason="", force=True)
        assert answer.ended == {job.id}
    renewal = await queue.renew(conn, [Held(job.id, job.lease_id)])
    assert renewal.lost == {job.id}


async def test_a_repeated_completion_is_recognized(conn: Conn) -> None:  # D3
    await queue.push(conn, make_job())
    worker = Actor(conn)
    job = await worker.claim_one()
    assert await worker.complete(job)
    assert not await worker.complete(job)
    assert await queue.was_completed(conn, [job.id], worker="wk-one") == {job.id: "success"}
    assert await queue.was_completed(conn, [job.id], worker="wk-two") == {}


async def test_claims_whose_answer_was_lost_go_back_unharmed(conn: Conn) -> None:
    for _ in range(2):
        await queue.push(conn, make_job())
    worker = Actor(conn)
    known, unknown = await worker.claim(limit=2)
    assert await queue.give_back_strays(conn, worker="wk-one", leases=[known.lease_id]) == {"python3"}
    again = await worker.claim_one()
    assert (again.id, again.attempt) == (unknown.id, 1)


async def test_a_drained_job_goes_back_without_a_loss(conn: Conn) -> None:  # J10, L6
    await queue.push(conn, make_job())
    worker = Actor(conn)
    job = await worker.claim_one()
    await log_rows.append_log(conn, [LogSegment(job.id, job.lease_id, 0, 0, "one")])
    await log_rows.append_blob(conn, LogBlob(job.id, job.lease_id, 1, 3, 5, b"gzipped"))
    assert await queue.give_back(conn, [Held(job.id, job.lease_id)], reason="because") == {"python3"}
    cursor = await conn.execute("SELECT seq, start, text FROM job_log ORDER BY seq")
    assert await cursor.fetchall() == [(0, 0, "one"), (2, 8, "\n--- because ---\n")]
    assert await log_rows.log_end(conn, job.id) == (3, 8 + len("\n--- because ---\n"))
    again = await worker.claim_one()
    assert (again.attempt, again.losses) == (2, 0)


async def test_log_without_the_lease_is_not_stored(conn: Conn) -> None:
    await queue.push(conn, make_job())
    job = await Actor(conn).claim_one()
    stranger = make_job().id
    await log_rows.append_log(conn, [LogSegment(job.id, stranger, 0, 0, "no")])
    segment = LogSegment(job.id, job.lease_id, 0, 0, "yes")
    await log_rows.append_log(conn, [segment])
    await log_rows.append_log(conn, [segment])
    assert await (await conn.execute("SELECT text FROM job_log")).fetchall() == [("yes",)]


async def test_losses_are_limited_and_a_script_may_refuse_them(conn: Conn) -> None:  # J10, J11
    await queue.push(conn, make_job())
    await queue.push(conn, make_job(is_repeatable=False))
    worker = Actor(conn)
    await worker.claim(limit=2)
    loss = Loss(silent_s=30, max_losses=3, dead_workers=("wk-one",))
    async with conn.transaction():
        assert len(await losses.restart_lost(conn, loss)) == 1
        (dead,) = await losses.find_dead(conn, loss)
    assert not dead.is_repeatable
    for _ in range(2):
        await worker.claim()
        async with conn.transaction():
            assert len(await losses.restart_lost(conn, loss)) == 1
    await worker.claim()
    async with conn.transaction():
        assert await losses.restart_lost(conn, loss) == []
        assert sorted(each.losses for each in await losses.find_dead(conn, loss)) == [0, 3]


async def test_a_silent_job_is_found_beyond_the_first_page(conn: Conn) -> None:
    for _ in range(520):
        await queue.push(conn, make_job())
    await Actor(conn).claim(limit=600)
    loss = Loss(silent_s=30, max_losses=3, dead_workers=("wk-one",))
    pages = []
    while page := await losses.restart_lost(conn, loss):
        pages.append(len(page))
    assert pages == [500, 20]


async def test_durability_is_given_up_for_one_statement_only(conn: Conn) -> None:  # J1
    await queue.push(conn, make_job())
    await Actor(conn).claim_one()
    assert await (await conn.execute("SHOW synchronous_commit")).fetchone() == ("on",)


async def test_a_hook_to_be_done_waits_with_growing_pauses(conn: Conn) -> None:
    await queue.push(conn, make_job(args='{"a":1}'))
    worker = Actor(conn)
    job = await worker.claim_one()
    async with conn.transaction():
        assert await worker.complete(job, result="7")
        await todos.leave_todo(conn, job.id, hook="noop", error="it failed")
    async with conn.transaction():
        (todo,) = await todos.due_todos(conn)
        assert (todo.job.id, todo.status, todo.result, todo.job.args) == (job.id, "success", "7", '{"a":1}')
        await todos.put_off_todo(conn, job.id, hook="noop")
    assert await todos.due_todos(conn) == []
    await conn.execute("SET windmill.clock_offset = '2 seconds'")
    (todo,) = await todos.due_todos(conn)
    assert todo.attempts == 1
    await todos.drop_todo(conn, job.id)
    assert await todos.due_todos(conn) == []
