"""`/w/{workspace}/variables`."""

from __future__ import annotations

from typing import Any

from django.db.models import Exists, OuterRef
from django.http import HttpResponse
from ninja import Body, Query, Schema

from vault import items, sealing, variables
from vault.contextual import EXAMPLES
from vault.models import Resource, Variable
from workspaces import clock, policy
from workspaces.instants import Instant
from workspaces.jsontext import dumps
from workspaces.paging import Page
from workspaces.routes import ApiRouter, PageRequest, Role, json_text, text

router = ApiRouter(tags=["variables"])


class NewVariable(Schema):
    path: str
    value: str
    is_secret: bool
    description: str = ""
    account: int | None = None
    is_oauth: bool | None = None
    expires_at: Instant | None = None
    labels: list[str] | None = None
    ws_specific: bool | None = None


class EditVariable(Schema):
    path: str | None = None
    value: str | None = None
    is_secret: bool | None = None
    description: str | None = None
    account: int | None = None
    is_oauth: bool | None = None
    expires_at: Instant | None = None
    labels: list[str] | None = None
    ws_specific: bool | None = None


class Filters(Schema):
    path: str | None = None
    path_start: str | None = None
    description: str | None = None
    value: str | None = None
    broad_filter: str | None = None
    label: str | None = None


@router.get("/list", role=Role.MEMBER, scope="variables:read")
def list_variables(
    request: PageRequest, workspace: str, page: Query[Page], filters: Query[Filters]
) -> list[dict[str, Any]]:
    """Readable variables by path; values of secrets are null."""
    rows = policy.visible(request.principal, Variable.objects.all()).exclude(path__contains="/secret_arg/")
    rows = _filtered(rows, filters).annotate(
        is_linked=Exists(Resource.objects.filter(workspace_id=OuterRef("workspace_id"), path=OuterRef("path")))
    )
    hides_values = request.principal.is_operator and not request.principal.may_all
    return [
        _shape(row, None if row.is_secret or hides_values else row.value, is_linked=row.is_linked)
        for row in page.of(rows.order_by("path"))
    ]


@router.get("/list_contextual", role=Role.MEMBER, scope="variables:read")
def list_contextual(request: PageRequest, workspace: str) -> list[dict[str, Any]]:
    """What every job finds in its environment, with sample values."""
    return [
        {"name": name, "value": value, "description": description, "is_custom": False}
        for name, value, description in EXAMPLES
    ]


@router.get("/get/{path:path}", role=Role.MEMBER, scope="variables:read")
def get(
    request: PageRequest, workspace: str, path: str, decrypt_secret: bool = True, include_encrypted: bool = False
) -> dict[str, Any]:
    """The variable; a secret's value is null, ciphertext or plain as asked, plain by default."""
    variable = variables.find(request.principal, "read", path)
    value: str | None
    if decrypt_secret or not variable.is_secret:
        value = variables.read_value(variable, by=request.principal)
    else:
        value = variable.value if include_encrypted else None
    return _shape(variable, value)


@router.get("/get_value/{path:path}", role=Role.MEMBER, scope="variables:read")
def get_value(request: PageRequest, workspace: str, path: str) -> HttpResponse:
    """The plain value as a JSON string."""
    variable = variables.find(request.principal, "read", path)
    return json_text(dumps(variables.read_value(variable, by=request.principal)))


@router.get("/exists/{path:path}", role=Role.MEMBER, scope="variables:read")
def exists(request: PageRequest, workspace: str, path: str) -> bool:
    """Is there a readable variable at the path?"""
    return policy.visible(request.principal, variables.living()).filter(path=path).exists()


@router.post("/create", role=Role.DEVELOPER, scope="variables:write", scope_path="view")
def create(request: PageRequest, workspace: str, payload: NewVariable, already_encrypted: bool = False) -> HttpResponse:
    """Make a variable, sealed with `is_secret`; 201."""
    given = payload.dict()
    given["is_oauth"], given["ws_specific"] = bool(payload.is_oauth), bool(payload.ws_specific)
    given["labels"] = payload.labels or []
    new = variables.NewVariable(**given, is_encrypted=already_encrypted and payload.is_secret)
    variables.create_variable(new, by=request.principal)
    return text(f"variable {payload.path} created", 201)


@router.post("/update/{path:path}", role=Role.DEVELOPER, scope="variables:write")
def update(
    request: PageRequest, workspace: str, path: str, payload: EditVariable, already_encrypted: bool = False
) -> HttpResponse:
    """Change what the body names of a variable."""
    change = variables.Change(**payload.dict(), is_encrypted=already_encrypted and payload.is_secret is not False)
    variable = variables.update_variable(path, change, by=request.principal)
    return text(f"variable {variable.path} updated")


@router.delete("/delete/{path:path}", role=Role.DEVELOPER, scope="variables:write")
def delete(request: PageRequest, workspace: str, path: str) -> HttpResponse:
    """Remove a variable."""
    variables.delete_variable(path, by=request.principal)
    return text(f"variable {path} deleted")


@router.post("/encrypt", role=Role.DEVELOPER, scope="variables:write")
def encrypt(request: PageRequest, workspace: str, payload: Body[str]) -> HttpResponse:
    """The JSON string of the body, sealed for arguments of one's own runs (`$encrypted:`)."""
    return text(sealing.seal_argument(workspace, request.principal.email, payload))


def _filtered(rows: Any, filters: Filters) -> Any:
    if filters.path:
        rows = rows.filter(path=filters.path)
    if filters.path_start:
        rows = rows.filter(path__startswith=filters.path_start)
    if filters.description:
        rows = rows.filter(description__icontains=filters.description)
    if filters.value:
        rows = rows.filter(is_secret=False, value__icontains=filters.value)
    if filters.broad_filter:
        rows = rows.filter(path__icontains=filters.broad_filter)
    if filters.label:
        rows = rows.filter(labels__overlap=filters.label.split(","))
    return rows


def _shape(variable: Variable, value: str | None, **more: Any) -> dict[str, Any]:
    expires_at = variable.expires_at
    return items.shape_of(
        variable,
        value=value,
        is_secret=variable.is_secret,
        account=variable.account,
        is_oauth=variable.is_oauth,
        expires_at=expires_at,
        is_expired=expires_at is not None and expires_at <= clock.now(),
        **more,
    )
