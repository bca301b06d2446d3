"""How the worker runs scripts: the job kinds `script` (a version), `preview` (code of its own) and `dependencies`."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Any

from psycopg import AsyncConnection

from scripts_app import locking, result_cache, signatures
from scripts_app.imports import imported_sources, is_covered, script_imports
from scripts_app.requirements import ScriptImport
from workers import kinds
from workers.preparing import IN_LOOP_CHARS
from workers.queue import ClaimedJob
from workers.runtimes.spawn import module_name
from workspaces.errors import NotFound
from workspaces.ids import hash_text

MAX_CACHED = 512

# Index: primary key.
READ_VERSION = """
SELECT content, lock, language, path, envs, timeout_s, cache_ttl_s FROM scripts_app_scriptversion
WHERE hash = %s AND workspace_id = %s AND NOT is_deleted
"""


@dataclass(frozen=True)
class Source:
    """A version or a preview, and which other scripts it imports."""

    runnable: kinds.Runnable
    imports: tuple[ScriptImport, ...]


class _Versions:
    """Versions the worker has run lately. With a lock they never change, so nothing is ever invalidated."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, int], Source] = OrderedDict()

    def find(self, key: tuple[str, int]) -> Source | None:
        if key in self._kept:
            self._kept.move_to_end(key)
        return self._kept.get(key)

    def keep(self, key: tuple[str, int], source: Source) -> None:
        self._kept[key] = source
        if len(self._kept) > MAX_CACHED:
            self._kept.popitem(last=False)


_versions = _Versions()


def register() -> None:
    """Called once, when Django is ready."""
    kinds.register(kinds.Kind("script", load=load_script))
    kinds.register(kinds.Kind("preview", load=load_preview))
    kinds.register(kinds.Kind("dependencies", execute=locking.resolve_lock, hook=locking.store_lock))
    kinds.register_hook(result_cache.HOOK)


async def load_script(conn: AsyncConnection[Any], job: ClaimedJob) -> kinds.Runnable:
    """The version a job names by hash, with the scripts it imports as the job may read them.

    Raises NotFound when the version is gone.
    """
    if job.runnable_hash is None:
        raise NotFound(f"The job for {job.runnable_path} names no version of it; run it again")
    key = (job.workspace_id, job.runnable_hash)
    source = _versions.find(key)
    if source is None:
        source = await _read_version(conn, *key)
        if source.runnable.lock is not None:
            _versions.keep(key, source)
    kept = await result_cache.find_kept(conn, job)
    if kept is not None:
        return replace(source.runnable, kept_result=kept)
    return await _with_imports(conn, job, source, entrypoint=job.entrypoint)


async def load_preview(conn: AsyncConnection[Any], job: ClaimedJob) -> kinds.Runnable:
    """The code a preview carries; without a lock its requirements are resolved on the fly."""
    path = job.runnable_path or f"u/{job.created_by}/preview"
    source = await _parsed(job.language, job.raw_code or "", job.raw_lock, path, entrypoint=job.entrypoint)
    return await _with_imports(conn, job, source, entrypoint=job.entrypoint)


async def _read_version(conn: AsyncConnection[Any], workspace_id: str, version_hash: int) -> Source:
    cursor = await conn.execute(READ_VERSION, (version_hash, workspace_id), prepare=True)
    row = await cursor.fetchone()
    if row is None:
        raise NotFound(f"Version {hash_text(version_hash)} was deleted; deploy the script again and run that")
    content, lock, language, path, envs, timeout_s, cache_ttl_s = row
    return await _parsed(
        language,
        content,
        lock,
        path,
        envs=dict(line.split("=", 1) for line in envs),
        timeout_s=timeout_s,
        cache_ttl_s=cache_ttl_s,
    )


async def _parsed(language: str, content: str, lock: str | None, path: str, **more: Any) -> Source:
    """`_source`, in a thread when it takes so long that this worker's leases would wait."""
    if len(content) <= IN_LOOP_CHARS:
        return _source(language, content, lock, path, **more)
    return await asyncio.to_thread(_source, language, content, lock, path, **more)


def _source(language: str, content: str, lock: str | None, path: str, **more: Any) -> Source:
    """Source code and what its signature says about passing arguments to it."""
    parsed = signatures.parse(language, content, more.get("entrypoint") or "main")
    args = () if isinstance(parsed, signatures.Invalid) else parsed.args
    runnable = kinds.Runnable(
        language=language,
        content=content,
        lock=lock,
        module_path=path,
        arg_order=tuple(arg.name for arg in args),
        arg_defaults={arg.name: arg.default for arg in args if arg.has_default and arg.default is not None},
        **more,
    )
    return Source(runnable, script_imports(language, content))


async def _with_imports(
    conn: AsyncConnection[Any], job: ClaimedJob, source: Source, *, entrypoint: str
) -> kinds.Runnable:
    runnable = replace(source.runnable, entrypoint=entrypoint) if entrypoint else source.runnable
    if not source.imports:
        return runnable
    sources = await imported_sources(conn, job, runnable.module_path, source.imports)
    if runnable.lock is not None and not is_covered(runnable.lock, sources.values()):
        runnable = replace(runnable, lock=None)  # resolved again, with what the imports need now
    return replace(runnable, files={f"{module_name(path)}.py": content for path, content in sources.items()})
