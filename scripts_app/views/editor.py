"""The script editor: a form that follows the signature, a draft that follows the keyboard, tests and versions."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from asgiref.sync import async_to_sync
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from scripts_app import signatures
from scripts_app.arguments import Given, form_fields, kept_values, read_given, sealed, without_passwords
from scripts_app.deploy import InvalidSource, StaleParent, create_version
from scripts_app.diagnostics import diagnose
from scripts_app.drafts import drop_draft, find_draft, save_draft
from scripts_app.editing import Edited, edit_of_draft, edit_of_post, edit_of_version, new_edit
from scripts_app.find import find_script, find_version, hash_of
from scripts_app.models import Draft, ScriptVersion
from scripts_app.new_script import KINDS
from scripts_app.places import untitled_path, writable_places
from scripts_app.starters import STARTERS, is_untouched, starter
from workers import job_page
from workers.answers import Call
from workers.job_rows import find_job_sync
from workers.operations.run import run_preview
from workspaces.errors import BadRequest, NotFound
from workspaces.jsontext import dumps
from workspaces.paths import parse_item_path
from workspaces.principal import Principal
from workspaces.routes import PageRequest

PAGE = "scripts_app/editor.html"


@dataclass(frozen=True)
class Form:
    """What the signature of a source asks for, drawn with what was typed."""

    schema: dict[str, Any]
    fields: list[Any]
    diagnostics: list[dict[str, Any]]
    description: str = ""
    is_library: bool = False

    @property
    def schema_json(self) -> str:
        return json.dumps(self.schema)

    @property
    def diagnostics_json(self) -> str:
        return json.dumps(self.diagnostics)


@require_safe
def new_script(request: PageRequest, workspace: str) -> HttpResponse:
    """A new script from the starter of a language; `?path=` suggests where."""
    path = request.GET.get("path") or untitled_path(request.principal)
    edited = new_edit(request.GET.get("language", ""), path)
    return _page(request, edited, base=None)


@require_http_methods(["GET", "HEAD", "POST"])
def edit_script(request: PageRequest, workspace: str, path: str) -> HttpResponse:
    """The head of a script, or one's own draft of it; `?from=` an earlier version, to deploy it again."""
    if request.method == "POST":
        return deploy(request, workspace)
    try:
        head = find_script(path, "write", by=request.principal).head
    except NotFound:
        head = None
    if head is not None and request.GET.get("from"):
        earlier = find_version(hash_of(request.GET["from"]), by=request.principal)
        return _page(request, replace(edit_of_version(earlier, path), parent_hash=head.hash), base=head)
    draft = find_draft(path, by=request.principal)
    if draft is not None:
        return _page(request, edit_of_draft(draft), base=head, draft=draft)
    if head is None:
        raise NotFound(_("script not found at path %(path)s") % {"path": path})
    return _page(request, edit_of_version(head, path), base=head)


@require_POST
def follow_source(request: PageRequest, workspace: str) -> HttpResponse:
    """The form for the source as it is now, keeping what was typed into the old one."""
    edited = edit_of_post(request.POST)
    is_started = bool(request.POST.get("start_language")) and is_untouched(edited.content)
    if is_started:
        edited = replace(edited, content=starter(edited.language).code)
    before = _schema_of(request)
    given = read_given(before, request.POST, request.FILES)
    form = _form(edited, _base_of(request, edited), request.principal, before=before, given=given)
    return render(request, f"{PAGE}#form", {**_context(request, edited, form), "is_started": is_started})


@require_POST
def test_script(request: PageRequest, workspace: str) -> HttpResponse:
    """Run the source as it is now, as a preview; answers the panel that follows it."""
    edited = edit_of_post(request.POST)
    form = _form(edited, _base_of(request, edited), request.principal)
    given = read_given(form.schema, request.POST, request.FILES)
    if given.errors:
        form = replace(form, fields=form_fields(form.schema, given.values, request.principal, given=given))
        response = render(request, f"{PAGE}#form", _context(request, edited, form, given=given), status=422)
        response["HX-Retarget"], response["HX-Reswap"] = "#args-form", "outerMorph"
        return response
    args = sealed(form.schema, given.values, workspace_id=workspace, email=request.principal.email)
    body = {"content": edited.content, "language": edited.language, "args": args, "tag": edited.tag.strip()}
    if _is_path(edited.path):
        body["path"] = edited.path
    call = Call("POST", "", workspace, request.principal, body=dumps(body).encode())
    job_id = UUID(async_to_sync(run_preview)(call).body.decode())
    row = find_job_sync(request.principal, job_id, heavy=job_page.HEAVY)
    log = job_page.log_page(row)
    context = {
        "workspace": request.workspace,
        "page": job_page.of_row(row, workspace, code=edited.content),
        "log": log,
        "live_url": "" if row.is_completed else job_page.live_url(row, workspace, log.end),
    }
    return render(request, f"{PAGE}#test", context)


