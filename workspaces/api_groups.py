"""`/w/{workspace}/groups` and `/w/{workspace}/acls`."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from ninja import Query, Schema

from workspaces import acls, groups
from workspaces.models import Group
from workspaces.paging import Page
from workspaces.routes import ApiRouter, PageRequest, Role, text

router = ApiRouter(tags=["groups"])
acl_router = ApiRouter(tags=["acls"])


class EditGroup(Schema):
    summary: str | None = None


class NewGroup(EditGroup):
    name: str


class Username(Schema):
    username: str


class Grant(Schema):
    owner: str
    write: bool | None = None


@router.get("/list", role=Role.MEMBER, scope="groups:read")
def list_groups(request: PageRequest, workspace: str, page: Query[Page]) -> list[dict[str, Any]]:
    """The groups of the workspace."""
    return [_shape(each) for each in page.of(Group.objects.filter(workspace_id=workspace).order_by("name"))]


@router.get("/listnames", role=Role.MEMBER, scope="groups:read")
def list_names(request: PageRequest, workspace: str, only_member_of: bool = False) -> list[str]:
    """Their names; `only_member_of`: one's own groups."""
    if only_member_of:
        return sorted(request.principal.groups)
    return list(Group.objects.filter(workspace_id=workspace).order_by("name").values_list("name", flat=True))


@router.get("/get/{name}", role=Role.MEMBER, scope="groups:read")
def get(request: PageRequest, workspace: str, name: str) -> dict[str, Any]:
    """A group with its members."""
    return _shape(groups.find_group(name, by=request.principal))


@router.post("/create", role=Role.DEVELOPER, scope="groups:write")
def create(request: PageRequest, workspace: str, payload: NewGroup) -> HttpResponse:
    """Make a group."""
    groups.create_group(payload.name, payload.summary or "", by=request.principal)
    return text(f"Created group {payload.name}")


@router.post("/update/{name}", role=Role.DEVELOPER, scope="groups:write")
def update(request: PageRequest, workspace: str, name: str, payload: EditGroup) -> HttpResponse:
    """Change the summary of a group."""
    groups.update_group(name, payload.summary or "", by=request.principal)
    return text(f"Edited group {name}")


@router.delete("/delete/{name}", role=Role.DEVELOPER, scope="groups:write")
def delete(request: PageRequest, workspace: str, name: str) -> HttpResponse:
    """Remove a group; its members stay."""
    groups.delete_group(name, by=request.principal)
    return text(f"Deleted group {name}")


@router.post("/adduser/{name}", role=Role.DEVELOPER, scope="groups:write")
def add_user(request: PageRequest, workspace: str, name: str, payload: Username) -> HttpResponse:
    """Add a member to a group."""
    groups.add_to_group(name, payload.username, by=request.principal)
    return text(f"Added {payload.username} to group {name}")


@router.post("/removeuser/{name}", role=Role.DEVELOPER, scope="groups:write")
def remove_user(request: PageRequest, workspace: str, name: str, payload: Username) -> HttpResponse:
    """Take a member out of a group."""
    groups.remove_from_group(name, payload.username, by=request.principal)
    return text(f"Removed {payload.username} from group {name}")


@acl_router.get("/get/{kind}/{path:path}", role=Role.MEMBER, scope="acls:read")
def get_acl(request: PageRequest, workspace: str, kind: str, path: str) -> dict[str, bool]:
    """Who may read (false) or write (true) an item beyond the rights of its place."""
    return acls.get_acl(kind, path, by=request.principal)


@acl_router.post("/add/{kind}/{path:path}", role=Role.DEVELOPER, scope="acls:write")
def add_acl(request: PageRequest, workspace: str, kind: str, path: str, payload: Grant) -> HttpResponse:
    """Give a person or a group the right to read or write an item."""
    acls.set_acl(kind, path, payload.owner, write=bool(payload.write), by=request.principal)
    return text(f"Granted {payload.owner} on {kind} {path}")


@acl_router.post("/remove/{kind}/{path:path}", role=Role.DEVELOPER, scope="acls:write")
def remove_acl(request: PageRequest, workspace: str, kind: str, path: str, payload: Grant) -> HttpResponse:
    """Take such a right back."""
    acls.remove_acl(kind, path, payload.owner, by=request.principal)
    return text(f"Removed {payload.owner} from {kind} {path}")


def _shape(group: Group) -> dict[str, Any]:
    return {
        "name": group.name,
        "summary": group.summary,
        "members": groups.members_of(group),
        "extra_perms": group.extra_perms,
        "workspace_id": group.workspace_id,  # type: ignore[attr-defined]
    }
