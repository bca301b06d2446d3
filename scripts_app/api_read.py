"""Scripts as clients read them: by path, by hash, lists, history, and what a source takes."""

from typing import Any

from django.http import HttpResponse
from ninja import Query, Schema
from pydantic import Field

from scripts_app import signatures
from scripts_app.drafts import find_draft
from scripts_app.find import find_script, find_version, hash_of
from scripts_app.history import ancestry, versions_of
from scripts_app.listing import ScriptFilter, list_scripts
from scripts_app.models import Script, ScriptVersion
from scripts_app.shapes import script_json, summary_json
from workspaces.errors import NotFound
from workspaces.paging import Page
from workspaces.permission import require_scope
from workspaces.routes import ApiRouter, PageRequest, Role, text

router = ApiRouter(tags=["scripts"])
MAX_SEARCHED = 10_000


class Wanted(Schema):
    """The filters of a list; a list in one argument is comma-separated."""

    created_by: str = ""
    path_start: str = ""
    path_exact: str = ""
    first_parent_hash: str = ""
    last_parent_hash: str = ""
    parent_hash: str = ""
    show_archived: bool = False
    kinds: str = ""
    languages: str = ""
    starred_only: bool = False
    is_template: bool | None = None
    include_without_main: bool = False
    with_deployment_msg: bool = False
    without_description: bool = False
    label: str = ""
    dedicated_worker: bool = False
    order_desc: bool = True

    def as_filter(self) -> ScriptFilter:
        return ScriptFilter(
            created_by=self.created_by,
            path_start=self.path_start,
            path_exact=self.path_exact,
            first_parent_hash=_hash(self.first_parent_hash),
            last_parent_hash=_hash(self.last_parent_hash),
            parent_hash=_hash(self.parent_hash),
            show_archived=self.show_archived,
            include_libraries=self.include_without_main,
            kinds=_split(self.kinds),
            languages=_split(self.languages),
            is_template=self.is_template,
            without_description=self.without_description,
            label=self.label,
            oldest_first=not self.order_desc,
        )


class Source(Schema):
    language: str
    content: str
    prior: dict[str, Any] | None = Field(None, alias="schema")
    entrypoint: str | None = None


@router.get("/list", role=Role.MEMBER, scope="scripts:read")
def list_all(request: PageRequest, page: Query[Page], wanted: Query[Wanted]) -> list[dict[str, Any]]:
    """The scripts the caller may read, without the long texts, newest edit first."""
    if wanted.starred_only or wanted.dedicated_worker:
        return []  # nothing is starred and no worker dedicated yet
    rows = page.of(list_scripts(request.principal, wanted.as_filter()))
    return [_row(script, script.head, with_message=wanted.with_deployment_msg) for script in rows]


@router.get("/list_search", role=Role.MEMBER, scope="scripts:read")
def list_search(request: PageRequest) -> list[dict[str, str]]:
    """Path and content of the scripts the caller may read."""
    rows = Script.objects.visible_to(request.principal).filter(archived_at=None, head__isnull=False)
    found = rows.order_by("path").values_list("path", "head__content")[:MAX_SEARCHED]
    return [{"path": path, "content": content} for path, content in found]


@router.get("/list_paths", role=Role.MEMBER, scope="scripts:read")
def list_paths(request: PageRequest) -> list[str]:
    """The paths of the scripts the caller may read."""
    rows = Script.objects.visible_to(request.principal).filter(archived_at=None, head__isnull=False)
    return list(rows.order_by("path").values_list("path", flat=True))


@router.get("/get/p/{path:path}", role=Role.MEMBER, scope="scripts:read")
def get_by_path(request: PageRequest, path: str) -> dict[str, Any]:
    """The newest version of the script at `path`."""
    script = find_script(path, "read", by=request.principal)
    return _full(script, _head(script))


@router.get("/get/draft/{path:path}", role=Role.MEMBER, scope="scripts:read")
def get_with_draft(request: PageRequest, path: str) -> dict[str, Any]:
    """The script at `path`, if there is one, and the caller's draft of it, if there is one."""
    draft = find_draft(path, by=request.principal)
    try:
        script = find_script(path, "read", by=request.principal)
    except NotFound:
        if draft is None:
            raise
        return {**_as_object(draft.value), "path": path, "draft_only": True, "draft": draft.value}
    shape = _full(script, _head(script))
    return shape if draft is None else {**shape, "draft": draft.value}


