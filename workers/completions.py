"""The single exit of a job: what finished while the last commit was under way is committed together.

Hooks of the finished jobs run in that transaction, each in a savepoint: one that fails leaves a `job_todo` row, which
the sweep takes up, and never holds the completion back.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import psycopg
from psycopg import AsyncConnection

from workers import failpoints, kinds, queue, todos
from workers.attempts import Attempt
from workers.connections import PASSING, Connection
from workers.log_rows import LogSegment
from workers.notify import Notifier
from workers.queue import Completion
from workspaces.jsontext import dumps

log = logging.getLogger(__name__)

MAX_BATCH = 200
MAX_BATCH_BYTES = 4_000_000


@dataclass(frozen=True)
class Ending:
    """A finished attempt and what is to be stored of it."""

    attempt: Attempt
    completion: Completion
    segments: Sequence[LogSegment] = ()


@dataclass
class Committed:
    """What a committed batch leads to: statuses by job, events to tell."""

    statuses: dict[UUID, str] = field(default_factory=dict)
    events: list[str] = field(default_factory=list)


class Completer:
    """Commits endings in the order they come. `on_done` is called for each, whether its lease was still ours or not."""

    def __init__(
        self, database: Connection, notifier: Notifier, *, worker: str, on_done: Callable[[Attempt], None]
    ) -> None:
        self._database, self._notifier, self._worker, self._on_done = database, notifier, worker, on_done
        self._waiting: list[Ending] = []
        self._wake = asyncio.Event()

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, ending: Ending) -> None:
        """Commit it soon."""
        self._waiting.append(ending)
        self._wake.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                batch = self._next_batch()
                try:
                    await self._finish(batch)
                except failpoints.Failpoint:
                    self._waiting[:0] = batch
                except Exception as error:  # whatever it is, one ending must not take the others with it
                    log.warning("completion.failed", extra={"jobs": len(batch), "problem": _named(error)})
                    await self._finish_one_by_one(batch)

    def _next_batch(self) -> list[Ending]:
        size, count = 0, 0
        for ending in self._waiting[:MAX_BATCH]:
            size += len(ending.completion.result)
            if count and size > MAX_BATCH_BYTES:
                break
            count += 1
        batch, self._waiting = self._waiting[:count], self._waiting[count:]
        return batch

    async def _finish(self, batch: list[Ending]) -> None:
        await failpoints.reach("complete.before")
        done = await self._database.run(_commit_of(batch, self._worker))
        await failpoints.reach("complete.after_commit")
        for ending in batch:
            job_id = ending.completion.job_id
            if job_id in done.statuses:
                done.events.append(f"c:{job_id}")
            else:
                log.warning("completion.dropped", extra={"job_id": str(job_id), "attempt": ending.attempt.job.attempt})
            self._on_done(ending.attempt)
        self._notifier.tell(*done.events)

    async def _finish_one_by_one(self, batch: list[Ending]) -> None:
        """One of them cannot be stored: it must not hold up the others, and it needs a terminal row too (R1)."""
        for ending in batch:
            try:
                await self._finish([ending])
            except PASSING:
                self._waiting.append(ending)
                await asyncio.sleep(0.5)
            except Exception as error:
                job_id = str(ending.completion.job_id)
                log.error("completion.unstorable", extra={"job_id": job_id, "problem": _named(error)})
                await self._finish([_unstorable(ending)])


async def run_hooks(
    conn: AsyncConnection[Any], job: queue.ClaimedJob, status: str, result: str | None
) -> tuple[list[str], str | None]:
    """Run the hooks of a completed job in the caller's transaction.

    Answers (events, None), or ([], name of the one that failed).

    A failure undoes what the hooks of this job did, not the caller's work.
    """
    events: list[str] = []
    name = ""
    try:
        async with conn.transaction():
            for name, hook in kinds.hooks_of(job):  # noqa: B007 (read by the except)
                events += await hook(conn, job, status, result)
    except (*PASSING, psycopg.OperationalError, psycopg.InterfaceError):
        raise  # the whole transaction is tried again
    except Exception:
        log.exception("hook.failed", extra={"hook": name, "job_id": str(job.id)})
        return [], name
    return events, None


def _commit_of(batch: list[Ending], worker: str) -> Callable[[AsyncConnection[Any]], Awaitable[Committed]]:
    completions = [ending.completion for ending in batch]
    segments = [segment for ending in batch for segment in ending.segments]
    with_hooks = [ending for ending in batch if kinds.hooks_of(ending.attempt.job)]
    was_tried = False

    async def commit(conn: AsyncConnection[Any]) -> Committed:
        nonlocal was_tried
        done = Committed()
        again, was_tried = was_tried, True
        if with_hooks or failpoints.is_set("complete.before_commit"):
            async with conn.transaction():
                done.statuses = await queue.complete(conn, completions, segments)
                for ending in with_hooks:
                    if ending.completion.job_id in done.statuses:
                        done.events += await _hooks_of(conn, ending, done.statuses)
                await failpoints.reach("complete.before_commit")
        else:
            done.statuses = await queue.complete(conn, completions, segments)
        missing = [each.job_id for each in completions if each.job_id not in done.statuses]
        if again and missing:  # the answer to our first try may have been lost after its commit
            done.statuses |= await queue.was_completed(conn, missing, worker=worker)
        return done

    return commit


async def _hooks_of(conn: AsyncConnection[Any], ending: Ending, statuses: dict[UUID, str]) -> list[str]:
    job = ending.attempt.job
    status = statuses[job.id]
    result = ending.completion.result if status == ending.completion.status else None
    events, failed = await run_hooks(conn, job, status, result)
    if failed is not None:
        await todos.leave_todo(conn, job.id, hook=failed)
    return events


def _named(error: Exception) -> str:
    """No text and no traceback: they may quote a result."""
    return f"{type(error).__name__} {getattr(error, 'sqlstate', None) or ''}".strip()


def _unstorable(ending: Ending) -> Ending:
    error = {"name": "InternalErr", "message": "The result could not be stored. Return a simpler value."}
    completion = replace(ending.completion, status="failure", result=dumps({"error": error}), labels=())
    return Ending(ending.attempt, completion)
