"""A script's page: run it, see how it ran, its code and its versions."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

from asgiref.sync import async_to_sync
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from scripts_app.arguments import Given, as_json, example, form_fields, read_given, sealed
from scripts_app.find import find_script
from scripts_app.history import versions_of
from scripts_app.last_runs import last_runs
from scripts_app.models import Script, ScriptVersion
from workers.answers import Call
from workers.operations.run import run_script_by_path
from workspaces import policy
from workspaces.errors import BadRequest, WindmillError
from workspaces.jsontext import dumps
from workspaces.policy import Role, role_of
from workspaces.rendering import render_page
from workspaces.routes import PageRequest

PAGE = "scripts_app/script.html"
MAX_RUNS = 20
MAX_VERSIONS = 10


@require_safe
def script(request: PageRequest, workspace: str, path: str) -> HttpResponse:
    """The page. htmx asks for its list of runs alone."""
    found = find_script(path, "read", by=request.principal)
    return render_page(request, PAGE, "runs", _context(request, found))


@require_safe
def state(request: PageRequest, workspace: str, path: str) -> HttpResponse:
    """How far the newest version is: its dependencies may still be resolved."""
    found = find_script(path, "read", by=request.principal)
    return render(request, f"{PAGE}#state", {"script": found, "version": found.head, "workspace": request.workspace})


@require_POST
def arguments(request: PageRequest, workspace: str, path: str) -> HttpResponse:
    """The same arguments in the other view: `to` is `form` or `json`."""
    found = find_script(path, "read", by=request.principal)
    schema = _schema(_runs(found))
    given = read_given(schema, request.POST, request.FILES)
    as_form = request.POST.get("to") != "json"
    if as_form and "" in given.errors:  # text that is no JSON stays where it can be mended
        return render(request, f"{PAGE}#arguments", _arguments(request, found, given, as_form=False), status=422)
    return render(request, f"{PAGE}#arguments", _arguments(request, found, given, as_form=as_form))


@require_POST
def run_script(request: PageRequest, workspace: str, path: str) -> HttpResponse:
    """Start a run and go to it; the form again when the arguments do not fit."""
    found = find_script(path, "read", by=request.principal)
    version = _runs(found)
    given = read_given(_schema(version), request.POST, request.FILES)
    if given.errors:
        return _again(request, found, given)
    email = version.on_behalf_of_email or request.principal.email
    args = sealed(_schema(version), given.values, workspace_id=workspace, email=email)
    query = {"idempotency_key": [f"page-{request.POST['key']}"]} if request.POST.get("key") else {}
    try:
        query |= _when(request.POST)
        call = Call("POST", path, workspace, request.principal, query=query, body=dumps(args).encode())
        job_id = async_to_sync(run_script_by_path)(call).body.decode()
    except BadRequest as refused:
        return _again(request, found, given, problem=refused)
    address = reverse("job", kwargs={"workspace": workspace, "job_id": job_id})
    if not request.htmx:
        return HttpResponseRedirect(address)
    response = HttpResponse(status=204)
    response["HX-Redirect"] = address
    return response


def _again(request: PageRequest, found: Script, given: Given, *, problem: WindmillError | None = None) -> HttpResponse:
    as_form = "args_json" not in request.POST
    about = _arguments(request, found, given, as_form=as_form) | {"problem": problem.message if problem else ""}
    if request.htmx:
        return render(request, f"{PAGE}#arguments", about, status=422)
    return render(request, PAGE, _context(request, found) | about, status=422)


def _context(request: PageRequest, found: Script) -> dict[str, Any]:
    version = _runs(found)
    principal = request.principal
    is_developer = role_of(principal) >= Role.DEVELOPER
    return {
        "script": found,
        "version": found.head,
        "runs_version": version,
        "runs": last_runs([found.pk], by=principal, limit=MAX_RUNS)[found.pk],
        "versions": list(versions_of(found)[:MAX_VERSIONS]),
        "may_edit": is_developer and policy.may(principal, "write", found.path, found.extra_perms),
        "may_own": is_developer and policy.may(principal, "own", found.path, found.extra_perms),
        "key": uuid.uuid4().hex,
        "nav_active": "home",
        **_arguments(request, found, None, as_form=True),
    }


def _arguments(request: PageRequest, found: Script, given: Given | None, *, as_form: bool) -> dict[str, Any]:
    schema = _schema(_runs(found))
    values = given.values if given else {}
    typed = given.post.get("args_json") if given and "" in given.errors else None
    return {
        "script": found,
        "workspace": request.workspace,
        "as_form": as_form,
        "fields": form_fields(schema, values, request.principal, given=given) if as_form else [],
        "args_json": typed if typed is not None else as_json(example(schema, values)),
        "args_error": given.errors.get("", "") if given else "",
        "description": str(schema.get("description") or ""),
    }


def _runs(found: Script) -> ScriptVersion:
    """The version a run by path uses: the newest one whose lock is ready."""
    if found.live_id is not None and found.live_id != found.head_id:
        return ScriptVersion.objects.get(pk=found.live_id)
    assert found.head is not None, "a script has a version"
    return found.head


def _schema(version: ScriptVersion) -> dict[str, Any]:
    return version.schema or {}


def _when(post: Any) -> dict[str, list[str]]:
    """Query arguments of a run from the form's options: a later time (UTC, as the form says) and another tag."""
    query: dict[str, list[str]] = {}
    if post.get("scheduled_for"):
        try:
            instant = datetime.fromisoformat(post["scheduled_for"])
        except ValueError as error:
            raise BadRequest(_("The time cannot be read; write it like 2026-11-21T14:30")) from error
        query["scheduled_for"] = [(instant if instant.tzinfo else instant.replace(tzinfo=UTC)).isoformat()]
    if post.get("tag", "").strip():
        query["tag"] = [post["tag"].strip()]
    return query
