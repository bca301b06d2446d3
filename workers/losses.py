"""Jobs whose worker is gone: found by silence or by its name, started again or given to the caller to fail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection

# Lost jobs: running, silent for too long, or of workers known to be dead. Those that may run again go back to the queue
# (J7), the rest fail (J10). Index: job_queue_pinged.
_LOST = "(q.last_ping < windmill_now() - make_interval(secs => %(silent_s)s) OR q.worker = ANY(%(dead_workers)s))"
_MAY_RESTART = "q.canceled_at IS NULL AND q.losses < %(max_losses)s AND j.is_repeatable"

RESTART_LOST = f"""
WITH lost AS (
    SELECT q.id, q.worker FROM job_queue q JOIN job j ON j.id = q.id
    WHERE q.running AND {_LOST} AND {_MAY_RESTART}
    ORDER BY q.last_ping LIMIT 500 FOR UPDATE OF q SKIP LOCKED
)
UPDATE job_queue q SET running = false, ready = true, worker = NULL, lease_id = NULL, started_at = NULL,
    last_ping = NULL, losses = losses + 1
FROM lost WHERE q.id = lost.id
RETURNING q.id, lost.worker, q.attempt, q.tag, q.losses
"""  # noqa: S608 (constants)

FIND_DEAD = f"""
SELECT q.id, q.worker, q.attempt, q.tag, q.losses, q.lease_id,
    (extract(epoch FROM windmill_now() - q.started_at) * 1000)::bigint, j.is_repeatable
FROM job_queue q JOIN job j ON j.id = q.id
WHERE q.running AND {_LOST} AND NOT ({_MAY_RESTART})
ORDER BY q.last_ping LIMIT 500 FOR UPDATE OF q SKIP LOCKED
"""  # noqa: S608 (constants)


@dataclass(frozen=True)
class Loss:
    """What counts as lost: silent for `silent_s`, or run by one of `dead_workers`; `max_losses` restarts each."""

    silent_s: float
    max_losses: int
    dead_workers: tuple[str, ...] = ()

    def parameters(self) -> dict[str, Any]:
        return {"silent_s": self.silent_s, "max_losses": self.max_losses, "dead_workers": list(self.dead_workers)}


@dataclass(frozen=True)
class LostJob:
    job_id: UUID
    worker: str
    attempt: int
    tag: str
    losses: int
    lease_id: UUID | None = None
    ran_ms: int = 0
    is_repeatable: bool = True


async def restart_lost(conn: AsyncConnection[Any], loss: Loss) -> list[LostJob]:
    """Requeue up to 500 lost jobs that may start again, inside the caller's transaction."""
    rows = await (await conn.execute(RESTART_LOST, loss.parameters())).fetchall()
    return [LostJob(row[0], row[1] or "", *row[2:]) for row in rows]


async def find_dead(conn: AsyncConnection[Any], loss: Loss) -> list[LostJob]:
    """Up to 500 lost jobs that may not start again, locked until the caller's transaction ends; it completes them."""
    rows = await (await conn.execute(FIND_DEAD, loss.parameters())).fetchall()
    return [LostJob(row[0], row[1] or "", *row[2:6], ran_ms=max(0, row[6] or 0), is_repeatable=row[7]) for row in rows]
