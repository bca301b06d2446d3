"""Why a job has not started yet, in one sentence, and what would help. The rule is pure; `facts_of` reads for it.

The reasons are asked for in the order in which a job meets them: it must be due, some worker must serve its tag, a
limit must let it, and those before it must be gone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection

SHOWN_HOLDERS = 3


@dataclass(frozen=True)
class Holder:
    """A running job that holds a limit this one waits for."""

    job_id: UUID
    path: str


@dataclass(frozen=True)
class Facts:
    """What is known of a queued job. Times in seconds from now; `place` counts from 1 within tag and priority."""

    tag: str
    is_running: bool = False
    is_cancel_asked: bool = False
    starts_in_s: float = 0.0
    scheduled_for: datetime | None = None
    attempt: int = 0
    last_loss: str = ""
    suspend: int = 0
    suspend_ends_in_s: float | None = None
    live_workers: int = 0
    draining_workers: int = 0
    blocked_workers: int = 0
    sandbox_problem: str = ""
    free_slots: int = 0
    place: int = 1
    limit_holders: tuple[Holder, ...] = field(default=())
    limit: int = 0


@dataclass(frozen=True)
class Waiting:
    """`code` is stable, for programs; `sentence` says why, `way_out` what a person can do ("" when only time helps)."""

    code: str
    sentence: str
    way_out: str = ""


def why_waiting(facts: Facts) -> Waiting | None:
    """None for a job that runs.

    >>> why_waiting(Facts(tag="gpu")).code
    'no_worker'
    """
    if facts.is_running:
        return None
    if facts.is_cancel_asked:
        return Waiting("canceling", "It is being canceled.")
    if facts.suspend > 0:
        return _suspended(facts)
    if facts.starts_in_s > 0:
        return _planned(facts)
    if facts.live_workers == 0:
        return _no_worker(facts)
    if facts.limit_holders:
        return _limited(facts)
    return _in_line(facts)


def _suspended(facts: Facts) -> Waiting:
    events = _count(facts.suspend, "resume event", "resume events")
    until = ""
    if facts.suspend_ends_in_s is not None:
        until = f"; the time limit ends in {_duration(facts.suspend_ends_in_s)}"
    return Waiting("suspended", f"It waits for {events}{until}.", "Approve it, or cancel the run.")


def _planned(facts: Facts) -> Waiting:
    if facts.attempt > 0:
        return Waiting("retry", f"It is tried again in {_duration(facts.starts_in_s)}.", "Run it now, or cancel it.")
    at = f" ({facts.scheduled_for:%Y-%m-%d %H:%M:%S} UTC)" if facts.scheduled_for else ""
    return Waiting(
        "planned", f"It is planned to start in {_duration(facts.starts_in_s)}{at}.", "Run it now, or cancel it."
    )


def _no_worker(facts: Facts) -> Waiting:
    tag = facts.tag
    if facts.blocked_workers:
        return Waiting(
            "no_sandbox",
            f'The workers for the tag "{tag}" take no jobs: their sandbox is too weak. {facts.sandbox_problem}'.strip(),
            "Run `manage.py worker --probe` on the worker's host and mend the step that fails.",
        )
    if facts.draining_workers:
        return Waiting(
            "workers_draining", f'All workers for the tag "{tag}" are shutting down.', "It starts once a new one is up."
        )
    return Waiting(
        "no_worker",
        f'No live worker serves the tag "{tag}".',
        f"Start one with `manage.py worker --tags {tag}`, or cancel the job and choose another tag.",
    )


def _limited(facts: Facts) -> Waiting:
    shown = ", ".join(f"{each.path or 'a preview'} ({each.job_id})" for each in facts.limit_holders[:SHOWN_HOLDERS])
    more = len(facts.limit_holders) - SHOWN_HOLDERS
    others = f" and {more} more" if more > 0 else ""
    runs = _count(facts.limit, "run", "runs")
    return Waiting(
        "limit", f"At most {runs} of it at a time; now running: {shown}{others}.", "Wait for one to end, or cancel one."
    )


def _in_line(facts: Facts) -> Waiting:
    workers = _count(facts.live_workers, "worker", "workers")
    again = f" {facts.last_loss}" if facts.last_loss else ""
    if facts.place <= facts.free_slots:
        return Waiting("starting", f"A worker is about to start it.{again}")
    before = facts.place - 1
    if before == 0:
        line = "it is next"
    else:
        line = f"{_count(before, 'job is', 'jobs are')} before it"
    return Waiting(
        "in_line",
        f'All slots of the {workers} for the tag "{facts.tag}" are taken; {line}.{again}',
        "Add workers or slots for this tag, or give the job a higher priority.",
    )


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


def _duration(seconds: float) -> str:
    """The two largest units.

    >>> _duration(0.4), _duration(95), _duration(90000)
    ('1 s', '1 min 35 s', '1 d 1 h')
    """
    left = max(1, round(seconds))
    parts = []
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        if left >= size:
            parts.append(f"{left // size} {unit}")
            left %= size
    return " ".join(parts[:2])


# Index: primary key for the job; job_queue_ready for its place (at most 1,000 rows are counted).
READ = """
SELECT q.tag, q.running, q.canceled_at IS NOT NULL AS is_canceled, q.scheduled_for, q.attempt, q.losses, q.suspend,
    extract(epoch FROM q.scheduled_for - windmill_now())::float8 AS starts_in_s, q.ready,
    extract(epoch FROM q.suspend_until - windmill_now())::float8 AS suspend_ends_in_s, w.*,
    (SELECT count(*) FROM (
        SELECT 1 FROM job_queue AS before
        WHERE before.ready AND before.tag = q.tag
            AND (before.rank, before.scheduled_for, before.id) <= (q.rank, q.scheduled_for, q.id) LIMIT 1000
    ) AS line) AS place
