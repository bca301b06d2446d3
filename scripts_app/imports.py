"""Scripts that import other scripts: which ones, and their sources as an identity may read them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from psycopg import AsyncConnection

from scripts_app.requirements import Requirements, ScriptImport, combine, python_requirements
from scripts_app.requirements.requirement_text import package_name
from workers.queue import ClaimedJob
from workspaces import policy
from workspaces.principals import aprincipal_of_identity

MAX_IMPORTED = 200

# An import spells a path as Python can (`-` is `_` there). Index script_by_edit narrows to the workspace.
READ_SOURCES = """
SELECT s.path, s.extra_perms, v.content
FROM scripts_app_script AS s JOIN scripts_app_scriptversion AS v ON v.hash = coalesce(s.live_id, s.head_id)
WHERE s.workspace_id = %s AND s.archived_at IS NULL AND v.language = 'python3' AND translate(s.path, '-', '_') = ANY(%s)
"""


def script_imports(language: str, content: str) -> tuple[ScriptImport, ...]:
    """The imports of other scripts at the top of `content`."""
    return _needs(content).scripts if language == "python3" else ()


def is_covered(lock: str, imported: Iterable[str]) -> bool:
    """Whether `lock` has a package for all that the imported sources need: one of them may have changed since.

    >>> is_covered("six==1.17.0", ["import six"]), is_covered("", ["import six"])
    (True, False)
    """
    locked = {package_name(line) for line in lock.splitlines() if line.strip() and not line.startswith("#")}
    return {package_name(name) for name in combine([_needs(source) for source in imported]).names} <= locked


async def imported_sources(
    conn: AsyncConnection[Any], job: ClaimedJob, path: str, imports: Iterable[ScriptImport]
) -> dict[str, str]:
    """The source of every script imported, directly or by another one, by path; what the job may not read is left out.

    `path` is where the importing script stands, for relative imports.
    """
    wanted = {spelled for each in imports for spelled in _candidates(path, each)}
    if not wanted:
        return {}
    email = job.permissioned_as_email
    principal = await aprincipal_of_identity(conn, job.workspace_id, job.permissioned_as, email, job_id=job.id)
    found: dict[str, str] = {}
    asked: set[str] = set()
    while (wanted := wanted - asked) and len(found) < MAX_IMPORTED:
        cursor = await conn.execute(READ_SOURCES, (job.workspace_id, sorted(wanted)))
        asked, wanted = asked | wanted, set()
        for there, extra_perms, content in await cursor.fetchall():
            if there != path and policy.may(principal, "read", there, extra_perms):
                found[there] = content
                wanted |= {name for each in script_imports("python3", content) for name in _candidates(there, each)}
    return found


def _candidates(path: str, wanted: ScriptImport) -> list[str]:
    """`from f.a import b` may mean the script f/a or f/a/b."""
    folder = path.split("/")[:-1]
    base = folder[: len(folder) + 1 - wanted.level] if wanted.level else []
    module = "/".join([*base, *(part for part in wanted.module.split(".") if part)])
    return [each.replace("-", "_") for each in (module, *(f"{module}/{name}" for name in wanted.names))]


@lru_cache(maxsize=256)
def _needs(source: str) -> Requirements:
    return python_requirements(source)