@router.get("/get/h/{hash}", role=Role.MEMBER, scope="scripts:read", scope_path="view")
def get_by_hash(request: PageRequest, hash: str) -> dict[str, Any]:
    """A version by its hash, archived ones too."""
    version = _version(request, hash)
    return _full(version.script, version)


@router.get("/raw/p/{path:path}", role=Role.MEMBER, scope="scripts:read")
def raw_by_path(request: PageRequest, path: str) -> HttpResponse:
    """The source alone; the extension that clients append is ignored."""
    return text(_head(find_script(path.split(".")[0], "read", by=request.principal)).content)


@router.get("/raw/h/{hash}", role=Role.MEMBER, scope="scripts:read", scope_path="view")
def raw_by_hash(request: PageRequest, hash: str) -> HttpResponse:
    """The source of a version alone."""
    return text(_version(request, hash.split(".")[0]).content)


@router.get("/exists/p/{path:path}", role=Role.MEMBER, scope="scripts:read")
def exists(request: PageRequest, path: str) -> bool:
    """Is there a readable script at the path?"""
    return Script.objects.visible_to(request.principal).filter(path=path, archived_at=None).exists()


@router.get("/history/p/{path:path}", role=Role.MEMBER, scope="scripts:read")
def history(request: PageRequest, path: str, page: Query[Page]) -> list[dict[str, Any]]:
    """The versions of a script, newest first."""
    script = find_script(path, "read", by=request.principal)
    return [_history_row(version) for version in page.of(versions_of(script))]


@router.get("/get_latest_version/{path:path}", role=Role.MEMBER, scope="scripts:read")
def latest_version(request: PageRequest, path: str) -> dict[str, Any]:
    """The newest version's line of the history."""
    return _history_row(_head(find_script(path, "read", by=request.principal)))


@router.get("/deployment_status/h/{hash}", role=Role.MEMBER, scope="scripts:read", scope_path="view")
def deployment_status(request: PageRequest, hash: str) -> dict[str, Any]:
    """How far the version's dependencies are resolved, and by which job."""
    version = _version(request, hash)
    shape = {"lock": version.lock, "lock_error_logs": version.lock_error, "job_id": version.lock_job_id}
    return {name: value for name, value in shape.items() if value is not None}


@router.post("/signature", role=Role.MEMBER, scope="scripts:read", scope_path="view")
def signature(request: PageRequest, payload: Source) -> dict[str, Any]:
    """What a source takes, as parser answer and as form; `schema` given: what the user customised in it is kept."""
    return signatures.answer(payload.language, payload.content, payload.prior, payload.entrypoint)


def _history_row(version: ScriptVersion) -> dict[str, Any]:
    return {
        "script_hash": version.hash_text,
        "deployment_msg": version.deployment_message or None,
        "created_at": version.created_at,
        "created_by": version.created_by,
    }


def _full(script: Script, version: ScriptVersion) -> dict[str, Any]:
    return script_json(version, script, parent_hashes=ancestry(version))


def _row(script: Any, version: ScriptVersion, *, with_message: bool) -> dict[str, Any]:
    shape = {**summary_json(version, script), "has_draft": script.has_draft, "draft_only": False}
    if with_message:
        shape["deployment_msg"] = version.deployment_message or None
    return shape


def _version(request: PageRequest, hash_given: str) -> ScriptVersion:
    version = find_version(hash_of(hash_given), by=request.principal)
    require_scope(request.principal, "scripts:read", version.script.path)
    return version


def _head(script: Script) -> ScriptVersion:
    if script.head is None:
        raise NotFound(f"script not found at path {script.path}")
    return script.head


def _hash(given: str) -> int | None:
    return hash_of(given) if given else None


def _split(listed: str) -> tuple[str, ...]:
    return tuple(each.strip() for each in listed.split(",") if each.strip())


def _as_object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
