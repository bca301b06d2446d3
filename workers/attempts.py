"""The jobs a worker process holds: claimed, not yet completed, each under a lease."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from uuid import UUID

from workers.job_log import JobLog
from workers.queue import ClaimedJob, Held
from workers.runtimes.base import RunningJob


class Stop(Enum):
    """Why an attempt is ended from outside."""

    CANCEL = "cancel"
    DRAIN = "drain"
    LOST = "lost lease"  # another holds it or it is over: say nothing more about it
    UNRENEWED = "unrenewed lease"  # the database cannot be reached and the lease will end


@dataclass
class Attempt:
    """One job held. `renewed_at`: monotonic time at which the last granted claim or renewal was sent."""

    job: ClaimedJob
    log: JobLog
    renewed_at: float
    task: asyncio.Task[None] | None = None
    running: RunningJob | None = None
    has_begun: bool = False
    is_over: bool = False  # no process of it lives; what follows is bookkeeping
    is_light: bool = False
    stop_reason: Stop | None = None
    mem_peak_kb: int | None = None
    _terminating: list[asyncio.Future[None]] = field(default_factory=list)

    def stop(self, reason: Stop, *, grace_s: float) -> None:
        """End it soon: TERM, after `grace_s` KILL. A lost lease outranks an earlier reason."""
        if self.is_over or (self.stop_reason is not None and reason is not Stop.LOST):
            return
        self.stop_reason = reason
        if self.running is not None:
            self._terminating.append(asyncio.ensure_future(self.running.terminate(reason.value, grace_s)))
        elif self.has_begun and self.task is not None:
            self.task.cancel()

    @property
    def held(self) -> Held:
        return Held(self.job.id, self.job.lease_id, self.mem_peak_kb)


class Attempts:
    """All attempts of this process, by job id."""

    def __init__(self) -> None:
        self._by_id: dict[UUID, Attempt] = {}
        self.changed = asyncio.Event()

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[Attempt]:
        return iter(list(self._by_id.values()))

    def add(self, attempt: Attempt) -> None:
        """Hold it. An earlier attempt of the same job that still runs here has lost its lease."""
        earlier = self._by_id.get(attempt.job.id)
        if earlier is not None:
            earlier.stop(Stop.LOST, grace_s=0)
        self._by_id[attempt.job.id] = attempt

    def get(self, job_id: UUID) -> Attempt | None:
        return self._by_id.get(job_id)

    def drop(self, attempt: Attempt) -> None:
        """It is completed, given back or lost."""
        if self._by_id.get(attempt.job.id) is attempt:
            del self._by_id[attempt.job.id]
        self.changed.set()

    def count(self, *, light: bool) -> int:
        """How many have or await a process (light: run inside the worker)."""
        return sum(1 for each in self._by_id.values() if not each.is_over and each.is_light is light)

    def leases(self) -> list[UUID]:
        return [each.job.lease_id for each in self._by_id.values()]
