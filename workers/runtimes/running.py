"""A job in a child process: its output, its end, its outcome."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

from workers.limits import Watchdog, Watched
from workers.runtimes import outcomes
from workers.runtimes.base import JobSpec, Outcome
from workers.runtimes.child import Child
from workers.runtimes.jail import wire
from workers.runtimes.outcomes import Final

_CHUNK = 64 * 1024
_PIPE_CAPACITY = 1024 * 1024  # what can still be in the pipe when the job is over
_DRAIN_LIMIT_S = 2.0
_GONE_LIMIT_S = 2.0
_TAIL = 4096
_TIMEOUT_GRACE_S = 1.0


class RunningProcess:
    """See `base.RunningJob`."""

    def __init__(self, child: Child, spec: JobSpec, watchdog: Watchdog | None) -> None:
        self._child, self._spec, self._watchdog = child, spec, watchdog
        self._loop = asyncio.get_running_loop()
        # main process over; everything it wrote is in the pipe
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._drained: asyncio.Future[None] = self._loop.create_future()
        self._reader_wakes: asyncio.Future[None] | None = None
        self._reader_claimed = False
        self._final: Final | None = None
        self._reason: str | None = None
        self._last_line = outcomes.LastLine(spec.result_cap_bytes) if spec.language != "python3" else None
        self._tail = b""
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._watched: Watched | None = None
        self._ended_at = 0.0
        self.started_monotonic = time.monotonic()

    @property
    def host_pid(self) -> int | None:
        return self._child.host_pid

    def begin(self) -> None:
        """The job has been handed over: listen, and start the clock."""
        child, spec = self._child, self._spec
        child.on_exit = self._on_exit
        self._loop.add_reader(child.channel, self._on_channel)
        if spec.timeout_s is not None:
            self._timer = self._loop.call_later(spec.timeout_s, self._on_timeout)
        if self._watchdog and not child.limits:
            self._watched = Watched(
                lambda: child.host_pid, spec.memory_bytes, spec.max_processes, on_excess=self._on_excess
            )
            self._watchdog.watch(self._watched)
        if child.failure or child.report or child.gone.done():
            self._on_exit()

    async def output(self) -> AsyncIterator[bytes]:
        """See `base.RunningJob`."""
        self._reader_claimed = True
        left_after_end = _PIPE_CAPACITY
        try:
            while True:
                over = self._ended.done()
                try:
                    chunk = os.read(self._child.output, _CHUNK)
                except BlockingIOError:
                    if over:
                        return
                    await self._readable_or_ended()
                    continue
                if not chunk and not over:
                    await self._end_of_job()  # the job closed its output and goes on
                    continue
                if not chunk:
                    return
                self._remember(chunk)
                yield chunk
                if over:
                    left_after_end -= len(chunk)
                    if left_after_end <= 0:
                        return
        finally:
            self._drained.set_result(None)
            self._child.close_output()

    async def wait(self) -> Outcome:
        """See `base.RunningJob`."""
        if not self._reader_claimed:
            await asyncio.sleep(0)  # a reader that was started together with us comes first
        if not self._reader_claimed:
            async for _ in self.output():
                pass
        await self._end_of_job()
        try:
            return await self._conclude()
        finally:
            self._child.close()

    async def terminate(self, reason: str, grace_s: float = 5.0) -> None:
        """See `base.RunningJob`."""
        if self._reason is None and not self._ended.done():
            self._reason = reason
        if grace_s > 0 and not self._ended.done():
            self._child.signal(signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._end_of_job(), grace_s)
        self._child.kill()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(self._child.gone), _GONE_LIMIT_S)

    # --- what happens to the process ---

    def _on_channel(self) -> None:
        try:
            message, fds = wire.receive(self._child.channel, max_fds=4)
        except BlockingIOError:
            return
        except OSError:
            message, fds = b"", []
        if message and self._final is None:
            self._final = outcomes.parse_final(message, fds)
        else:
            outcomes.close_all(fds)
        if self._final is not None:
            self._end()
        elif not self._ended.done():  # closed, or talking nonsense: the exit will tell
            self._loop.remove_reader(self._child.channel)

    def _on_exit(self) -> None:
        if self._ended.done():
            return
        self._on_channel()  # the result may have arrived together with the exit
        self._end()

    def _end(self) -> None:
        if self._ended.done():
            return
        self._ended_at = time.monotonic()
        self._ended.set_result(None)
        self._wake_reader()
        with contextlib.suppress(OSError, ValueError):
            self._loop.remove_reader(self._child.channel)
        if self._timer:
            self._timer.cancel()
        if self._watched and self._watchdog:
            self._watchdog.drop(self._watched)
        self._child.server.release(self._child)

    def _on_timeout(self) -> None:
        self._spawn_terminate("timeout", _TIMEOUT_GRACE_S)

    def _on_excess(self, what: str) -> None:
        self._spawn_terminate(what, 0)

    def _spawn_terminate(self, reason: str, grace_s: float) -> None:
        task = self._loop.create_task(self.terminate(reason, grace_s))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- output ---

    def _remember(self, chunk: bytes) -> None:
        self._tail = (self._tail + chunk)[-_TAIL:] if len(chunk) < _TAIL else chunk[-_TAIL:]
        if self._last_line:
            self._last_line.feed(chunk)

    async def _readable_or_ended(self) -> None:
        self._reader_wakes = self._loop.create_future()
        self._loop.add_reader(self._child.output, self._wake_reader)
        try:
            await self._reader_wakes
        finally:
            self._loop.remove_reader(self._child.output)
            self._reader_wakes = None

    def _wake_reader(self) -> None:
        if self._reader_wakes is not None and not self._reader_wakes.done():
            self._reader_wakes.set_result(None)

    async def _end_of_job(self) -> None:
        if not self._ended.done():
            await asyncio.shield(self._ended)

    # --- the outcome ---

    async def _conclude(self) -> Outcome:
        child, spec = self._child, self._spec
        needs_output = self._last_line is not None or self._final is None
        if needs_output and not self._drained.done():  # the last line is the result, or the log tells what went wrong
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(self._drained), _DRAIN_LIMIT_S)
        facts = outcomes.Facts(
            spec=spec,
            final=self._final,
            report=child.report,
            failure=child.failure,
            reason=self._reason,
            oom_killed=self._was_oom_killed(),
            tail=self._tail,
            last_line=self._last_line,
        )
        verdict = await outcomes.judge(facts)
        return Outcome(
            **verdict,
            timed_out=self._reason == "timeout",
            canceled=self._reason not in (None, "timeout", "oom", "processes"),
            mem_peak_kb=self._peak_kb(),
            started_monotonic=self.started_monotonic,
            duration_ms=round((self._ended_at - self.started_monotonic) * 1000),
            directory=self._kept_directory(),
        )

    def _was_oom_killed(self) -> bool:
        if self._child.limits is None or (self._final and self._final.success):
            return False
        return self._child.limits.oom_killed()

    def _peak_kb(self) -> int:
        measured: list[int] = [self._watched.peak_kb if self._watched else 0]
        measured.append(self._final.peak_kb if self._final else 0)
        measured.append(self._child.report.peak_kb if self._child.report else 0)
        measured.append(self._child.limits.peak_kb() if self._child.limits else 0)
        return max(measured)

    def _kept_directory(self) -> Path | None:
        if not self._spec.keep_dir:
            return None
        return self._child.server.jail.directories / self._child.directory
