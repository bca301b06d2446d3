"""The sandbox of this worker process: which level it reaches, whether that is enough, and the runtime on it."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path

from workers.kinds import Runnable
from workers.preparing import Preparer
from workers.probe import run_probe
from workers.runtimes.base import JobSpec, Runtime
from workers.runtimes.local import LocalRuntime
from workers.sandbox import Jail, Level, SandboxError, make_directories, own_id
from workers.worker_settings import WorkerSettings
from workspaces.errors import WindmillError

log = logging.getLogger(__name__)


class Sandboxing:
    """`problem`: why this worker takes no jobs, "" if it does."""

    def __init__(self, settings: WorkerSettings) -> None:
        self._settings = settings
        self.level = Level.OFF.value
        self.problem = ""

    async def start(self, directory: Path) -> Runtime:
        """The runtime at the best level that works here, warm for usual Python jobs. `directory`: for job files."""
        minimum = Level(self._settings.sandbox_minimum)
        for level in sorted(Level, key=lambda each: each.rank, reverse=True):
            runtime = self._runtime(directory, level)
            if not level.reaches(minimum):
                break
            if await self._works(runtime, level):
                self.level = level.value
                return runtime
            await runtime.close()
        report = await run_probe(directory)
        self.level = report.level.value
        failed = "; ".join(f"{step.name}: {step.detail} → {step.fix}" for step in report.failed)
        self.problem = (
            f"The sandbox reaches {report.level}, below SANDBOX_MINIMUM={minimum}, so no job is taken. "
            f"Failed: {failed or 'nothing that the probe tries'}. `manage.py worker --probe` shows every step."
        )
        log.error("sandbox.insufficient", extra={"minimum": minimum.value, "problem": self.problem})
        return runtime  # pyright: ignore[reportPossiblyUnboundVariable] (there is at least one level)

    def _runtime(self, directory: Path, level: Level) -> LocalRuntime:
        own = own_id()
        jail = Jail(level=level, jobs_root=directory, uid=own, gid=own, hidden=(self._settings.data_dir,))
        make_directories(jail)
        return LocalRuntime(jail, slots=self._settings.slots)

    async def _works(self, runtime: LocalRuntime, level: Level) -> bool:
        """Run a small job in the server most jobs are forked from: tries every step, and warms it."""
        try:
            spec = await self._usual_spec()
            outcome = await (await runtime.start(spec)).wait()
        except (SandboxError, OSError) as error:
            problem = str(error)
        else:
            problem = json.dumps(outcome.error) if outcome.status == "failure" else ""
        if problem:
            log.warning("sandbox.level_failed", extra={"level": level.value, "problem": problem})
        return not problem

    async def _usual_spec(self) -> JobSpec:
        spec = JobSpec(job_id="", workspace_id="", language="python3", code="def main(): pass", timeout_s=20)
        if "python3" not in self._settings.tags:
            return spec
        try:
            prepared = await Preparer().prepare(Runnable(language="python3", content="", lock=""), lambda _line: None)
        except WindmillError as error:  # packages cannot be had now: the first job that needs them will say so
            log.warning("worker.not_warm", extra={"problem": error.message})
            return spec
        return replace(
            spec,
            interpreter=prepared.interpreter,
            package_dirs=prepared.package_dirs,
            lock_hash=prepared.lock_hash,
        )
