"""What a script's path or hash means to whoever wants to run it."""

from __future__ import annotations

from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import namedtuple_row

from workers import runnables

_COLUMNS = """s.id AS item_id, s.path AS current_path, s.extra_perms, v.hash, v.language, v.tag, v.timeout_s,
    v.priority, v.cache_ttl_s, v.visible_to_runner_only, v.on_behalf_of_email, v.labels, v.is_deleted, m.username"""
_MEMBER = """LEFT JOIN workspaces_user AS u ON v.on_behalf_of_email <> '' AND u.email = v.on_behalf_of_email
    LEFT JOIN workspaces_membership AS m ON m.user_id = u.id AND m.workspace_id = s.workspace_id"""

# Index script_path. The newest version with a lock runs; the first one of all runs without, resolved on the fly.
BY_PATH = f"""
SELECT {_COLUMNS} FROM scripts_app_script AS s
JOIN scripts_app_scriptversion AS v ON v.hash = coalesce(s.live_id, s.head_id) {_MEMBER}
WHERE s.workspace_id = %s AND s.path = %s AND s.archived_at IS NULL
"""  # noqa: S608 (constants)

# Index: primary key of the version. Archived ones run too.
BY_HASH = f"""
SELECT {_COLUMNS} FROM scripts_app_scriptversion AS v
JOIN scripts_app_script AS s ON s.id = v.script_id {_MEMBER}
WHERE v.workspace_id = %s AND v.hash = %s
"""  # noqa: S608 (constants)


def register() -> None:
    """Called once, when Django is ready."""
    runnables.register("script", find_runnable)


async def find_runnable(
    conn: AsyncConnection[Any], workspace_id: str, *, path: str | None = None, hash: int | None = None
) -> runnables.RunnableRef | None:
    """The version to run: of a path the newest whose lock is ready, of a hash exactly that one."""
    sql, key = (BY_PATH, path) if path is not None else (BY_HASH, hash)
    async with conn.cursor(row_factory=namedtuple_row) as cursor:
        await cursor.execute(sql, (workspace_id, key), prepare=True)
        row: Any = await cursor.fetchone()
    if row is None or row.is_deleted:
        return None
    return runnables.RunnableRef(
        kind="script",
        item_id=row.item_id,
        path=row.current_path,
        hash=row.hash,
        language=row.language,
        tag=row.tag.replace("$workspace", workspace_id),
        timeout_s=row.timeout_s,
        priority=row.priority,
        cache_ttl_s=row.cache_ttl_s,
        extra_perms=row.extra_perms,
        visible_to_runner_only=row.visible_to_runner_only,
        on_behalf_of=_identity(row.on_behalf_of_email, row.username),
        on_behalf_of_email=row.on_behalf_of_email,
        labels=tuple(row.labels),
    )


def _identity(email: str, username: str | None) -> str:
    """`u/<name>` of a member, else the address itself: it resolves to nobody's rights once they have left."""
    return f"u/{username}" if username else email
