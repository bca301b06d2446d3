"""The page of the workers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.db import connection
from django.http import HttpResponse
from django.views.decorators.http import require_safe

from workers.models import Worker
from workers.operations.site import ALIVE_S
from workspaces import clock
from workspaces.rendering import render_page
from workspaces.routes import PageRequest

GONE_AFTER = timedelta(minutes=5)
_WAITING = """
SELECT tag, count(*) FROM job_queue
WHERE NOT running AND scheduled_for <= windmill_now() AND workspace_id = %s
GROUP BY tag ORDER BY tag
"""


@dataclass(frozen=True)
class WorkerRow:
    """A worker and how it does: alive, draining or gone."""

    worker: Worker
    state: str

    @property
    def tags(self) -> list[str]:
        return sorted(self.worker.tags)

    @property
    def memory_bytes(self) -> int:
        return self.worker.memory_kb * 1024

    @property
    def occupancy_percent(self) -> int:
        return round(self.worker.occupancy * 100)


@require_safe
def workers(request: PageRequest, workspace: str) -> HttpResponse:
    """Every worker seen in the last five minutes, and what waits in this workspace without one."""
    now = clock.now()
    seen = Worker.objects.filter(last_ping__gt=now - GONE_AFTER).order_by("worker_group", "name")
    rows = [WorkerRow(each, _state(each, now - timedelta(seconds=ALIVE_S))) for each in seen]
    served = {tag for row in rows if row.state == "alive" for tag in row.worker.tags}
    with connection.cursor() as cursor:
        cursor.execute(_WAITING, [workspace])
        waiting = cursor.fetchall()
    context = {
        "workers": rows,
        "unserved": [(tag, count) for tag, count in waiting if tag not in served],
        "nav_active": "workers",
    }
    return render_page(request, "workers/workers.html", "rows", context)


def _state(worker: Worker, alive_since: object) -> str:
    if worker.last_ping < alive_since:  # type: ignore[operator]
        return "gone"
    return "draining" if worker.is_draining else "alive"
