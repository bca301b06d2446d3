"""What happens to jobs, as it happens: the process's one LISTEN connection, spread to those who wait here.

`watch` serves code that waits (run_wait_result, SSE); websockets join the Channels group `job.<id>`. Both are only told
to look: the truth is read from the tables, so a lost notification costs latency and never data.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from channels.layers import get_channel_layer

from workers.notify import Listener

_OF_JOBS = frozenset("clsx")


def group_of(job_id: object) -> str:
    """The Channels group that hears of a job."""
    return f"job.{job_id}"


class Watch:
    """Wakes its holder when something happened to one job."""

    def __init__(self, kinds: str) -> None:
        self.kinds = kinds
        self._event = asyncio.Event()

    def wake(self) -> None:
        self._event.set()

    async def wait(self, within_s: float) -> None:
        """Return when something happened since the last wait, or after `within_s`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._event.wait()
        self._event.clear()


class Live:
    """The listener of a process and those who wait for it."""

    def __init__(self, url: str) -> None:
        self._listener = Listener(url, self._heard, self._look_again)
        self._watches: dict[str, set[Watch]] = {}
        self._token_readers: list[Callable[[str | None], None]] = []
        self._sends: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        self._listener.start()

    async def close(self) -> None:
        await self._listener.close()

    def on_token_change(self, reader: Callable[[str | None], None]) -> None:
        """Call `reader` with the prefix of each token that changed; None: any may have."""
        self._token_readers.append(reader)

    @contextlib.contextmanager
    def watch(self, job_id: object, kinds: str = "clsx") -> Iterator[Watch]:
        """Hear of a job's events: c completed, l log, s started, x cancel asked."""
        key, watch = str(job_id), Watch(kinds)
        self._watches.setdefault(key, set()).add(watch)
        try:
            yield watch
        finally:
            left = self._watches[key]
            left.discard(watch)
            if not left:
                del self._watches[key]

    def _heard(self, events: list[str]) -> None:
        for event in events:
            kind, _, subject = event.partition(":")
            if kind in _OF_JOBS:
                self._tell_job(kind, subject)
            elif kind == "t":
                for reader in self._token_readers:
                    reader(subject)

    def _tell_job(self, kind: str, job_id: str) -> None:
        for watch in self._watches.get(job_id, ()):
            if kind in watch.kinds:
                watch.wake()
        self._send(group_of(job_id))

    def _look_again(self) -> None:
        """After a (re)connect: whatever was told meanwhile is lost, so everybody reads."""
        for watches in self._watches.values():
            for watch in watches:
                watch.wake()
        for reader in self._token_readers:
            reader(None)
        for group in list(_groups()):
            self._send(group)

    def _send(self, group: str) -> None:
        # Most jobs have no reader: no task for them.
        if group not in _groups():
            return
        task = asyncio.get_running_loop().create_task(_layer().group_send(group, {"type": "job.event"}))
        self._sends.add(task)
        task.add_done_callback(self._sends.discard)


def _layer() -> Any:
    return get_channel_layer()


def _groups() -> Any:
    """The groups somebody of this process has joined (the layer lives in memory, a process each)."""
    return _layer().groups
