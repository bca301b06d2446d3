"""The newest runs of scripts, as lists and pages show them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection

from workers import visibility
from workspaces.principal import Principal

# Index job_by_item, once a script: the inner limit keeps the joins to what is shown.
READ = """
SELECT r.item_id, r.id, r.created_at, r.created_by, coalesce(c.started_at, q.started_at), coalesce(c.duration_ms, 0),
    coalesce(c.status, CASE WHEN q.running THEN 'running' WHEN q.suspend > 0 THEN 'suspended'
        WHEN q.ready THEN 'queued' ELSE 'scheduled' END)
FROM unnest(%(items)s::uuid[]) AS wanted (item_id) CROSS JOIN LATERAL (
    SELECT j.item_id, j.id, j.created_at, j.created_by FROM job AS j
    WHERE j.item_id = wanted.item_id AND j.workspace_id = %(workspace_id)s AND j.kind = 'script' AND {sees}
    ORDER BY j.id DESC LIMIT %(limit)s
) AS r
LEFT JOIN job_queue AS q ON q.id = r.id LEFT JOIN job_completed AS c ON c.id = r.id
ORDER BY r.id DESC
"""


@dataclass(frozen=True)
class LastRun:
    """`state` as pages name it: success, failure, canceled, skipped, running, queued, scheduled, suspended."""

    job_id: UUID
    created_at: datetime
    created_by: str
    started_at: datetime | None
    duration_ms: int
    state: str


def last_runs(items: Collection[UUID], *, by: Principal, limit: int = 5) -> dict[UUID, list[LastRun]]:
    """The newest runs `by` may see of each script, newest first."""
    found: dict[UUID, list[LastRun]] = {item: [] for item in items}
    if not found:
        return found
    sees, parameters = visibility.condition(by)
    parameters |= {"items": list(found), "workspace_id": by.workspace_id, "limit": limit}
    with connection.cursor() as cursor:
        cursor.execute(READ.format(sees=sees), parameters)
        for item_id, *columns in cursor.fetchall():
            found[item_id].append(LastRun(*columns))
    return found
