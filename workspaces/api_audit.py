"""`/w/{workspace}/audit`."""

from __future__ import annotations

from typing import Any

from ninja import Query, Schema

from workspaces.errors import NotFound
from workspaces.instants import Instant
from workspaces.models import AuditEntry
from workspaces.paging import Page
from workspaces.principal import Principal
from workspaces.routes import ApiRouter, PageRequest, Role

router = ApiRouter(tags=["audit"])


class Filters(Schema):
    action_kind: str | None = None
    operation: str | None = None
    resource: str | None = None
    username: str | None = None
    before: Instant | None = None
    after: Instant | None = None
    before_id: int | None = None


@router.get("/list", role=Role.MEMBER, scope="audit:read")
def list_entries(
    request: PageRequest, workspace: str, page: Query[Page], filters: Query[Filters]
) -> list[dict[str, Any]]:
    """Entries, newest first: admins see all of the workspace, others what they did themselves."""
    columns = {
        "action_kind": filters.action_kind,
        "operation__startswith": filters.operation,
        "resource": filters.resource,
        "username": filters.username,
        "at__lt": filters.before,
        "at__gt": filters.after,
        "id__lt": filters.before_id,
    }
    given = {name: value for name, value in columns.items() if value is not None}
    rows = _seen_by(request.principal).filter(**given).order_by("-id")
    return [_shape(entry) for entry in page.of(rows)]


@router.get("/get/{entry_id}", role=Role.MEMBER, scope="audit:read")
def get(request: PageRequest, workspace: str, entry_id: int) -> dict[str, Any]:
    """One entry of the audit log."""
    entry = _seen_by(request.principal).filter(pk=entry_id).first()
    if entry is None:
        raise NotFound(f"Audit entry not found at name {entry_id}")
    return _shape(entry)


def _seen_by(by: Principal) -> Any:
    rows = AuditEntry.objects.filter(workspace_id=by.workspace_id)
    return rows if by.may_all else rows.filter(username=by.username)


def _shape(entry: AuditEntry) -> dict[str, Any]:
    return {
        "workspace_id": entry.workspace_id,
        "id": entry.id,
        "timestamp": entry.at,
        "username": entry.username,
        "operation": entry.operation,
        "action_kind": entry.action_kind,
        "resource": entry.resource or None,
        "parameters": entry.parameters,
    }
