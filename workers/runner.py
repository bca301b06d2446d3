"""One job from its claim to the completer."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass

from vault import references
from workers import failpoints, job_env, kinds, log_rows, outcome_result, queue
from workers.attempts import Attempt, Attempts, Stop
from workers.completions import Completer, Ending
from workers.connections import PASSING, Connection
from workers.job_log import JobLog
from workers.languages import PreparedEnv
from workers.logs import LogWriter
from workers.notify import Notifier
from workers.preparing import Preparer
from workers.queue import ClaimedJob, Completion
from workers.runtimes.base import JobSpec, Outcome, Runtime
from workers.sandbox import SandboxError
from workers.worker_settings import WorkerSettings
from workspaces.errors import WindmillError

log = logging.getLogger(__name__)

_IN_LOOP_BYTES = 256_000  # larger results are checked in a thread
_QUIET_DELAY_S = 0.5  # the header of a job that prints nothing


@dataclass
class Runner:
    """What running jobs takes. `slot_freed` is called when a job's process is gone."""

    settings: WorkerSettings
    site: job_env.Site
    attempts: Attempts
    database: Connection
    logs: LogWriter
    completer: Completer
    notifier: Notifier
    runtime: Runtime
    slot_freed: Callable[[], None]

    def __post_init__(self) -> None:
        self._preparer = Preparer()
        self._slots = asyncio.Semaphore(self.settings.slots)

    def start(self, job: ClaimedJob, claimed_at: float) -> None:
        """Hold `job` and begin it. `claimed_at`: monotonic time at which its claim was sent."""
        secrets = (job.token,)
        job_log = JobLog(job.id, job.lease_id, secrets=secrets, cap_bytes=self.settings.log_max_bytes)
        attempt = Attempt(job, job_log, renewed_at=claimed_at)
        kind = kinds.find(job.kind)
        attempt.is_light = kind is not None and kind.execute is not None and job.tag == kinds.LIGHT_TAG
        self.attempts.add(attempt)
        attempt.task = asyncio.create_task(self._run(attempt, kind))

    async def _run(self, attempt: Attempt, kind: kinds.Kind | None) -> None:
        started = time.monotonic()
        attempt.has_begun = True
        outcome: Outcome | None = None
        try:
            if attempt.stop_reason is None:
                outcome = await self._outcome(attempt, kind)
        except asyncio.CancelledError:
            if attempt.stop_reason is None:
                raise
        attempt.is_over = True
        self.slot_freed()
        try:
            await self._end(attempt, outcome, took_s=time.monotonic() - started)
        except Exception:  # whatever it was, it would be the same at the next attempt (R1)
            log.exception("job.not_ended", extra={"job_id": str(attempt.job.id)})
            error = outcome_result.error_text({"name": "InternalErr", "message": "The worker could not store the end"})
            completion = Completion(attempt.job.id, attempt.job.lease_id, "failure", error, duration_ms=0)
            self.completer.add(Ending(attempt, completion))

    # --- running ---

    async def _outcome(self, attempt: Attempt, kind: kinds.Kind | None) -> Outcome | None:
        """Every way a job can go wrong is an outcome, None when it is to go back; only a cancellation passes."""
        job = attempt.job
        try:
            await self._begin_log(attempt)
            if kind is None:
                raise WindmillError(f'No worker of this version runs jobs of kind "{job.kind}"; update the workers')
            self.notifier.tell(f"s:{job.id}")
            if kind.execute is not None:
                return await self._execute(attempt, kind.execute)
            assert kind.load is not None
            load = kind.load
            runnable = await self.database.run(lambda conn: load(conn, job))
            if runnable.kept_result is not None:
                attempt.log.write("Nothing ran: an earlier run with the same arguments answered this.\n")
                return Outcome("success", runnable.kept_result.encode())
            async with self._slots:
                return await self._run_in_sandbox(attempt, runnable)
        except WindmillError as error:
            return _failed("ExecutionErr", error.message)
        except SandboxError as error:
            log.error("job.sandbox_failed", extra={"job_id": str(job.id), "problem": str(error)})
            return _failed("SandboxError", str(error))
        except PASSING:  # the database's trouble is never the job's failure (D4)
            attempt.stop_reason = attempt.stop_reason or Stop.UNRENEWED
            return None
        except failpoints.Failpoint:
            return _failed("InternalErr", "a failpoint was reached")
        except Exception as error:
            log.exception("job.crashed", extra={"job_id": str(job.id)})
            return _failed("InternalErr", f"The worker failed to run the job ({type(error).__name__}); see its log")

    async def _begin_log(self, attempt: Attempt) -> None:
        job = attempt.job
        if job.attempt > 1:
            seq, start = await self.database.run(lambda conn: log_rows.log_end(conn, job.id))
            attempt.log.continue_at(seq, start)
        tried = f" attempt={job.attempt}" if job.attempt > 1 else ""
        name, host = self.settings.name, self.settings.host
        attempt.log.write(f"job={job.id} tag={job.tag} worker={name} hostname={host}{tried}\n")
        if not attempt.is_light:
            self.logs.touch(attempt.log, delay_s=_QUIET_DELAY_S)

    async def _execute(self, attempt: Attempt, execute: kinds.Execute) -> Outcome:
        job = attempt.job

        async def write(text: str) -> None:
            attempt.log.write(text)
            self.logs.touch(attempt.log)

        limit_s = self._timeout_s(job.timeout_s)
        try:
            async with asyncio.timeout(limit_s):
                return await execute(kinds.JobContext(job, self.database, write))
        except TimeoutError:
            return _failed("ExecutionErr", f"job terminated due to timeout after exceeding its limit of {limit_s:g} s")

    async def _run_in_sandbox(self, attempt: Attempt, runnable: kinds.Runnable) -> Outcome:
        def on_log(text: str) -> None:
            attempt.log.write(text if text.endswith("\n") else f"{text}\n")
            self.logs.touch(attempt.log)

        prepared = await self._preparer.prepare(runnable, on_log)
        env = job_env.environment(attempt.job, self.site, runnable.envs)
        args = await self._resolved_args(attempt, env)
        await failpoints.reach("run.before_start")
        spec = self._spec(attempt.job, runnable, prepared, args, env)
        try:
            running = await self.runtime.start(spec)
        except SandboxError as error:  # its server may have died under it: nothing of the job has run yet
            log.warning("job.started_again", extra={"job_id": str(attempt.job.id), "problem": str(error)})
            running = await self.runtime.start(spec)
        attempt.running = running
        if attempt.stop_reason is not None:  # asked for while the process was being made
            await running.terminate(attempt.stop_reason.value, 0)
        await failpoints.reach("run.started")
        async for chunk in running.output():
            await self.logs.feed(attempt.log, chunk)
        outcome = await running.wait()
        await failpoints.reach("run.child_exited")
        return outcome

    async def _resolved_args(self, attempt: Attempt, env: dict[str, str]) -> str:
        """Arguments with `$var:`, `$res:` and `$WM_…` filled in; what was secret in them is masked in the log."""
        job = attempt.job
        if not references.has_references(job.args):
            return job.args
        found = await self.database.run(lambda conn: references.resolution_for_job(conn, job, context=env))
        attempt.log.hide(found.secrets)
        return found.text

    def _spec(
        self, job: ClaimedJob, runnable: kinds.Runnable, prepared: PreparedEnv, args: str, env: dict[str, str]
    ) -> JobSpec:
        settings = self.settings
        return JobSpec(
            job_id=str(job.id),
            workspace_id=job.workspace_id,
            language=runnable.language,
            code=runnable.content,
            args=args.encode(),
            entrypoint=job.entrypoint or runnable.entrypoint or "main",
            module_path=runnable.module_path,
            arg_order=runnable.arg_order,
            arg_defaults=runnable.arg_defaults,
            env=env,
            files=runnable.files,
            interpreter=prepared.interpreter,
            package_dirs=prepared.package_dirs,
            lock_hash=prepared.lock_hash,
            timeout_s=self._timeout_s(job.timeout_s or runnable.timeout_s),
            memory_bytes=settings.memory_mb * 1024 * 1024,
            max_processes=settings.max_processes,
            result_cap_bytes=settings.result_max_bytes,
            keep_dir=settings.keeps_job_dir,
        )

    def _timeout_s(self, asked: int | None) -> float:
        longest = self.settings.default_timeout_s
        return float(min(asked, longest) if asked else longest)

    # --- ending ---

    async def _end(self, attempt: Attempt, outcome: Outcome | None, *, took_s: float) -> None:
        reason = attempt.stop_reason
        if outcome is not None and not outcome.canceled and reason is not Stop.LOST:
            reason = None  # it came to its own end before it could be stopped
        match reason:
            case Stop.LOST:
                log.warning("job.lost", extra={"job_id": str(attempt.job.id), "attempt": attempt.job.attempt})
                attempt.log.close()
                self.attempts.drop(attempt)
            case Stop.DRAIN | Stop.UNRENEWED:
                await self._give_back(attempt, reason)
            case _:
                await self._complete(attempt, outcome or _failed("Canceled", "canceled"), took_s)

    async def _complete(self, attempt: Attempt, outcome: Outcome, took_s: float) -> None:
        segments = await self.logs.finish(attempt.log)
        result_size = len(outcome.result or b"")
        arguments = {"stream": attempt.log.stream, "max_bytes": self.settings.result_max_bytes}
        if result_size > _IN_LOOP_BYTES:
            stored = await asyncio.to_thread(outcome_result.stored, outcome, **arguments)
        else:
            stored = outcome_result.stored(outcome, **arguments)
        completion = Completion(
            job_id=attempt.job.id,
            lease_id=attempt.job.lease_id,
            status=stored.status,
            result=stored.result,
            duration_ms=outcome.duration_ms if outcome.started_monotonic else round(took_s * 1000),
            mem_peak_kb=min(outcome.mem_peak_kb, 2**31 - 1) or attempt.mem_peak_kb,
            labels=(*attempt.job.labels, *(each for each in stored.labels if each not in attempt.job.labels)),
        )
        self.completer.add(Ending(attempt, completion, segments))

    async def _give_back(self, attempt: Attempt, reason: Stop) -> None:
        """Back to the queue, as the next attempt. A cancel that came meanwhile ends it instead."""
        await self.logs.store(attempt.log)
        number = attempt.job.attempt
        if reason is Stop.DRAIN:
            why, losses = f"attempt {number} stopped: its worker is shutting down; the job runs again", 0
        else:
            why, losses = f"attempt {number} stopped: its worker could not reach the database; the job runs again", 1
        tags = await self.database.run(lambda conn: queue.give_back(conn, [attempt.held], reason=why, losses=losses))
        if not tags:  # canceled meanwhile, or no longer ours, which the completion finds out
            await self._complete(attempt, _failed("Canceled", "canceled"), 0)
            return
        self.notifier.tell(*(f"q!{tag}" for tag in tags), f"s:{attempt.job.id}")
        self.attempts.drop(attempt)
        log.info("job.given_back", extra={"job_id": str(attempt.job.id), "reason": reason.value})


def _failed(name: str, message: str) -> Outcome:
    return Outcome("failure", error={"name": name, "message": message})


def site_of(settings: WorkerSettings) -> job_env.Site:
    """What jobs are told of this site and worker."""
    return job_env.Site(
        base_url=settings.base_url,
        internal_url=settings.internal_url,
        worker_name=settings.name,
        worker_group=settings.group,
        environ=os.environ,
    )
