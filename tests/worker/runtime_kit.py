"""What the tests of sandbox and runtimes share: levels, packages with wmill, one job from start to end."""

import asyncio
import atexit
import functools
import json
import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uv

from tests.waiting import eventually
from workers.runtimes.base import JobSpec, Outcome
from workers.runtimes.local import LocalRuntime
from workers.runtimes.running import RunningProcess
from workers.sandbox import Jail, Level, base_interpreter

LEVELS = list(Level)
WALLED = [Level.NAMESPACES, Level.FULL]


@functools.cache
def packages() -> Path:
    """A directory with the client library, once a session, readable by every user."""
    target = Path(tempfile.mkdtemp(prefix="wm-packages-"))
    command = [find_uv(), "pip", "install", "--quiet", "--target", target, "wmill==1.850.0", "--python"]
    subprocess.run([*command, base_interpreter()], check=True, timeout=120)
    target.chmod(0o755)
    atexit.register(shutil.rmtree, target)
    return target


def find_uv() -> str:
    return uv.find_uv_bin()


@asynccontextmanager
async def open_runtime(level: Level, **options: Any) -> AsyncIterator[LocalRuntime]:
    """A runtime with a job area of its own, in a place that the jobs' user can reach."""
    root = Path(tempfile.mkdtemp(prefix="wm-jobs-"))
    os.chmod(root, 0o711)  # noqa: PTH101, S103
    runtime = LocalRuntime(Jail(level=level, jobs_root=root), **options)
    try:
        yield runtime
    finally:
        await runtime.close()
        shutil.rmtree(root)


def make_spec(code: str, *, language: str = "python3", **fields: Any) -> JobSpec:
    defaults: dict[str, Any] = {"job_id": str(uuid.uuid4()), "workspace_id": "demo", "timeout_s": 20.0}
    return JobSpec(language=language, code=code, **{**defaults, **fields})


@dataclass
class Ran:
    """A finished job and everything it printed."""

    outcome: Outcome
    printed: bytes

    @property
    def result(self) -> Any:
        assert self.outcome.status == "success", (self.outcome, self.printed)
        assert self.outcome.result is not None
        return json.loads(self.outcome.result)

    @property
    def error(self) -> dict[str, Any]:
        assert self.outcome.status == "failure" and self.outcome.error is not None, (self.outcome, self.printed)
        return self.outcome.error


async def run(runtime: LocalRuntime, code: str, **fields: Any) -> Ran:
    """Start, read, wait."""
    job = await runtime.start(make_spec(code, **fields))
    return await finish(job)


async def finish(job: RunningProcess) -> Ran:
    async def read() -> bytes:
        return b"".join([chunk async for chunk in job.output()])

    printed, outcome = await asyncio.gather(read(), job.wait())
    return Ran(outcome, printed)


async def soon[T](look: Callable[[], T], within_s: float = 5) -> T:
    """`eventually`, without holding the loop up."""
    return await asyncio.to_thread(eventually, look, within_s)


def processes_matching(text: str) -> list[int]:
    """Host processes whose command line holds `text`."""
    found = []
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            try:
                if text.encode() in (path / "cmdline").read_bytes() and int(path.name) != os.getpid():
                    found.append(int(path.name))
            except OSError:
                continue
    return found
