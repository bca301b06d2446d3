"""Cancelling jobs with everything below them: who may, in one transaction, workers told after it.

What runs is asked to stop (its worker ends it within seconds), what waits ends at once; `force` ends both at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection

from workers import kinds, queue, serving, todos, visibility
from workers.job_rows import not_found
from workspaces.principal import Principal

# Ids of the caller's sight, then their descendants; locked by id, which with root-to-leaf pushes is the lock order.
_TREE = """
WITH RECURSIVE tree (id, kind) AS (
    SELECT j.id, j.kind FROM job j WHERE j.id = ANY(%(ids)s) AND j.workspace_id = %(workspace_id)s AND {sees}
    UNION
    SELECT child.id, child.kind FROM tree JOIN job child ON child.parent_id = tree.id
)
SELECT tree.id, tree.kind, q.id IS NOT NULL FROM tree LEFT JOIN LATERAL (
    SELECT id FROM job_queue WHERE id = tree.id
) q ON true
"""
_LOCK = "SELECT id FROM job_queue WHERE id = ANY(%s) ORDER BY id FOR UPDATE"
_TOP = """
WITH RECURSIVE up (id, parent_id, depth) AS (
    SELECT id, parent_id, 0 FROM job WHERE id = %(id)s AND workspace_id = %(workspace_id)s
    UNION ALL
    SELECT p.id, p.parent_id, up.depth + 1 FROM up JOIN job p ON p.id = up.parent_id WHERE up.depth < 100
)
SELECT id FROM up ORDER BY depth DESC LIMIT 1
"""


@dataclass(frozen=True)
class Canceled:
    """`found`: ids the caller sees; `open`: those that were not finished; `ended`: terminal now; `asked`: running."""

    found: set[UUID]
    open: set[UUID]
    ended: set[UUID]
    asked: set[UUID]


async def cancel_jobs(
    conn: AsyncConnection[Any], principal: Principal, job_ids: Iterable[UUID], *, reason: str = "", force: bool = False
) -> Canceled:
    """Cancel what the principal sees of `job_ids`, descendants included. Finished jobs stay as they are."""
    wanted = set(job_ids)
    sees, parameters = visibility.condition(principal)
    parameters |= {"ids": list(wanted), "workspace_id": principal.workspace_id}
    async with conn.transaction():
        rows = await (await conn.execute(_TREE.format(sees=sees), parameters)).fetchall()
        kind_of = {row[0]: row[1] for row in rows}
        waiting = sorted(row[0] for row in rows if row[2])
        answer = queue.CancelAnswer(set(), set())
        if waiting:
            await conn.execute(_LOCK, (waiting,))
            by = principal.username or principal.email or visibility.ANONYMOUS_NAME
            answer = await queue.cancel(conn, waiting, by=by, reason=reason, force=force)
            for job_id in answer.ended:
                # Nobody holds these jobs, so nobody runs their hooks: the sweep does.
                if kinds.has_hooks(kind_of[job_id]):
                    await todos.leave_todo(conn, job_id, hook=kind_of[job_id])
    await serving.tell(conn, *(f"c:{each}" for each in answer.ended), *(f"x:{each}" for each in answer.asked))
    return Canceled(wanted & kind_of.keys(), wanted & set(waiting), answer.ended, answer.asked)


async def cancel_one(
    conn: AsyncConnection[Any], principal: Principal, job_id: UUID, *, reason: str = "", force: bool = False
) -> bool:
    """Cancel one job; False when it was finished already. `force` begins at its top parent. Raises NotFound."""
    start = job_id
    if force:
        row = await (await conn.execute(_TOP, {"id": job_id, "workspace_id": principal.workspace_id})).fetchone()
        start = row[0] if row else job_id
    done = await cancel_jobs(conn, principal, {job_id, start}, reason=reason, force=force)
    if job_id not in done.found or start not in done.found:
        raise not_found(job_id)
    return job_id in done.open or bool(done.ended or done.asked)


async def cancel_own(principal: Principal, job_id: UUID, *, reason: str) -> None:
    """Cancel a job whose caller has gone. A finished one is left alone (J19)."""
    async with serving.connection() as conn:
        await cancel_jobs(conn, principal, {job_id}, reason=reason)
