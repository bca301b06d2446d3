"""Bash: nothing to lock; the host's own bash."""

import asyncio
import shutil
from collections.abc import Sequence
from pathlib import Path

from workers.languages.base import OnLog, PreparedEnv, PrepareFailed, Tools


class Bash:
    name = "bash"
    extension = ".sh"
    comment = "#"

    def needs_lock(self, code: str) -> bool:
        return False

    async def lock(self, code: str, tools: Tools, on_log: OnLog, *, imported: Sequence[str] = ()) -> str:
        return ""

    async def prepare(
        self, code: str, lock: str | None, tools: Tools, on_log: OnLog, *, imported: Sequence[str] = ()
    ) -> PreparedEnv:
        found = await asyncio.to_thread(shutil.which, "bash", path=f"/usr/bin:/bin:{tools.path}")
        if found is None:
            raise PrepareFailed(f"bash was not found in {tools.path}. Install it on the worker, then run it again.")
        return PreparedEnv(await asyncio.to_thread(Path(found).resolve))


BASH = Bash()
