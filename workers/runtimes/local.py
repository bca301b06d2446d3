"""The runtime of this machine: Python and programs in sandboxed children of fork servers."""

import uuid

from workers.limits import Watchdog, process_limit
from workers.runtimes import spawn
from workers.runtimes.base import JobSpec
from workers.runtimes.child import Child
from workers.runtimes.jail import wire
from workers.runtimes.jail.mini_init import MOUNTED_DIR
from workers.runtimes.job_dirs import make_job_dir
from workers.runtimes.pool import PROGRAMS, ForkServerPool, ServerKey
from workers.runtimes.running import RunningProcess
from workers.sandbox import Jail, Level, SandboxError

LANGUAGES = ("python3", *spawn.PROGRAM_LANGUAGES)


class LocalRuntime:
    """See `base.Runtime`. One a worker process; `slots` children are kept prepared by each server."""

    def __init__(self, jail: Jail, *, slots: int = 1, max_servers: int = 8, max_memory_kb: int = 1024 * 1024) -> None:
        self.jail = jail
        self.pool = ForkServerPool(jail, prepared=slots, max_servers=max_servers, max_memory_kb=max_memory_kb)
        self._watchdog = Watchdog()

    async def start(self, spec: JobSpec) -> RunningProcess:
        """Hand the job to a child. Raises SandboxError: this worker's trouble, not the job's."""
        try:
            return await self._start_once(spec)
        except OSError:  # the server died a moment ago, which only this attempt has shown
            pass
        try:
            return await self._start_once(spec)
        except OSError as error:
            raise SandboxError(f"The job could not be handed over: {error}. Start it again.") from error

    async def _start_once(self, spec: JobSpec) -> RunningProcess:
        server = await self.pool.get(_key(spec))
        child = server.take(directory=self._make_kept_directory(spec))
        try:
            payload = self._pack(spec, child)
            if child.limits:
                child.limits.apply(spec.memory_bytes, spec.max_processes)
            job = RunningProcess(child, spec, self._watchdog)
            wire.send_payload(child.channel, payload)
        except BaseException:
            child.kill()
            server.release(child)
            child.close()
            child.close_output()
            server.read_events()
            raise
        job.begin()
        server.refill()
        return job

    async def prewarm(self, spec: JobSpec) -> None:
        """See `base.Runtime`."""
        await self.pool.get(_key(spec))

    async def close(self) -> None:
        """See `base.Runtime`."""
        await self.pool.close()

    def _pack(self, spec: JobSpec, child: Child) -> bytes:
        inside = self.jail.level is not Level.OFF
        directory = MOUNTED_DIR if inside else str(self.jail.directories / child.directory)
        pack = spawn.pack_python if spec.language == "python3" else spawn.pack_program
        return pack(spec, directory, process_limit(self.jail, spec.max_processes))

    def _make_kept_directory(self, spec: JobSpec) -> str:
        if not spec.keep_dir:
            return ""
        name = f"kept-{uuid.UUID(spec.job_id)}"
        make_job_dir(self.jail, name)
        return name


def _key(spec: JobSpec) -> ServerKey:
    if spec.language in spawn.PROGRAM_LANGUAGES:
        return ServerKey(PROGRAMS)
    if spec.language != "python3":
        raise SandboxError(f"No runtime for the language {spec.language}. This worker runs: {', '.join(LANGUAGES)}.")
    return ServerKey(spec.language, spec.workspace_id, spec.interpreter, spec.lock_hash, spec.package_dirs)
