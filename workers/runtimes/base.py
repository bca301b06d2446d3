"""What the worker and the runtimes say to each other."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class JobSpec:
    """One run of one script, complete: a runtime needs nothing else and asks nobody."""

    job_id: str
    workspace_id: str
    language: str
    code: str
    args: bytes = b"{}"  # a JSON object
    entrypoint: str = "main"
    module_path: str = ""  # path of the script; names the module and its file
    arg_order: tuple[str, ...] = ()  # names of the positional arguments (bash)
    arg_defaults: Mapping[str, Any] = field(default_factory=dict)  # signature defaults (bash)
    env: Mapping[str, str] = field(default_factory=dict)  # the whole environment of the job
    files: Mapping[str, str] = field(default_factory=dict)  # further files below the job directory
    interpreter: Path | None = None
    package_dirs: tuple[Path, ...] = ()
    lock_hash: str = ""
    timeout_s: float | None = None
    memory_bytes: int = 1024 * MIB
    max_processes: int = 256
    result_cap_bytes: int = 16 * MIB
    keep_dir: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a job's process ended. `result` is JSON text; `error` is Windmill's error object."""

    status: Literal["success", "failure"]
    result: bytes | None = None
    error: dict[str, Any] | None = None
    exit_code: int | None = None
    signal: int | None = None
    oom: bool = False
    timed_out: bool = False
    canceled: bool = False
    mem_peak_kb: int = 0
    started_monotonic: float = 0.0
    duration_ms: int = 0
    directory: Path | None = None  # where the kept job directory is


class RunningJob(Protocol):
    """A job whose process has its work."""

    @property
    def host_pid(self) -> int | None:
        """Process id of the job's init, as the host sees it; None once it is gone."""
        ...

    def output(self) -> AsyncIterator[bytes]:
        """stdout and stderr in order of arrival, at most 64 KiB a chunk, until the job is over; call it once.

        Nothing is read ahead: a reader that pauses makes the job wait, not the worker grow.
        """
        ...

    async def wait(self) -> Outcome:
        """The end of the job's main process. Reads and drops the output if nobody else reads it."""
        ...

    async def terminate(self, reason: str, grace_s: float = 5.0) -> None:
        """SIGTERM, after `grace_s` SIGKILL, to every process of the job. `reason`: "timeout", "oom", else a cancel."""
        ...


class Runtime(Protocol):
    """A way to run jobs of some languages."""

    async def start(self, spec: JobSpec) -> RunningJob: ...

    async def prewarm(self, spec: JobSpec) -> None:
        """Get ready for jobs like `spec` (same workspace, language and lock), so that the first one is fast."""
        ...

    async def close(self) -> None:
        """End every job and server; nothing is left running."""
        ...
