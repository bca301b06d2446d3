"""The first page of a workspace: its scripts, how they last ran, and one's own drafts."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from django.http import HttpResponse
from django.views.decorators.http import require_safe

from scripts_app.last_runs import LastRun, last_runs
from scripts_app.listing import ScriptFilter, list_scripts
from scripts_app.models import Draft, Script
from scripts_app.places import readable_places
from scripts_app.starters import STARTERS
from workspaces.policy import role_of
from workspaces.rendering import render_page
from workspaces.routes import PageRequest, Role

PER_PAGE = 50


@dataclass(frozen=True)
class Row:
    """A line of the list; `script` None: a draft of something never deployed."""

    path: str
    summary: str
    language: str
    script: Script | None = None
    draft: Draft | None = None
    runs: tuple[LastRun, ...] = ()
    has_draft: bool = False

    @property
    def last(self) -> LastRun | None:
        return self.runs[0] if self.runs else None

    @property
    def oldest_first(self) -> tuple[LastRun, ...]:
        return self.runs[::-1]


@require_safe
def home(request: PageRequest, workspace: str) -> HttpResponse:
    """The scripts one may read, newest edit first; the filters are in the address."""
    query = request.GET
    wanted = ScriptFilter(
        text=query.get("q", "").replace("\x00", ""),
        path_start=f"{query['place']}/" if query.get("place") else "",
        languages=(query["language"],) if query.get("language") else (),
        show_archived=query.get("archived") == "1",
        include_libraries=True,
    )
    page = max(1, int(query["page"])) if query.get("page", "").isascii() and query.get("page", "").isdigit() else 1
    start = (min(page, 10_000) - 1) * PER_PAGE
    found = list(list_scripts(request.principal, wanted)[start : start + PER_PAGE + 1])
    shown = found[:PER_PAGE]
    runs = last_runs([script.pk for script in shown], by=request.principal)
    rows = [_row(script, tuple(runs[script.pk])) for script in shown]
    if page == 1 and not wanted.show_archived and not query.get("language"):
        rows = [*_draft_rows(request, wanted), *rows]
    context = {
        "rows": rows,
        "is_filtered": any(query.get(name) for name in ("q", "place", "language", "archived")),
        "query": query,
        "places": readable_places(request.principal),
        "starters": list(STARTERS.values()),
        "may_write": role_of(request.principal) >= Role.DEVELOPER,
        "newer_url": _page_url(request, page - 1) if page > 1 else "",
        "older_url": _page_url(request, page + 1) if len(found) > PER_PAGE else "",
        "nav_active": "home",
    }
    return render_page(request, "scripts_app/home.html", "rows", context)


def _row(script: Script, runs: tuple[LastRun, ...]) -> Row:
    has_draft = script.has_draft  # type: ignore[attr-defined]  # annotated by list_scripts
    return Row(script.path, script.summary, script.language, script=script, runs=runs, has_draft=has_draft)


def _draft_rows(request: PageRequest, wanted: ScriptFilter) -> list[Row]:
    """One's own drafts of scripts that do not exist yet."""
    who = request.principal
    drafts = Draft.objects.filter(workspace_id=who.workspace_id, kind="script", username=who.username or who.email)
    live = Script.objects.filter(workspace_id=who.workspace_id, archived_at=None).values("path")
    drafts = drafts.exclude(path__in=live).filter(path__startswith=wanted.path_start).order_by("-edited_at")
    for word in wanted.text.split()[:10]:
        drafts = drafts.filter(path__icontains=word)
    return [_draft_row(draft) for draft in drafts[:20]]


def _draft_row(draft: Draft) -> Row:
    value = draft.value if isinstance(draft.value, dict) else {}
    return Row(draft.path, str(value.get("summary") or ""), str(value.get("language") or ""), draft=draft)


def _page_url(request: PageRequest, page: int) -> str:
    query = {name: value for name, value in request.GET.items() if name != "page" and value}
    return f"{request.path}?{urlencode(query | ({'page': page} if page > 1 else {}))}"
