"""Results kept for a while (`cache_ttl`): a run of the same version, arguments and identity answers from here.

The identity belongs to the key although Windmill leaves it out: a script reads variables and resources with the
rights of whoever runs it, and one person's answer may hold what another may not see.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from django.db import connection
from psycopg import AsyncConnection

from workers.kinds import NamedHook
from workers.queue import ClaimedJob

# Index: primary key.
FIND = "SELECT result::text FROM scripts_app_keptresult WHERE key = %s AND expires_at > windmill_now()"
STORE = """
INSERT INTO scripts_app_keptresult (key, workspace_id, result, expires_at)
VALUES (%(key)s, %(workspace_id)s, %(result)s::json, windmill_now() + make_interval(secs => %(ttl_s)s))
ON CONFLICT (key) DO UPDATE SET result = excluded.result, expires_at = excluded.expires_at
"""
DROP_EXPIRED = """
DELETE FROM scripts_app_keptresult WHERE key IN (
    SELECT key FROM scripts_app_keptresult WHERE expires_at <= windmill_now() LIMIT 1000
)
"""


def is_kept(job: ClaimedJob) -> bool:
    """Whether the result of `job` is to be kept, or may be an earlier one."""
    return job.kind == "script" and bool(job.cache_ttl_s)


async def find_kept(conn: AsyncConnection[Any], job: ClaimedJob) -> str | None:
    """The kept result for `job` as JSON text; None when it has to run."""
    if not is_kept(job):
        return None
    row = await (await conn.execute(FIND, (_key(job),), prepare=True)).fetchone()
    return row[0] if row else None


async def keep(conn: AsyncConnection[Any], job: ClaimedJob, status: str, result: str | None) -> list[str]:
    """In the completion's transaction: keep a success."""
    if status == "success" and result is not None:
        await conn.execute(
            STORE,
            {"key": _key(job), "workspace_id": job.workspace_id, "result": result, "ttl_s": job.cache_ttl_s},
        )
    return []


HOOK = NamedHook("result cache", is_kept, keep, only_success=True)


def drop_expired() -> int:
    """Remove kept results whose time is over; answers how many. Periodic maintenance."""
    dropped = 0
    with connection.cursor() as cursor:
        while True:
            cursor.execute(DROP_EXPIRED)
            dropped += cursor.rowcount
            if cursor.rowcount < 1000:
                return dropped


def _key(job: ClaimedJob) -> bytes:
    args = json.dumps(json.loads(job.args), sort_keys=True)
    parts = [job.workspace_id, job.runnable_hash, job.entrypoint, job.permissioned_as, job.permissioned_as_email, args]
    return hashlib.sha256(json.dumps(parts).encode()).digest()
