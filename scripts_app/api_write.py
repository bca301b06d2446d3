"""Scripts as clients change them."""

from typing import Any

from django.http import HttpResponse
from ninja import Body, Schema

from scripts_app.archive import archive_script, delete_script, unarchive_script, wipe_version
from scripts_app.deploy import create_version
from scripts_app.find import find_script, find_version, hash_of
from scripts_app.history import change_message
from scripts_app.models import Script, ScriptVersion
from scripts_app.new_script import read_new_script
from scripts_app.shapes import script_json
from workspaces import policy
from workspaces.errors import Forbidden, NotFound
from workspaces.permission import require_scope
from workspaces.routes import ApiRouter, PageRequest, Role, text

router = ApiRouter(tags=["scripts"])


class Message(Schema):
    deployment_msg: str | None = None


@router.post("/create", role=Role.DEVELOPER, scope="scripts:write", scope_path="view")
def create(request: PageRequest, payload: Body[dict[str, Any]], skip_if_noop: bool = False) -> HttpResponse:
    """Deploy: 201 and the version's hash; the existing one when nothing changed and `skip_if_noop` is set."""
    new = read_new_script(payload)
    require_scope(request.principal, "scripts:write", new.path)
    if new.parent_hash is not None:  # a rename acts on the old path too
        require_scope(request.principal, "scripts:write", _path_of(new.parent_hash, request) or new.path)
    return text(create_version(new, by=request.principal, skip_if_noop=skip_if_noop).version.hash_text, 201)


@router.post("/history_update/h/{hash}/p/{path:path}", role=Role.DEVELOPER, scope="scripts:write")
def update_history(request: PageRequest, hash: str, path: str, payload: Message) -> HttpResponse:
    """Rewrite the message a version was deployed with."""
    script = find_script(path, "write", by=request.principal)
    version = find_version(hash_of(hash), by=request.principal)
    if version.script_id != script.pk:
        raise NotFound(f"script not found at hash {version.hash_text} of {path}")
    change_message(version, payload.deployment_msg or "", by=request.principal)
    return text(f"updated the message of {version.hash_text}")


@router.post("/archive/p/{path:path}", role=Role.DEVELOPER, scope="scripts:write")
def archive_path(request: PageRequest, path: str) -> HttpResponse:
    """Hide the script and free its path; its versions stay runnable by hash."""
    archive_script(find_script(path, "own", by=request.principal), by=request.principal)
    return text(f"script {path} archived")


@router.post("/archive/h/{hash}", role=Role.DEVELOPER, scope="scripts:write", scope_path="view")
def archive_hash(request: PageRequest, hash: str) -> dict[str, Any]:
    """Archive the script whose head this version is; an earlier version is archived already."""
    version = _version(request, hash)
    script = version.script
    if not policy.may(request.principal, "own", script.path, script.extra_perms):
        raise Forbidden(f"{request.principal.username} may not archive {script.path}; ask an owner of its folder")
    if script.head_id == version.pk:
        archive_script(script, by=request.principal)
    return script_json(version, script)


@router.post("/unarchive/h/{hash}", role=Role.DEVELOPER, scope="scripts:write", scope_path="view")
def unarchive_hash(request: PageRequest, hash: str) -> dict[str, Any]:
    """Bring an archived script back to its path."""
    version = _version(request, hash)
    script = version.script
    if not policy.may(request.principal, "own", script.path, script.extra_perms):
        raise Forbidden(f"{request.principal.username} may not bring {script.path} back; ask an owner of its folder")
    unarchive_script(script, by=request.principal)
    return script_json(version, script)


@router.post("/delete/h/{hash}", role=Role.ADMIN, scope="scripts:write", scope_path="view")
def delete_hash(request: PageRequest, hash: str) -> dict[str, Any]:
    """Erase what one version holds; its row stays."""
    version = _version(request, hash)
    wipe_version(version, by=request.principal)
    return script_json(version, Script.objects.get(pk=version.script_id))


@router.post("/delete/p/{path:path}", role=Role.ADMIN, scope="scripts:write")
def delete_path(request: PageRequest, path: str) -> HttpResponse:
    """Remove every script that is or was at the path, with all versions."""
    return text(_delete(request, path))


@router.delete("/delete_bulk", role=Role.ADMIN, scope="scripts:write", scope_path="view")
def delete_bulk(request: PageRequest, payload: Body[dict[str, list[str]]]) -> list[str]:
    """Remove the scripts at `paths`; answers those that were there."""
    return [path for path in payload.get("paths", []) if _is_there(request, path) and _delete(request, path)]


def _delete(request: PageRequest, path: str) -> str:
    require_scope(request.principal, "scripts:write", path)
    scripts = list(Script.objects.visible_to(request.principal).filter(path=path))
    if not scripts:
        raise NotFound(f"script not found at path {path}")
    for script in scripts:
        delete_script(script, by=request.principal)
    return f"script {path} deleted"


def _is_there(request: PageRequest, path: str) -> bool:
    return Script.objects.visible_to(request.principal).filter(path=path).exists()


def _version(request: PageRequest, hash_given: str) -> ScriptVersion:
    version = find_version(hash_of(hash_given), by=request.principal)
    require_scope(request.principal, "scripts:write", version.script.path)
    return version


def _path_of(version_hash: int, request: PageRequest) -> str:
    rows = ScriptVersion.objects.filter(workspace_id=request.principal.workspace_id, hash=version_hash)
    return rows.values_list("script__path", flat=True).first() or ""
