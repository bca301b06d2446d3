"""The list of runs."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpResponse, QueryDict
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from workers import job_lists
from workers.job_rows import JobRow, fetch_sync
from workspaces.rendering import render_page
from workspaces.routes import PageRequest

PER_PAGE = 50
STATES = (
    ("", _("Any state")),
    ("running", _("Running")),
    ("waiting", _("Waiting")),
    ("suspended", _("Suspended")),
    ("success", _("Success")),
    ("failure", _("Failed")),
    ("canceled", _("Cancelled")),
    ("skipped", _("Skipped")),
)
KINDS = (
    ("", _("Runs")),
    ("previews", _("Previews")),
    ("dependencies", _("Dependencies")),
    ("all", _("All kinds")),
)
_KIND_NAMES = {
    "previews": "preview,flowpreview",
    "dependencies": "dependencies,flowdependencies,appdependencies",
    "": "!preview,!flowpreview,!dependencies,!flowdependencies,!appdependencies",
}


@dataclass(frozen=True)
class RunFilters:
    """What the address asks for; names as in Windmill's runs page."""

    path: str = ""
    user: str = ""
    status: str = ""
    job_kinds: str = ""

    @property
    def is_any(self) -> bool:
        return any(vars(self).values())

    @property
    def query(self) -> dict[str, str]:
        return {name: value for name, value in vars(self).items() if value}


@require_safe
def runs(request: PageRequest, workspace: str) -> HttpResponse:
    """Newest first, fifty a page; the first page looks for news every two seconds, answered 204 when there are none."""
    filters = _filters(request.GET)
    rows, has_newer, has_older = _read(request, filters)
    digest = _digest(rows)
    if request.htmx and request.GET.get("seen") == digest:
        return HttpResponse(status=204)
    address = reverse("runs", kwargs={"workspace": workspace})
    is_first = not has_newer
    context = {
        "rows": rows,
        "filters": filters,
        "is_filtered": filters.is_any,
        "states": STATES,
        "kinds": KINDS,
        "refresh_url": f"{address}?{urlencode({**filters.query, 'seen': digest})}" if is_first else "",
        "newer_url": f"{address}?{urlencode({**filters.query, 'after': _key(rows[0])})}" if has_newer else "",
        "older_url": f"{address}?{urlencode({**filters.query, 'before': _key(rows[-1])})}" if has_older else "",
        "nav_active": "runs",
    }
    return render_page(request, "workers/runs.html", "rows", context)


def _filters(query: QueryDict) -> RunFilters:
    given = {name: query.get(name, "").replace("\x00", "").strip()[:255] for name in ("path", "user")}
    status, kinds = query.get("status", ""), query.get("job_kinds", "")
    return RunFilters(
        path=given["path"].rstrip("*"),
        user=given["user"],
        status=status if status in dict(STATES) else "",
        job_kinds=kinds if kinds in dict(KINDS) else "",
    )


def _read(request: PageRequest, filters: RunFilters) -> tuple[list[JobRow], bool, bool]:
    """(a page of rows, is there a newer page, is there an older one)."""
    query = job_lists.visible_jobs(request.principal)
    if filters.path:
        job_lists.add_path_start(query, filters.path)
    if filters.user:
        job_lists.add_list(query, "created_by", filters.user)
    if filters.status:
        job_lists.add_state(query, filters.status)
    if filters.job_kinds != "all":
        job_lists.add_list(query, "job_kinds", _KIND_NAMES[filters.job_kinds])
    before, after = _position(request.GET.get("before", "")), _position(request.GET.get("after", ""))
    if before:
        job_lists.add_before(query, *before)
    elif after:
        job_lists.add_after(query, *after)
    query.limit = PER_PAGE + 1
    rows = fetch_sync(query.sql, query.parameters)
    has_more, rows = len(rows) > PER_PAGE, rows[:PER_PAGE]
    if after and not before:
        return rows[::-1], has_more, bool(rows)
    return rows, before is not None and bool(rows), has_more


def _key(row: JobRow) -> str:
    return f"{row.created_at.isoformat()}_{row.id}"


def _position(given: str) -> tuple[datetime, UUID] | None:
    moment, _, job_id = given.partition("_")
    try:
        return datetime.fromisoformat(moment), UUID(job_id)
    except ValueError:
        return None


def _digest(rows: list[JobRow]) -> str:
    """What would look different: which runs, in which state."""
    text = "\n".join(f"{row.id} {row.state} {row.duration_ms}" for row in rows)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