@require_http_methods(["POST", "DELETE"])
def draft(request: PageRequest, workspace: str) -> HttpResponse:
    """Keep what is being typed (POST), or discard it (DELETE)."""
    if request.method == "DELETE":
        return _discard(request, workspace)
    edited = edit_of_post(request.POST)
    before = request.POST.get("draft_at", "")
    if not _is_path(edited.path):
        return render(request, f"{PAGE}#saved", {"draft_problem": _("Not saved: the path is not complete")})
    schema = _schema_of(request)
    edited = replace(edited, args=without_passwords(schema, read_given(schema, request.POST).values))
    saved = save_draft(edited.path, edited.draft_value(), by=request.principal, base_hash=edited.parent_hash)
    if before and before != edited.path:
        drop_draft(workspace, before, by=request.principal)
    response = render(request, f"{PAGE}#saved", {"draft": saved, "edited": edited, "workspace": request.workspace})
    if before != edited.path:
        response["HX-Replace-Url"] = _edit_url(workspace, edited.path) if edited.parent_hash is None else "false"
    return response


@require_POST
def deploy(request: PageRequest, workspace: str) -> HttpResponse:
    """Save the source as a version; on to its page, or the dialog again with what stands in the way."""
    edited = edit_of_post(request.POST)
    base = _base_of(request, edited)
    try:
        new = edited.new_script(base=base, message=request.POST.get("message", ""))
        # Deploying the same again is how one has unresolved dependencies tried once more.
        is_retry = base is not None and base.lock_error is not None
        deployed = create_version(new, by=request.principal, skip_if_noop=not is_retry)
    except StaleParent as stale:
        return _problem(request, edited, status=409, stale=stale.head)
    except InvalidSource as invalid:
        return _problem(request, edited, status=422, problem=invalid.error)
    except BadRequest as refused:
        return _problem(request, edited, status=422, problem=refused.message)
    drafted_at = request.POST.get("draft_at", "")
    if drafted_at:
        drop_draft(workspace, drafted_at, by=request.principal)
    told = _("Version %(hash)s is deployed.") if deployed.is_new else _("Nothing changed, so version %(hash)s stays.")
    messages.success(request, told % {"hash": deployed.version.hash_text[:8]})
    response = HttpResponse(status=204)
    response["HX-Redirect"] = reverse("script", kwargs={"workspace": workspace, "path": edited.path})
    return response


def _page(
    request: PageRequest, edited: Edited, *, base: ScriptVersion | None, draft: Draft | None = None
) -> HttpResponse:
    form = _form(edited, base, request.principal)
    context = _context(request, edited, form)
    newer = base if draft and base and base.hash != draft.base_hash else None
    return render(request, PAGE, {**context, "base": base, "draft": draft, "newer": newer, "nav_active": "home"})


def _form(
    edited: Edited,
    base: ScriptVersion | None,
    by: Principal,
    *,
    before: dict[str, Any] | None = None,
    given: Given | None = None,
) -> Form:
    prior = base.schema if base else None
    answer: dict[str, Any] = signatures.answer(edited.language, edited.content, prior)
    # While the head of the function does not parse, the form stays as it is: it would jump at every keystroke.
    schema = answer["schema"] if answer["valid"] or before is None else before
    values = dict(edited.args) if given is None else kept_values(before or {}, given)
    shown = form_fields(schema, values, by, given=given)
    return Form(
        schema=schema,
        fields=shown,
        diagnostics=diagnose(edited.language, edited.content),
        description=str(schema.get("description") or ""),
        is_library=answer["valid"] and answer["signature"].get("auto_kind") == "lib",
    )


def _context(request: PageRequest, edited: Edited, form: Form, *, given: Given | None = None) -> dict[str, Any]:
    owner, name = _split(edited.path)
    places = writable_places(request.principal)
    return {
        "workspace": request.workspace,
        "edited": edited,
        "form": form,
        "given": given,
        "owner": owner,
        "name": name,
        "places": places if owner in places else [owner, *places],
        "starters": list(STARTERS.values()),
        "starter": starter(edited.language),
        "kinds": KINDS,
    }


def _problem(request: PageRequest, edited: Edited, *, status: int, **about: Any) -> HttpResponse:
    return render(
        request, f"{PAGE}#problem", {"workspace": request.workspace, "edited": edited, **about}, status=status
    )


def _discard(request: PageRequest, workspace: str) -> HttpResponse:
    at = request.GET.get("at", "")
    drop_draft(workspace, at, by=request.principal)
    try:
        find_script(at, "read", by=request.principal)
        after = _edit_url(workspace, at)
    except NotFound:
        after = reverse("home", kwargs={"workspace": workspace})
    response = HttpResponse(status=204)
    response["HX-Redirect"] = after
    return response


def _base_of(request: PageRequest, edited: Edited) -> ScriptVersion | None:
    return None if edited.parent_hash is None else find_version(edited.parent_hash, by=request.principal)


def _schema_of(request: PageRequest) -> dict[str, Any]:
    try:
        found = json.loads(request.POST.get("schema") or "{}")
    except ValueError as error:
        raise BadRequest("The editor sent a form it does not know; reload the page") from error
    return found if isinstance(found, dict) else {}


def _edit_url(workspace: str, path: str) -> str:
    return reverse("edit-script", kwargs={"workspace": workspace, "path": path})


def _split(path: str) -> tuple[str, str]:
    """`f/etl` and the rest of a path."""
    parts = path.split("/")
    return "/".join(parts[:2]), "/".join(parts[2:])


def _is_path(path: str) -> bool:
    try:
        parse_item_path(path)
    except ValueError:
        return False
    return True
