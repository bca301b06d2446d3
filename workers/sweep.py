"""Duties any worker may do, one of them at a time: lost jobs, hooks that failed, partitions, rows of dead workers.

Safe when several do it together; the lease row only spares the work.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Sequence
from typing import Any

from psycopg import AsyncConnection, errors

from workers import completions, leases, log_rows, losses, partitions, queue, todos, worker_rows
from workers.connections import Connection
from workers.losses import Loss, LostJob
from workers.notify import Notifier
from workers.queue import Completion
from workers.worker_settings import WorkerSettings
from workspaces import clock
from workspaces.jsontext import dumps

log = logging.getLogger(__name__)

LEASE = "sweep"
PARTITIONS_EVERY_S = 6 * 3600
PARTITIONS_AGAIN_S = 120.0
MAX_HOOK_TRIES = 10


class Sweep:
    def __init__(self, database: Connection, notifier: Notifier, settings: WorkerSettings) -> None:
        self._database, self._notifier, self._settings = database, notifier, settings
        self._partitions_at = 0.0

    async def run(self) -> None:
        """Until cancelled."""
        period_s = self._settings.sweep_s
        while True:
            try:
                await self.once()
            except Exception:
                log.exception("sweep.failed")
            await asyncio.sleep(period_s * random.uniform(0.8, 1.2))  # noqa: S311 (jitter)

    async def once(self) -> None:
        """Do what is due, if no other worker does."""
        name, for_s = self._settings.name, self._settings.sweep_s * 2
        if not await self._database.run(lambda conn: leases.take(conn, LEASE, owner=name, for_s=for_s)):
            return
        await self.recover(self._loss())
        await self._run_todos()
        silent_s = max(2 * self._settings.lease_s, 60.0 if self._settings.lease_s >= 30 else 0)
        await self._database.run(lambda conn: worker_rows.remove_silent_workers(conn, silent_s=silent_s))
        if time.monotonic() > self._partitions_at:
            await self.ensure_partitions()

    async def ensure_partitions(self) -> None:
        """This week's and the next ones'; put off while a backup reads the tables (rows go to the default one)."""
        made = await self._database.run(_ensure_partitions)
        pause_s = PARTITIONS_AGAIN_S if made is None else PARTITIONS_EVERY_S
        self._partitions_at = time.monotonic() + pause_s
        if made is None:
            log.warning("partitions.put_off", extra={"again_in_s": pause_s})
        elif made:
            log.info("partitions.made", extra={"partitions": made})

    async def recover(self, loss: Loss) -> int:
        """Requeue or fail lost jobs, page by page. How many there were."""
        total = 0
        while restarted := await self._database.run(lambda conn: _restart(conn, loss)):
            total += len(restarted)
            for lost in restarted:
                log.warning("job.restarted", extra={"job_id": str(lost.job_id), "lost_worker": lost.worker})
            self._notifier.tell(*{f"q!{lost.tag}" for lost in restarted}, *(f"s:{lost.job_id}" for lost in restarted))
        while dead := await self._database.run(lambda conn: _fail_dead(conn, loss)):
            total += len(dead)
            self._notifier.tell(*(f"c:{job_id}" for job_id in dead))
            log.warning("jobs.failed_lost", extra={"jobs": len(dead)})
        return total

    async def recover_workers(self, names: Sequence[str]) -> int:
        """The jobs of worker processes that are known to be dead, without waiting for their leases."""
        found = await self.recover(self._loss(dead_workers=tuple(names)))
        await self._database.run(lambda conn: worker_rows.remove_workers(conn, names))
        return found

    def _loss(self, *, dead_workers: tuple[str, ...] = ()) -> Loss:
        return Loss(self._settings.lease_s, self._settings.max_losses, dead_workers)

    async def _run_todos(self) -> None:
        while True:
            events, found = await self._database.run(_run_some_todos)
            self._notifier.tell(*events)
            if not found:
                return


async def _ensure_partitions(conn: AsyncConnection[Any]) -> list[str] | None:
    try:
        return await partitions.ensure(conn, now=clock.now())
    except errors.LockNotAvailable:
        return None


async def _restart(conn: AsyncConnection[Any], loss: Loss) -> list[LostJob]:
    async with conn.transaction():
        lost = await losses.restart_lost(conn, loss)
        if lost:
            await log_rows.append_notes(conn, {each.job_id: _restart_note(each, loss) for each in lost})
    return lost


def _restart_note(lost: LostJob, loss: Loss) -> str:
    return (
        f"attempt {lost.attempt} lost: {_cause(lost, loss)}; started again "
        f"(restart {lost.losses} of at most {loss.max_losses})"
    )


def _cause(lost: LostJob, loss: Loss) -> str:
    if lost.worker in loss.dead_workers:
        return f"the process of worker {lost.worker} died"
    return f"no heartbeat from worker {lost.worker or 'unknown'} for {loss.silent_s:g} s"


async def _fail_dead(conn: AsyncConnection[Any], loss: Loss) -> list[Any]:
    async with conn.transaction():
        dead = await losses.find_dead(conn, loss)
        if not dead:
            return []
        done = await queue.complete(conn, [_failure_of(lost, loss) for lost in dead])
        await log_rows.append_notes(
            conn, {lost.job_id: f"attempt {lost.attempt} lost: {_cause(lost, loss)}" for lost in dead}
        )
        for job_id in done:
            await todos.leave_todo(conn, job_id, hook="lost")
    return list(done)


def _failure_of(lost: LostJob, loss: Loss) -> Completion:
    if not lost.is_repeatable:
        why = "the script is declared not repeatable, so it was not started again"
    elif loss.max_losses == 0:
        why = "lost jobs are not started again here (RESTART_ZOMBIE_JOBS is off)"
    else:
        why = f"it had been started again {lost.losses} times already, which is the limit"
    message = f"Attempt {lost.attempt} of the job was lost: {_cause(lost, loss)}; {why}. Run it again."
    error = {"name": "LostJob", "message": message, "worker": lost.worker, "attempt": lost.attempt}
    assert lost.lease_id is not None
    return Completion(lost.job_id, lost.lease_id, "failure", dumps({"error": error}), lost.ran_ms)


async def _run_some_todos(conn: AsyncConnection[Any]) -> tuple[list[str], int]:
    events: list[str] = []
    async with conn.transaction():
        due = await todos.due_todos(conn)
        for todo in due:
            told, failed = await completions.run_hooks(conn, todo.job, todo.status, todo.result)
            events += told
            if failed is None or todo.attempts + 1 >= MAX_HOOK_TRIES:
                await todos.drop_todo(conn, todo.job.id)
                if failed is not None:
                    log.error("hook.given_up", extra={"hook": failed, "job_id": str(todo.job.id)})
            else:
                await todos.put_off_todo(conn, todo.job.id, hook=failed)
    return events, len(due)
