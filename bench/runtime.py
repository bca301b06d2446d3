"""Cost of one job process: `python -m bench.runtime [--level namespaces] [--packages DIR]`.

Prints p50 and p95 in ms: a bare fork (the limit), hand-over to a prepared child, a child made on demand, Bash, and
jobs per second through one server back to back. Reports; never fails.
"""

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from workers.runtimes.base import JobSpec
from workers.runtimes.local import LocalRuntime
from workers.sandbox import Jail, Level

_CODE = "import wmill\ndef main(x: int = 1):\n    return x + 1\n"
_BASH = 'x="$1"\necho "$x"\n'
_SETTLE_S = 0.025  # long enough for the next child to be ready


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--level", type=Level, default=Level.NAMESPACES)
    parser.add_argument("--packages", type=Path, help="directory with wmill installed")
    parser.add_argument("--interpreter", type=Path)
    parser.add_argument("--rounds", type=int, default=200)
    options = parser.parse_args()
    asyncio.run(_measure(options))


async def _measure(options: argparse.Namespace) -> None:
    print(f"level {options.level}, {os.cpu_count()} cores, {options.rounds} rounds")
    _report("bare fork and exit", [_bare_fork() for _ in range(options.rounds)])
    with tempfile.TemporaryDirectory() as root:
        os.chmod(root, 0o711)  # noqa: PTH101, S103  reached by the jobs' user
        packages = (options.packages,) if options.packages else ()
        python = JobSpec(
            job_id="", workspace_id="bench", language="python3", code=_CODE if packages else _CODE[13:],
            package_dirs=packages, interpreter=options.interpreter,
        )  # fmt: skip
        bash = JobSpec(job_id="", workspace_id="bench", language="bash", code=_BASH, arg_order=("x",), args=b'{"x":1}')
        for slots, spec, name in (
            (1, python, "python, prepared"),
            (0, python, "python, unprepared"),
            (1, bash, "bash, prepared"),
        ):
            await _measure_one(options, Path(root), slots, spec, name)
        await _measure_rate(options, Path(root), python, one_by_one=True)
        await _measure_rate(options, Path(root), python, one_by_one=False)


async def _measure_one(options: argparse.Namespace, root: Path, slots: int, spec: JobSpec, name: str) -> None:
    runtime = LocalRuntime(Jail(level=options.level, jobs_root=root), slots=slots)
    started = time.perf_counter()
    await _run(runtime, spec)
    print(f"{name:<24} first job with a new server {1e3 * (time.perf_counter() - started):.0f} ms")
    times = []
    for _ in range(options.rounds):
        await asyncio.sleep(_SETTLE_S)
        times.append(await _timed(lambda: _run(runtime, spec)))
    _report(name, times)
    await runtime.close()


async def _measure_rate(options: argparse.Namespace, root: Path, spec: JobSpec, *, one_by_one: bool) -> None:
    runtime = LocalRuntime(Jail(level=options.level, jobs_root=root), slots=4)
    await _run(runtime, spec)
    jobs, workers = options.rounds * 2, 1 if one_by_one else 4
    left = iter(range(jobs))

    async def work() -> None:
        for _ in left:
            await _run(runtime, spec)

    started, used = time.perf_counter(), time.process_time()
    await asyncio.gather(*(work() for _ in range(workers)))
    seconds, cpu = time.perf_counter() - started, time.process_time() - used
    rate, own = jobs / seconds, 1e3 * cpu / jobs
    print(f"{workers} at a time: {rate:.0f} jobs/s, {own:.2f} ms of the worker's own CPU a job")
    await runtime.close()


async def _run(runtime: LocalRuntime, spec: JobSpec) -> None:
    job = await runtime.start(spec)
    outcome = await job.wait()
    if outcome.status != "success":
        raise SystemExit(f"the benchmark's job failed: {outcome.error}")


def _bare_fork() -> float:
    started = time.perf_counter()
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return time.perf_counter() - started


async def _timed(run: Callable[[], Awaitable[None]]) -> float:
    started = time.perf_counter()
    await run()
    return time.perf_counter() - started


def _report(name: str, seconds: list[float]) -> None:
    ordered = sorted(seconds)
    p95 = ordered[int(len(ordered) * 0.95)]
    print(f"{name:<24} p50 {1e3 * statistics.median(ordered):.2f} ms, p95 {1e3 * p95:.2f} ms")


if __name__ == "__main__":
    main()
