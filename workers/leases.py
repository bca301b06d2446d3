"""Lease rows: the right to a periodic duty, held by one process at a time and free again by itself."""

from __future__ import annotations

from typing import Any

from psycopg import AsyncConnection

TAKE = """
INSERT INTO workspaces_lease AS lease (name, owner, expires_at)
VALUES (%(name)s, %(owner)s, windmill_now() + make_interval(secs => %(for_s)s))
ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, expires_at = excluded.expires_at
WHERE lease.owner = excluded.owner OR lease.expires_at < windmill_now()
RETURNING name
"""

RELEASE = "DELETE FROM workspaces_lease WHERE name = %(name)s AND owner = %(owner)s"


async def take(conn: AsyncConnection[Any], name: str, *, owner: str, for_s: float) -> bool:
    """Take or renew the lease `name`; False while another owner has it."""
    parameters = {"name": name, "owner": owner, "for_s": for_s}
    return await (await conn.execute(TAKE, parameters)).fetchone() is not None


async def release(conn: AsyncConnection[Any], name: str, *, owner: str) -> None:
    await conn.execute(RELEASE, {"name": name, "owner": owner})
