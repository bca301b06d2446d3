"""Queue a job from Django code: in its transaction, workers told after the commit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from psycopg import AsyncConnection

from workers import failpoints, queue, serving
from workers.notify import notify_on_commit, ready_event
from workers.queue import DuplicateJob, KeyReused, NewJob, Pushed
from workspaces.errors import BadRequest, Conflict

__all__ = ["KEYS_KEPT", "NewJob", "Once", "Pushed", "forget_old_keys", "push_job", "push_now"]

KEYS_KEPT = timedelta(days=7)


@dataclass(frozen=True)
class Once:
    """An idempotency key: `owner` is whose key it is, `fingerprint` the SHA-256 of what was asked."""

    owner: str
    key: str
    fingerprint: bytes


def push_job(job: NewJob) -> Pushed:
    """Queue `job` on Django's connection. It is durable and told of when the transaction commits.

    Raises BadRequest when the id is taken.
    """
    with connection.cursor() as cursor:
        cursor.execute(queue.PUSH, job.parameters())
        row = cursor.fetchone()
    if row is None:
        raise _taken(job.id)
    if row[0]:
        notify_on_commit(ready_event(job.tag, priority=job.priority, scheduled_for=job.scheduled_for))
    return Pushed(job.id, row[0])


async def push_now(conn: AsyncConnection[Any], job: NewJob, *, once: Once | None = None) -> Pushed:
    """Queue `job` in a transaction of its own and tell the workers; it is durable when this returns (J1).

    Raises BadRequest when the id is taken, Conflict when the key was used for something else.
    """
    await failpoints.reach("push.before_commit")
    try:
        if once is None:
            pushed = await queue.push(conn, job)
        else:
            pushed = await queue.push_once(conn, job, owner=once.owner, key=once.key, fingerprint=once.fingerprint)
    except DuplicateJob:
        raise _taken(job.id) from None
    except KeyReused:
        raise Conflict(
            "This idempotency key was used with another request; use a new key, or repeat the same request"
        ) from None
    await failpoints.reach("push.after_commit")
    if pushed.ready:
        await serving.tell(conn, ready_event(job.tag, priority=job.priority, scheduled_for=job.scheduled_for))
    return pushed


def forget_old_keys(before: datetime) -> int:
    """Delete idempotency keys made before an instant, and answer how many; a retry that late is a new request."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM idempotency_key WHERE created_at < %s", [before])
        return cursor.rowcount


def _taken(job_id: UUID) -> BadRequest:
    return BadRequest(f"A job with the id {job_id} exists already; choose another job_id or leave it out")