FROM job_queue AS q
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE works) AS live, count(*) FILTER (WHERE is_draining) AS draining,
        count(*) FILTER (WHERE sandbox_problem <> '') AS blocked, max(sandbox_problem) AS problem,
        coalesce(sum(greatest(0, slots - running_jobs)) FILTER (WHERE works), 0) AS free_slots
    FROM (
        SELECT *, NOT is_draining AND sandbox_problem = '' AS works FROM worker
        WHERE tags @> ARRAY[q.tag] AND last_ping > windmill_now() - make_interval(secs => %(alive_s)s)
    ) AS serving
) AS w
WHERE q.id = %(job_id)s
"""
ALIVE_S = 60.0


async def facts_of(conn: AsyncConnection[Any], job_id: UUID) -> Facts | None:
    """What is known of a queued job; None when it is not in the queue."""
    row = await (await conn.execute(READ, {"job_id": job_id, "alive_s": ALIVE_S})).fetchone()
    return _facts(row)


def facts_by_django(job_id: UUID) -> Facts | None:
    """The same on Django's connection."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(READ, {"job_id": job_id, "alive_s": ALIVE_S})
        return _facts(cursor.fetchone())


def _facts(row: tuple[Any, ...] | None) -> Facts | None:
    if row is None:
        return None
    (tag, running, is_canceled, scheduled_for, attempt, losses, suspend, starts_in_s, ready, suspend_ends_in_s, live,
     draining, blocked, problem, free_slots, place) = row  # fmt: skip
    lost = f"It was started {attempt} times before and lost each time." if losses > 1 else ""
    if losses == 1:
        lost = "Its first start was lost with its worker."
    return Facts(
        tag=tag,
        is_running=running,
        is_cancel_asked=is_canceled,
        starts_in_s=0.0 if ready else starts_in_s,
        scheduled_for=scheduled_for,
        attempt=attempt,
        last_loss=lost,
        suspend=suspend,
        suspend_ends_in_s=suspend_ends_in_s,
        live_workers=live,
        draining_workers=draining,
        blocked_workers=blocked,
        sandbox_problem=problem or "",
        free_slots=free_slots,
        place=place,
    )
