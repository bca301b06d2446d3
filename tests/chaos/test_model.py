"""Random histories of submit, claim, renew, complete, crash, drain, sweep and cancel against a real database.

The actors are in this process, so a failing history shrinks and is repeated by the number pytest prints.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from psycopg import AsyncConnection

from tests.chaos.history import READ, TRIGGERS, Change, check
from tests.db.queue_kit import ending, make_job
from workers import losses, queue
from workers.losses import Loss
from workers.queue import ClaimedJob, Held, Mark

SILENT_S, MAX_LOSSES = 30.0, 2
WORKERS = 2


@dataclass
class Worker:
    """What a worker process remembers. A crash forgets it and takes another name."""

    number: int
    life: int = 0
    seed: bytes = field(default_factory=lambda: os.urandom(32))
    held: dict[UUID, ClaimedJob] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"wk-{self.number}-{self.life}"


class Histories(RuleBasedStateMachine):
    """One database connection; statements of different actors follow each other in the order Hypothesis chooses."""

    url = ""

    @initialize()
    def begin(self) -> None:
        self.loop = asyncio.Runner()
        self.conn = self.run(AsyncConnection.connect(self.url, autocommit=True))
        self.sql("TRUNCATE job, job_queue, job_completed, job_log, job_todo, history RESTART IDENTITY")
        self.clock_s = 0.0
        self.workers = [Worker(number) for number in range(WORKERS)]
        self.jobs: list[UUID] = []

    def run(self, work: Any) -> Any:
        return self.loop.run(work)

    def sql(self, statement: str, *parameters: Any) -> list[Any]:
        async def ask() -> list[Any]:
            cursor = await self.conn.execute(statement, parameters)
            return await cursor.fetchall() if cursor.description else []

        return self.run(ask())

    @rule(
        is_repeatable=st.sampled_from([True, True, False]), delay_s=st.sampled_from([0, 0, 20]), count=st.integers(1, 3)
    )
    def submit(self, is_repeatable: bool, delay_s: float, count: int) -> None:
        for priority in range(count):
            job = make_job(is_repeatable=is_repeatable, delay_s=delay_s, priority=priority)
            self.run(queue.push(self.conn, job))
            self.jobs.append(job.id)

    @rule(number=st.integers(0, WORKERS - 1), limit=st.integers(1, 3), is_answered=st.sampled_from([True, True, False]))
    def claim(self, number: int, limit: int, is_answered: bool) -> None:
        worker = self.workers[number]
        claim = self.run(
            queue.claim(self.conn, worker=worker.name, seed=worker.seed, marks=[Mark("python3")], limit=limit)
        )
        if is_answered:
            worker.held |= {job.id: job for job in claim.jobs}

    @rule(number=st.integers(0, WORKERS - 1))
    def renew(self, number: int) -> None:
        worker = self.workers[number]
        renewal = self.run(queue.renew(self.conn, [Held(job.id, job.lease_id) for job in worker.held.values()]))
        for job_id in renewal.lost:
            del worker.held[job_id]
        leases = [job.lease_id for job in worker.held.values()]
        self.run(queue.give_back_strays(self.conn, worker=worker.name, leases=leases))

    @rule(number=st.integers(0, WORKERS - 1), status=st.sampled_from(["success", "failure"]), count=st.integers(1, 3))
    def complete(self, number: int, status: str, count: int) -> None:
        worker = self.workers[number]
        jobs = list(worker.held.values())[:count]
        holders = dict(self.sql("SELECT id, lease_id FROM job_queue WHERE running"))
        endings = [ending(job, status=status, result=f'"{job.lease_id}"') for job in jobs]
        done = self.run(queue.complete(self.conn, endings))
        assert set(done) == {job.id for job in jobs if holders.get(job.id) == job.lease_id}
        for job in jobs:
            del worker.held[job.id]

    @rule(number=st.integers(0, WORKERS - 1))
    def crash(self, number: int) -> None:
        self.workers[number] = Worker(number, self.workers[number].life + 1)

    @rule(number=st.integers(0, WORKERS - 1), losses=st.integers(0, 1))
    def give_back(self, number: int, losses: int) -> None:
        worker = self.workers[number]
        held = [Held(job.id, job.lease_id) for job in worker.held.values()]
        # one that lost the database does so only while it has restarts left, else the sweep fails the job
        if losses and self.sql("SELECT 1 FROM job_queue WHERE losses >= %s", MAX_LOSSES):
            return
        self.run(queue.give_back(self.conn, held, reason="given back", losses=losses))
        worker.held.clear()

    @rule(claims=st.integers(0, WORKERS - 1), limit=st.integers(1, 3))
    def everybody_stalls_and_one_claims_again(self, claims: int, limit: int) -> None:
        """The interleaving that fencing is for; random steps alone meet it too seldom."""
        self.time_passes(40.0)
        self.sweep(set())
        worker = self.workers[claims]
        earlier = dict(worker.held)
        self.claim(claims, limit, is_answered=True)
        worker.held |= earlier  # it goes on with what it had, lost or not

    @rule(seconds=st.sampled_from([5.0, 25.0, 40.0]))
    def time_passes(self, seconds: float) -> None:
        self.clock_s += seconds
        self.sql(f"SET windmill.clock_offset = '{self.clock_s} seconds'")
        self.run(queue.promote_due(self.conn))

    @rule(dead=st.sets(st.integers(0, WORKERS - 1)))
    def sweep(self, dead: set[int]) -> None:
        """`dead`: workers whose earlier lives are known to have ended."""
        names = tuple(f"wk-{n}-{life}" for n in dead for life in range(self.workers[n].life))
        self.run(self._sweep(Loss(SILENT_S, MAX_LOSSES, names)))

    async def _sweep(self, loss: Loss) -> None:
        async with self.conn.transaction():
            await losses.restart_lost(self.conn, loss)
            for lost in await losses.find_dead(self.conn, loss):
                assert lost.lease_id is not None
                end = queue.Completion(lost.job_id, lost.lease_id, "failure", '{"error":{}}', lost.ran_ms)
                await queue.complete(self.conn, [end])

    @precondition(lambda self: self.jobs)
    @rule(place=st.integers(0, 100), force=st.booleans())
    def cancel(self, place: int, force: bool) -> None:
        async def do() -> None:
            async with self.conn.transaction():
                await queue.cancel(self.conn, [self.jobs[place % len(self.jobs)]], by="ada", reason="", force=force)

        self.run(do())

    def teardown(self) -> None:
        if not hasattr(self, "conn"):
            return
        try:
            for number in range(WORKERS):
                self.crash(number)
            for _ in range(MAX_LOSSES + 2):
                self.time_passes(40.0)
                self.sweep(set())
                for _ in range(20):
                    self.claim(0, 3, is_answered=True)
                    self.complete(0, "success", 3)
            changes = [Change(*row) for row in self.sql(READ)]
            assert check(changes, max_losses=MAX_LOSSES) == []
            assert self.sql("SELECT count(*) FROM job_completed") == [(len(self.jobs),)]
            stolen = (  # J6: the result names the lease it was made under
                "SELECT count(*) FROM history WHERE relation = 'queue' AND operation = 'DELETE' AND EXISTS ("
                "  SELECT 1 FROM job_completed c WHERE c.id = job_id AND c.status = 'success'"
                "  AND c.result #>> '{}' <> before ->> 'lease_id')"
            )
            assert self.sql(stolen) == [(0,)]
            wrong = "SELECT count(*) FROM job_completed WHERE started_at > completed_at OR duration_ms < 0"
            assert self.sql(wrong) == [(0,)]  # J14
        finally:
            self.run(self.conn.close())
            self.loop.close()


@pytest.mark.timeout(240)
def test_random_histories_hold_every_invariant(fresh_database: str) -> None:
    with psycopg.connect(fresh_database, autocommit=True) as conn:
        conn.execute(TRIGGERS)
    Histories.url = fresh_database
    chosen = settings(
        max_examples=int(os.environ.get("MODEL_HISTORIES", "30")),
        stateful_step_count=40,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Histories, settings=chosen)
