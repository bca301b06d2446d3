"""The fork servers of one worker process, by what they have loaded; the longest unused goes first."""

import asyncio
import contextlib
from collections import OrderedDict
from dataclasses import dataclass, replace
from pathlib import Path

from workers.cgroups import find_limiter
from workers.limits import Limiter
from workers.runtimes.fork_server import ForkServer
from workers.sandbox import Jail, Level, own_interpreter

_SPARE_DELAY_S = 1.0  # the first job of a workspace should not share its cores with the next server's start
PROGRAMS = "programs"  # language of the server that forks what execs another program


@dataclass(frozen=True)
class ServerKey:
    """What jobs must have in common to be forked from one server."""

    language: str
    workspace_id: str = ""
    interpreter: Path | None = None
    lock_hash: str = ""
    package_dirs: tuple[Path, ...] = ()


class ForkServerPool:
    """At most `max_servers` servers and `max_memory_kb` of server memory; a server with running jobs stays."""

    def __init__(
        self, jail: Jail, *, prepared: int = 1, max_servers: int = 8, max_memory_kb: int = 1024 * 1024
    ) -> None:
        self._jail, self._prepared = jail, prepared
        self._max_servers, self._max_memory_kb = max_servers, max_memory_kb
        self._servers: OrderedDict[ServerKey, ForkServer] = OrderedDict()
        self._starting: dict[ServerKey, asyncio.Task[ForkServer]] = {}
        self._closed = False
        self._limiter: Limiter | None = find_limiter() if jail.level is Level.FULL else None

    @property
    def limits_kind(self) -> str:
        return self._limiter.kind if self._limiter else "watchdog"

    @property
    def keys(self) -> list[ServerKey]:
        """What is loaded, the longest unused first."""
        return list(self._servers)

    async def get(self, key: ServerKey) -> ForkServer:
        """The live server for `key`, started if need be; raises SandboxError.

        A server that was prewarmed for no workspace serves the first one that asks, and is replaced.
        """
        server = self._servers.get(key)
        if server is not None and server.alive:
            self._servers.move_to_end(key)
            return server
        spare_key = replace(key, workspace_id="")
        spare = self._servers.get(spare_key) if key.workspace_id else None
        if spare is not None and spare.alive:
            self._servers[key] = self._servers.pop(spare_key)
            spare.want(self._prepared)
            asyncio.get_running_loop().call_later(_SPARE_DELAY_S, self._renew_spare, spare_key)
            return spare
        return await self._started(key)

    async def _started(self, key: ServerKey) -> ForkServer:
        return await asyncio.shield(self._starting.get(key) or self._begin_start(key))

    def _begin_start(self, key: ServerKey) -> asyncio.Task[ForkServer]:
        task = self._starting[key] = asyncio.create_task(self._start(key))
        task.add_done_callback(lambda _: self._starting.pop(key, None))
        return task

    async def close(self) -> None:
        """End every server with its jobs."""
        self._closed = True
        for task in list(self._starting.values()):
            with contextlib.suppress(Exception):
                await task
        servers = list(self._servers.values())
        self._servers.clear()
        await asyncio.gather(*(server.close() for server in servers))

    def _renew_spare(self, key: ServerKey) -> None:
        """In the background; a failure shows when a server is needed."""
        room = len(self._servers) < self._max_servers
        if room and key not in self._servers and key not in self._starting and not self._closed:
            self._begin_start(key).add_done_callback(lambda task: task.cancelled() or task.exception())

    async def _start(self, key: ServerKey) -> ForkServer:
        await self._make_room(key)
        server = ForkServer(
            jail=self._jail,
            interpreter=key.interpreter or own_interpreter(self._jail),
            package_dirs=key.package_dirs,
            language=key.language,
            prepared=self._prepared if key.workspace_id or key.language == PROGRAMS else 1,
            limiter=self._limiter,
        )
        await server.start()
        self._servers[key] = server
        return server

    async def _make_room(self, key: ServerKey) -> None:
        dead = self._servers.pop(key, None)
        if dead is not None:
            await dead.close()
        for other, server in list(self._servers.items()):
            crowded = len(self._servers) >= self._max_servers
            heavy = sum(known.memory_kb() for known in self._servers.values()) > self._max_memory_kb
            if not crowded and not heavy:
                return
            if server.busy == 0:
                del self._servers[other]
                await server.close()
