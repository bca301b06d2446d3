"""`/workspaces`, `/w/{workspace}/workspaces` and `/settings/global`."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from ninja import Query, Schema

from workspaces import accounts, settings_store, tenants
from workspaces.errors import BadRequest, Forbidden
from workspaces.models import Membership, User, Workspace
from workspaces.paging import Page
from workspaces.routes import ApiRouter, PageRequest, Role, text

router = ApiRouter(tags=["workspaces"])
workspaced = ApiRouter(tags=["workspaces"])
settings = ApiRouter(tags=["settings"])


class NewWorkspace(Schema):
    id: str
    name: str
    username: str | None = None
    color: str | None = None


class WorkspaceId(Schema):
    id: str


class TakenUsername(Schema):
    id: str
    username: str


class NewMember(Schema):
    email: str
    is_admin: bool = False
    operator: bool = False
    username: str | None = None


class NewSetting(Schema):
    value: Any = None


@router.get("/list", role=Role.LOGIN, scope="workspaces:read")
def list_workspaces(request: PageRequest) -> list[dict[str, Any]]:
    """One's own workspaces."""
    mine = Membership.objects.filter(user_id=request.principal.user_id, is_disabled=False).values("workspace_id")
    return [_shape(each) for each in Workspace.objects.filter(id__in=mine, archived_at=None).order_by("id")]


@router.get("/list_as_superadmin", role=Role.SUPERADMIN, scope="workspaces:read")
def list_all(request: PageRequest, page: Query[Page]) -> list[dict[str, Any]]:
    """Every workspace of the instance."""
    return [_shape(each) for each in page.of(Workspace.objects.order_by("id"))]


@router.get("/users", role=Role.LOGIN, scope="workspaces:read")
def list_own_places(request: PageRequest) -> dict[str, Any]:
    """One's own workspaces with the user names in them."""
    mine = Membership.objects.filter(user_id=request.principal.user_id, workspace__archived_at=None)
    return {
        "email": request.principal.email,
        "workspaces": [
            {
                "id": each.workspace.id,
                "name": each.workspace.name,
                "username": each.username,
                "color": each.workspace.color or None,
                "operator_settings": None,
                "is_dev_workspace": False,
                "disabled": each.is_disabled,
            }
            for each in mine.select_related("workspace").order_by("workspace_id")
        ],
    }


@router.post("/create", role=Role.SUPERADMIN, scope="workspaces:write")
def create(request: PageRequest, payload: NewWorkspace) -> HttpResponse:
    """Make a workspace; 201. The caller becomes its admin, unless it is the instance's own secret."""
    owner = User.objects.filter(pk=request.principal.user_id).first() if request.principal.user_id else None
    tenants.create_workspace(
        payload.id,
        payload.name,
        by=request.principal,
        owner=owner,
        username=payload.username or "",
        color=payload.color or "",
    )
    return text(f"Created workspace {payload.id}", 201)


@router.post("/exists", role=Role.LOGIN, scope="workspaces:read")
def exists(request: PageRequest, payload: WorkspaceId) -> bool:
    """Is the id taken?"""
    return Workspace.objects.filter(id=payload.id).exists()


@router.post("/exists_username", role=Role.LOGIN, scope="workspaces:read")
def exists_username(request: PageRequest, payload: TakenUsername) -> bool:
    """Is the user name taken? For members of the workspace and superadmins; others learn nothing of its people."""
    if not request.principal.is_superadmin:
        mine = Membership.objects.filter(workspace_id=payload.id, user_id=request.principal.user_id, is_disabled=False)
        if not mine.exists():
            raise Forbidden(f"{request.principal.email} is not a member of workspace {payload.id[:50]}")
    return Membership.objects.filter(workspace_id=payload.id, username=payload.username).exists()


@workspaced.post("/add_user", role=Role.ADMIN, scope="workspaces:write")
def add_user(request: PageRequest, workspace: str, payload: NewMember) -> HttpResponse:
    """Add a member; for an address without an account one without password is made, which a superadmin gives."""
    email = payload.email.strip().lower()
    user = User.objects.filter(email=email).first()
    if user is None:
        user = accounts.create_account(email, None, by=request.principal)
    tenants.add_member(
        workspace,
        user,
        by=request.principal,
        username=payload.username or "",
        is_admin=payload.is_admin,
        is_operator=payload.operator,
    )
    return text(f"Added {email} to workspace {workspace}")


@workspaced.get("/get_workspace_name", role=Role.MEMBER, scope="workspaces:read")
def get_name(request: PageRequest, workspace: str) -> HttpResponse:
    """The workspace's name as text."""
    return text(request.workspace.name)


@settings.get("/{key}", role=Role.LOGIN, scope="settings:read")
def get_setting(request: PageRequest, key: str) -> Any:
    """An instance setting as JSON; null when it was never set. Most are for superadmins."""
    if key not in settings_store.PUBLIC and not request.principal.is_superadmin:
        raise Forbidden(f"Only superadmins read the setting {key[:100]}")
    return settings_store.get(key)


@settings.post("/{key}", role=Role.SUPERADMIN, scope="settings:write")
def set_setting(request: PageRequest, key: str, payload: NewSetting) -> HttpResponse:
    """Set an instance setting to a JSON value."""
    if len(key) > 100:
        raise BadRequest("The name of a setting has at most 100 characters")
    settings_store.put(key, payload.value, by=request.principal)
    return text(f"Set {key}")


def _shape(workspace: Workspace) -> dict[str, Any]:
    return {
        "id": workspace.id,
        "name": workspace.name,
        "owner": workspace.owner,
        "color": workspace.color or None,
        "deleted": workspace.archived_at is not None,
    }
