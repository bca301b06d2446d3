"""One read for all who ask for the same thing at the same time. Pure asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Any


class Together[K: Hashable, V]:
    """Callers share a read that began after they asked, never an older one: nobody sees what was before their question.

    Under load a hundred equal questions cost two reads at a time; a lone one costs what it always did.
    """

    def __init__(self) -> None:
        self._under_way: dict[K, asyncio.Future[None]] = {}
        self._next: dict[K, asyncio.Task[V]] = {}

    async def ask(self, key: K, read: Callable[[], Awaitable[V]]) -> V:
        """The answer of `read`, or of an equal one that began meanwhile. Its exception goes to all who shared it."""
        if key not in self._under_way:
            return await self._read(key, read)
        shared = self._next.get(key)
        if shared is None:
            shared = self._next[key] = asyncio.create_task(self._read_next(key, read))
        # A caller that is cancelled leaves the others their answer.
        return await asyncio.shield(shared)

    async def _read_next(self, key: K, read: Callable[[], Awaitable[V]]) -> V:
        while key in self._under_way:
            await self._under_way[key]
        # Who comes from here on asks later than this read begins.
        del self._next[key]
        return await self._read(key, read)

    async def _read(self, key: K, read: Callable[[], Awaitable[V]]) -> V:
        over: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._under_way[key] = over
        try:
            return await read()
        finally:
            del self._under_way[key]
            over.set_result(None)
