"""A worker process: connections, loops, slots, and leaving in good order."""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from workers import failpoints, queue, worker_rows
from workers.attempts import Attempt, Attempts, Stop
from workers.claims import Claimer
from workers.completions import Completer
from workers.connections import PASSING, Connection, wait_until_reachable
from workers.heartbeat import Heartbeat
from workers.links import Links, open_links
from workers.logs import LogWriter
from workers.notify import Listener
from workers.occupancy import Occupancy
from workers.presence import Presence, find_dead, forget
from workers.queue import ClaimedJob
from workers.runner import Runner, site_of
from workers.runtimes.base import Runtime
from workers.sandboxing import Sandboxing
from workers.sweep import Sweep
from workers.version import VERSION
from workers.worker_rows import WorkerPing
from workers.worker_settings import WorkerSettings

log = logging.getLogger(__name__)

MAX_UNCOMMITTED = 200  # finished jobs whose completion the database has not taken yet; above it none is claimed
PROMOTE_AT_LEAST_S = 0.1


class WorkerFailed(Exception):
    """A loop of the worker ended by an error of ours; what ran was finished or given back."""


class Worker:
    """One process with some slots. `run` returns when it has left in good order."""

    def __init__(self, settings: WorkerSettings) -> None:
        self.settings = settings
        self.attempts = Attempts()
        self.is_draining = False
        self.jobs_executed = 0
        self._occupancy = Occupancy(settings.slots)
        self._sandboxing = Sandboxing(settings)
        self._tasks: list[asyncio.Task[None]] = []
        self._is_serving = False
        self._failure: BaseException | None = None
        self._forced = asyncio.Event()
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Work until SIGTERM or SIGINT. Raises WorkerFailed, psycopg.OperationalError if the database never answers."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self._on_signal)
        presence = Presence(self.workers_root, self.settings.name)
        try:
            if await self._is_database_reachable():
                await self._work(presence)
        finally:
            await failpoints.reach("cleanup.before")
            presence.close(leaves_jobs=len(self.attempts) > 0, keeps_files=self.settings.keeps_job_dir)

    @property
    def workers_root(self) -> Path:
        return self.settings.data_dir / "workers"

    async def _is_database_reachable(self) -> bool:
        """False when a signal came first."""
        reaching = asyncio.ensure_future(wait_until_reachable(self.settings.database_url))
        stopping = asyncio.ensure_future(self._stopping.wait())
        await asyncio.wait((reaching, stopping), return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not reaching.done():
            reaching.cancel()
            return False
        await reaching
        return True

    # --- the parts ---

    async def _work(self, presence: Presence) -> None:
        links = open_links(self.settings, on_claims_reconnect=self._on_reconnect)
        self._notifier = links.notifier
        sweep = Sweep(links.side, links.notifier, self.settings)
        try:
            await self._recover_dead(sweep)  # first: others may run those jobs while our sandbox warms up
            runtime = await self._sandboxing.start(presence.directory)
            try:
                await self._serve(links, runtime, sweep)
            finally:
                await runtime.close()
        finally:
            if not self._forced.is_set():
                await self._say_goodbye(links.claims)
            await links.close(within_s=0 if self._forced.is_set() else 1.0)
        log.info("worker.stopped", extra={"worker": self.settings.name, "jobs": self.jobs_executed})
        if self._failure is not None:  # drained nevertheless; whoever supervises starts another process
            raise WorkerFailed(str(self._failure)) from self._failure

    async def _serve(self, links: Links, runtime: Runtime, sweep: Sweep) -> None:
        settings = self.settings
        self._completer = Completer(links.endings, links.notifier, worker=settings.name, on_done=self._on_done)
        logs = LogWriter(links.logs, links.notifier)
        self._heartbeat = Heartbeat(links.claims, links.notifier, self.attempts, settings, self._ping)
        self._claimer = Claimer(
            links.claims, links.notifier, worker=settings.name, tags=self._tags(), poll_s=settings.poll_s,
            free_slots=self._free_slots, free_light=self._free_light, take=self._take,
        )  # fmt: skip
        self._runner = Runner(
            settings, site_of(settings), self.attempts, links.side, logs, self._completer, links.notifier, runtime,
            self._claimer.slot_freed,
        )  # fmt: skip
        self._is_serving = True
        listener = Listener(settings.direct_url, self._on_events, self._on_reconnect)
        try:
            await self._heartbeat.beat()
            listener.start()
            self._start_loops(sweep, logs, links.claims)
            log.info("worker.started", extra={"worker": settings.name, "slots": settings.slots})
            await self._stopping.wait()
            await self._drain()
        finally:
            await _cancel(self._tasks)
            await listener.close()

    def _start_loops(self, sweep: Sweep, logs: LogWriter, claims: Connection) -> None:
        """Each runs as long as we do: one that ends by itself is a defect, and the process drains and leaves."""
        loops: dict[str, Coroutine[Any, Any, None]] = {
            "completions": self._completer.run(),
            "logs": logs.run(),
            "heartbeat": self._heartbeat.run(),
            "guard": self._heartbeat.guard(),
            "sweep": sweep.run(),
        }
        if self._sandboxing.problem == "":
            loops |= {"claims": self._claimer.run(), "promote": self._promote(claims)}
        for name, loop in loops.items():
            task = asyncio.create_task(loop, name=name)
            task.add_done_callback(self._on_loop_ended)
            self._tasks.append(task)

    def _on_loop_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.critical("worker.loop_failed", extra={"loop": task.get_name()}, exc_info=error)
            self._failure = error
            self._stopping.set()

    def _tags(self) -> list[str]:
        return [*self.settings.tags, self.settings.name]

    async def _recover_dead(self, sweep: Sweep) -> None:
        await sweep.ensure_partitions()
        names = [name for name in find_dead(self.workers_root) if name != self.settings.name]
        if names:
            jobs = await sweep.recover_workers(names)
            await asyncio.to_thread(forget, self.workers_root, names, keeps_files=self.settings.keeps_job_dir)
            log.warning("workers.recovered", extra={"workers": names, "jobs": jobs})

    async def _promote(self, database: Connection) -> None:
        while not self.is_draining:
            tags, next_s = set[str](), None
            try:
                tags, next_s = await database.run(queue.promote_due)
            except PASSING as error:
                log.warning("promote.failed", extra={"problem": type(error).__name__})
            if tags:
                events = [f"q!{tag}" for tag in tags]
                self._claimer.hear(events)
                self._notifier.tell(*events)
            await asyncio.sleep(max(PROMOTE_AT_LEAST_S, min(1.0, 1.0 if next_s is None else next_s)))

    # --- what happens ---

    def _free_slots(self) -> int:
        if self.is_draining or len(self._completer) > MAX_UNCOMMITTED:
            return 0
        return self.settings.slots - self.attempts.count(light=False)

    def _free_light(self) -> int:
        if self.is_draining or len(self._completer) > MAX_UNCOMMITTED:
            return 0
        return self.settings.light_slots - self.attempts.count(light=True)

    def _take(self, jobs: list[ClaimedJob], claimed_at: float) -> None:
        for job in jobs:
            self._runner.start(job, claimed_at)
        self._occupancy.set_busy(self.attempts.count(light=False))

    def _on_done(self, attempt: Attempt) -> None:
        self.attempts.drop(attempt)
        self.jobs_executed += 1
        self._occupancy.set_busy(self.attempts.count(light=False))
        if self._is_serving:
            self._claimer.slot_freed()

    def _on_events(self, events: list[str]) -> None:
        self._claimer.hear(events)
        for event in events:
            if event.startswith("x:") and any(str(each.job.id) == event[2:] for each in self.attempts):
                self._heartbeat.hurry()

    def _on_reconnect(self) -> None:
        """What was told meanwhile is lost, and so may be the answer to a claim."""
        if self._is_serving:
            self._claimer.heat_all()
            self._heartbeat.hurry()

    def _ping(self) -> WorkerPing:
        return WorkerPing(
            name=self.settings.name, host=self.settings.host, worker_group=self.settings.group, tags=self._tags(),
            slots=self.settings.slots, version=VERSION, sandbox_level=self._sandboxing.level,
            sandbox_problem=self._sandboxing.problem, is_draining=self.is_draining, jobs_executed=self.jobs_executed,
            running_jobs=len(self.attempts), memory_kb=self._occupancy.memory_kb(), occupancy=self._occupancy.rate(),
        )  # fmt: skip

    # --- leaving ---

    def _on_signal(self) -> None:
        if self._stopping.is_set():
            log.warning("worker.forced", extra={"worker": self.settings.name})
            self._forced.set()
        self.is_draining = True
        if self._is_serving:
            self._claimer.stop()
        self._stopping.set()

    async def _drain(self) -> None:
        """Finish what runs within the grace; give back the rest (W1)."""
        self.is_draining = True
        self._claimer.stop()
        log.info("worker.draining", extra={"worker": self.settings.name, "running": len(self.attempts)})
        self._heartbeat.hurry()
        await self._wait_until_empty(self.settings.grace_s)
        for attempt in self.attempts:
            attempt.stop(Stop.DRAIN, grace_s=0 if self._forced.is_set() else self.settings.cancel_grace_s)
        await self._wait_until_empty(self.settings.cancel_grace_s + 3, even_if_forced=True)

    async def _wait_until_empty(self, within_s: float, *, even_if_forced: bool = False) -> None:
        limit = time.monotonic() + within_s
        while len(self.attempts) and (left_s := limit - time.monotonic()) > 0:
            if self._forced.is_set() and not even_if_forced:
                return
            self.attempts.changed.clear()
            waits = [asyncio.ensure_future(each.wait()) for each in (self.attempts.changed, self._forced)]
            await asyncio.wait(
                waits[:1] if even_if_forced else waits, timeout=left_s, return_when=asyncio.FIRST_COMPLETED
            )
            for wait in waits:
                wait.cancel()

    async def _say_goodbye(self, claims: Connection) -> None:
        try:
            async with asyncio.timeout(2):
                await claims.run(lambda conn: worker_rows.remove_workers(conn, [self.settings.name]))
        except Exception:
            log.warning("worker.row_left", extra={"worker": self.settings.name})


async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
