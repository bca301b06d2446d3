"""The sandbox of this worker process: which level it reaches, whether that is enough, and the runtime on it."""

from __future__ import annotations

import logging
from pathlib import Path

from workers.kinds import Runnable
from workers.preparing import Preparer
from workers.runtimes.base import JobSpec, Runtime
from workers.runtimes.local import LocalRuntime
from workers.sandbox import Jail, Level, SandboxError, make_directories
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
        """The runtime at the best level that works here, warm for an ordinary Python job. `directory`: for job files."""
        minimum = Level(self._settings.sandbox_minimum)
        failures: list[str] = []
        for level in sorted(Level, key=lambda each: each.rank, reverse=True):
            runtime = self._runtime(directory, level)
            if not level.reaches(minimum):
                break
            try:
                await self._warm(runtime)
            except SandboxError as error:
                failures.append(f"{level}: {error}")
                await runtime.close()
                continue
            self.level = level.value
            return runtime
        self.problem = (
            f"The sandbox does not reach SANDBOX_MINIMUM={minimum}. {' '.join(failures)} "
            "Run `manage.py worker --probe` on this host to see each step."
        )
        log.error("sandbox.insufficient", extra={"minimum": minimum.value, "problem": self.problem})
        return runtime

    def _runtime(self, directory: Path, level: Level) -> LocalRuntime:
        jail = Jail(level=level, jobs_root=directory, hidden=(self._settings.data_dir,))
        make_directories(jail)
        return LocalRuntime(jail, slots=self._settings.slots)

    async def _warm(self, runtime: LocalRuntime) -> None:
        """Start the server most jobs are forked from, which proves every step of the sandbox."""
        if "python3" not in self._settings.tags:
            return
        runnable = Runnable(language="python3", content="", lock="")
        try:
            prepared = await Preparer().prepare(runnable, lambda _line: None)
        except WindmillError as error:  # packages cannot be had now: the first job will say so
            log.warning("worker.not_warm", extra={"problem": error.message})
            return
        await runtime.prewarm(
            JobSpec(
                job_id="", workspace_id="", language="python3", code="", interpreter=prepared.interpreter,
                package_dirs=prepared.package_dirs, lock_hash=prepared.lock_hash,
            )
        )  # fmt: skip
