"""Taking jobs: as many as there are free slots, tag first, from where the last claim of a tag ended.

A tag is *hot* while it may have ready jobs: a notification heats it, a claim that finds less than it asked for cools
it. Once a poll all tags are looked at from their start, so a lost notification costs at most that long (J16).
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import time
from collections.abc import Callable, Iterable
from datetime import timedelta

from workers import failpoints, queue
from workers.connections import PASSING, Connection
from workers.kinds import LIGHT_TAG
from workers.notify import Notifier
from workers.queue import ClaimedJob, Mark

log = logging.getLogger(__name__)

# A job may be committed this much after one with a later scheduled_for was claimed.
COMMIT_SLACK = timedelta(seconds=1)

type Free = Callable[[], int]
type Take = Callable[[list[ClaimedJob], float], None]


class Claimer:
    """`free_slots`, `free_light`: how many jobs could start now. `take` gets the jobs and when their claim was sent."""

    def __init__(
        self,
        database: Connection,
        notifier: Notifier,
        *,
        worker: str,
        tags: Iterable[str],
        poll_s: float,
        free_slots: Free,
        free_light: Free,
        take: Take,
    ) -> None:
        self.seed = os.urandom(32)
        self._database, self._notifier = database, notifier
        self._worker, self._tags, self._poll_s = worker, frozenset(tags), poll_s
        self._free_slots, self._free_light, self._take = free_slots, free_light, take
        self._marks: dict[str, Mark] = {}
        self._hot: dict[str, Mark] = {}
        self._wake = asyncio.Event()
        self._is_stopped = False

    def hear(self, events: Iterable[str]) -> None:
        """Take in what was told: `q:<tag>`, `q!<tag>`."""
        for event in events:
            if event[:2] == "q:":
                self._heat(event[2:], from_start=False)
            elif event[:2] == "q!":
                self._heat(event[2:], from_start=True)

    def heat_all(self) -> None:
        """Anything may be ready, anywhere."""
        self._hot = {tag: Mark(tag) for tag in self._tags}
        self._wake.set()

    def slot_freed(self) -> None:
        if self._hot:
            self._wake.set()

    def stop(self) -> None:
        """Claim nothing any more; a claim under way still answers."""
        self._is_stopped = True
        self._wake.set()

    async def run(self) -> None:
        """Until `stop`."""
        self.heat_all()
        next_poll = time.monotonic() + self._poll_s
        while not self._is_stopped:
            try:
                async with asyncio.timeout(max(0.0, next_poll - time.monotonic())):
                    await self._wake.wait()
            except TimeoutError:
                self.heat_all()
                next_poll = time.monotonic() + self._poll_s * random.uniform(0.9, 1.1)  # noqa: S311 (jitter)
            self._wake.clear()
            if not self._is_stopped:
                try:
                    await self._claim_hot()
                except PASSING as error:  # the next poll tries again
                    log.warning("claim.failed", extra={"problem": type(error).__name__})

    async def _claim_hot(self) -> None:
        light = {LIGHT_TAG: mark} if (mark := self._hot.get(LIGHT_TAG)) else {}
        heavy = {tag: mark for tag, mark in self._hot.items() if tag != LIGHT_TAG}
        for marks, free in ((heavy, self._free_slots), (light, self._free_light)):
            limit = free()
            if marks and limit > 0 and not self._is_stopped:
                await self._claim(marks, limit)

    async def _claim(self, marks: dict[str, Mark], limit: int) -> None:
        for tag in marks:  # what is told from here on speaks of jobs this claim may not see
            self._hot.pop(tag, None)
        await failpoints.reach("claim.before")
        sent_at = 0.0

        async def use(conn: queue.AsyncConnection) -> queue.Claim:
            nonlocal sent_at
            sent_at = time.monotonic()
            return await queue.claim(conn, worker=self._worker, seed=self.seed, marks=list(marks.values()), limit=limit)

        try:
            claim = await self._database.run(use)
        except BaseException:
            self._hot = marks | self._hot
            raise
        if claim.jobs:
            await failpoints.reach("claim.after_commit")
            self._remember(claim.jobs)
            self._take(claim.jobs, sent_at)
        if len(claim.jobs) >= limit:  # there may be more, but only where there was something
            for tag in claim.tags:
                self._hot.setdefault(tag, self._marks.get(tag, marks[tag]))
            if self._free_slots() > 0 or self._free_light() > 0:  # freed while nothing was hot
                self._wake.set()
        if claim.more:
            self._notifier.tell(*(f"q:{tag}" for tag in marks))

    def _remember(self, jobs: list[ClaimedJob]) -> None:
        for job in jobs:
            if job.rank > 0:  # of low priority: everything ordinary before this claim has been taken
                self._marks[job.tag] = Mark(job.tag, 0, job.started_at - COMMIT_SLACK)
            else:
                self._marks[job.tag] = Mark(job.tag, job.rank, job.scheduled_for - COMMIT_SLACK)

    def _heat(self, tag: str, *, from_start: bool) -> None:
        if tag not in self._tags:
            return
        if from_start:
            self._hot[tag] = Mark(tag)
        else:
            self._hot.setdefault(tag, self._marks.get(tag, Mark(tag)))
        self._wake.set()
