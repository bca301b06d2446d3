"""What a job's code needs on this host (interpreter, packages), remembered so that a warm job asks nothing."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import OrderedDict

from workers.kinds import Runnable
from workers.languages import OnLog, PreparedEnv, language
from workers.languages.host import host_tools

KEPT = 256
IN_LOOP_CHARS = 50_000  # longer code is parsed in a thread: leases are renewed in this one
TRUSTED_S = 300.0  # then asked again, which also tells the cache's eviction that the packages are in use


class Preparer:
    """`PreparedEnv` by (language, lock)."""

    def __init__(self) -> None:
        self._ready: OrderedDict[tuple[str, str], tuple[float, PreparedEnv]] = OrderedDict()
        self._needs_lock: OrderedDict[bytes, bool] = OrderedDict()

    async def prepare(self, runnable: Runnable, on_log: OnLog) -> PreparedEnv:
        """Raises LockFailed, PrepareFailed."""
        spoken = language(runnable.language)
        lock = runnable.lock
        if lock is None and not await self._asks_for_lock(runnable):
            lock = ""
        if lock is None:
            imported = tuple(runnable.files.values())
            return await spoken.prepare(runnable.content, None, host_tools(), on_log, imported=imported)
        key = (runnable.language, lock)
        known = self._ready.get(key)
        if known is not None and time.monotonic() - known[0] < TRUSTED_S:
            return known[1]
        made = await spoken.prepare(runnable.content, lock, host_tools(), on_log)
        self._ready[key] = (time.monotonic(), made)
        self._ready.move_to_end(key)
        if len(self._ready) > KEPT:
            self._ready.popitem(last=False)
        return made

    async def _asks_for_lock(self, runnable: Runnable) -> bool:
        key = hashlib.sha256(f"{runnable.language}\0{runnable.content}".encode("utf-8", "replace")).digest()
        if key not in self._needs_lock:
            needs_lock = language(runnable.language).needs_lock
            if len(runnable.content) > IN_LOOP_CHARS:
                self._needs_lock[key] = await asyncio.to_thread(needs_lock, runnable.content)
            else:
                self._needs_lock[key] = needs_lock(runnable.content)
            if len(self._needs_lock) > KEPT:
                self._needs_lock.popitem(last=False)
        return self._needs_lock[key]
