"""The versions of a script, and archiving it."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from scripts_app.archive import archive_script, unarchive_script
from scripts_app.differences import DiffLine, diff_lines
from scripts_app.find import find_script, find_version, hash_of
from scripts_app.history import versions_of
from scripts_app.models import Script, ScriptVersion
from workspaces import policy
from workspaces.errors import Forbidden, NotFound
from workspaces.policy import Role, role_of
from workspaces.rendering import render_page
from workspaces.routes import PageRequest

MAX_SHOWN = 200


@require_safe
def history(request: PageRequest, workspace: str, path: str) -> HttpResponse:
    """All versions, newest first; `?hash=` shows the code of one beside them, `?view=changes` what it changed."""
    script = find_script(path, "read", by=request.principal)
    chosen = request.GET.get("hash")
    version = find_version(hash_of(chosen), by=request.principal) if chosen else script.head
    who = request.principal
    shows_changes = request.GET.get("view") == "changes"
    context = {
        "shows_changes": shows_changes,
        "changes": _changes(version) if shows_changes and version else None,
        "script": script,
        "may_edit": role_of(who) >= Role.DEVELOPER and policy.may(who, "write", script.path, script.extra_perms),
        "versions": versions_of(script)[:MAX_SHOWN],
        "version": version,
        "nav_active": "home",
    }
    return render_page(request, "scripts_app/versions.html", "version", context)


def _changes(version: ScriptVersion) -> list[DiffLine] | None:
    """Against the version before; the first one has added everything."""
    before = ScriptVersion.objects.filter(script_id=version.script_id, hash=version.parent_hash).first()
    return diff_lines(before.content if before else "", version.content)


@require_POST
def archive(request: PageRequest, workspace: str, path: str) -> HttpResponse:
    """Archive the script and go home."""
    archive_script(find_script(path, "own", by=request.principal), by=request.principal)
    messages.success(request, _("%(path)s is archived.") % {"path": path})
    response = HttpResponse(status=204)
    response["HX-Redirect"] = reverse("home", kwargs={"workspace": workspace})
    return response


@require_POST
def unarchive(request: PageRequest, workspace: str, script_id: UUID) -> HttpResponse:
    """Bring an archived script back to its path and go to its page."""
    script = Script.objects.visible_to(request.principal).filter(pk=script_id).first()
    if script is None:
        raise NotFound(_("That script is gone; reload the list"))
    if not policy.may(request.principal, "own", script.path, script.extra_perms):
        raise Forbidden(_("You may not bring %(path)s back; ask an owner of its folder") % {"path": script.path})
    unarchive_script(script, by=request.principal)
    response = HttpResponse(status=204)
    response["HX-Redirect"] = reverse("script", kwargs={"workspace": workspace, "path": script.path})
    return response
