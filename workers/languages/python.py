"""Python: requirements locked and installed by uv; `wmill` is always there."""

import ast
import asyncio
from collections.abc import Sequence
from pathlib import Path

from scripts_app.requirements import python_requirements
from scripts_app.signatures.python_source import parse_module
from workers.languages.base import LockFailed, OnLog, PreparedEnv, PrepareFailed, Tools
from workers.languages.interpreters import Interpreter, discover, python_interpreters
from workers.languages.package_sets import PackageSet, install_set
from workers.languages.python_lock import default_interpreter, interpreter_of_lock, resolve

__all__ = ["BASE_LOCK", "PYTHON", "Python", "ensure_base", "install", "lock", "python_interpreters"]

# The client every job can use without asking, and what it needs: the versions of uv.lock.
BASE_LOCK = """\
anyio==4.16.0
certifi==2026.10.18
h11==0.16.0
httpcore==1.0.9
httpx==0.28.1
idna==3.20
typing-extensions==4.16.0
wmill==1.850.0
exceptiongroup==1.3.0 ; python_version < '3.11'
"""


class Python:
    name = "python3"
    extension = ".py"
    comment = "#"

    def needs_lock(self, code: str) -> bool:
        if not isinstance(parse_module(code), ast.Module):
            return False  # the run shows the mistake at its line, better than a resolver would
        wanted = python_requirements(code)
        return bool(wanted.names or wanted.python or wanted.scripts or wanted.errors)

    async def lock(self, code: str, tools: Tools, on_log: OnLog, *, imported: Sequence[str] = ()) -> str:
        scripts = await asyncio.to_thread(lambda: [python_requirements(one) for one in (code, *imported)])
        return await resolve(scripts, tools, on_log)

    async def prepare(
        self, code: str, lock: str | None, tools: Tools, on_log: OnLog, *, imported: Sequence[str] = ()
    ) -> PreparedEnv:
        pinned = await self.lock(code, tools, on_log, imported=imported) if lock is None else lock
        await discover(tools.path)
        try:
            interpreter = interpreter_of_lock(pinned, tools)
        except LockFailed as error:
            raise PrepareFailed(error.message) from error
        base = await _ensure_base(interpreter, tools, on_log)
        if not _has_packages(pinned):
            return PreparedEnv(interpreter.path, (base,), base.name, interpreter.version)
        packages = await install_set(
            PackageSet(pinned, interpreter, tools.uv.sources_hash), tools.cache_root, tools.uv, on_log
        )
        return PreparedEnv(interpreter.path, (packages, base), packages.name, interpreter.version)


PYTHON = Python()


async def lock(code: str, tools: Tools, on_log: OnLog) -> str:
    """The lock of one script: pinned lines under `# py: 3.12`; "" when there is nothing to install."""
    return await PYTHON.lock(code, tools, on_log)


async def install(lock: str, tools: Tools, on_log: OnLog) -> Path:
    """The read-only directory with the packages of `lock`."""
    await discover(tools.path)
    interpreter = interpreter_of_lock(lock, tools)
    wanted = PackageSet(lock, interpreter, tools.uv.sources_hash)
    return await install_set(wanted, tools.cache_root, tools.uv, on_log)


async def ensure_base(tools: Tools, on_log: OnLog) -> Path:
    """The directory with `wmill` and what it needs, for the default interpreter."""
    await discover(tools.path)
    return await _ensure_base(default_interpreter(tools), tools, on_log)


async def _ensure_base(interpreter: Interpreter, tools: Tools, on_log: OnLog) -> Path:
    wanted = PackageSet(BASE_LOCK, interpreter, tools.uv.sources_hash)
    return await install_set(wanted, tools.cache_root, tools.uv, on_log)


def _has_packages(lock: str) -> bool:
    return any(line.strip() and not line.startswith("#") for line in lock.splitlines())
