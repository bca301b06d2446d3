"""`/users` and `/w/{workspace}/users`."""

from __future__ import annotations

from typing import Any

from django.db.models import Prefetch
from django.http import HttpResponse
from ninja import Query, Schema

from workspaces import accounts, members
from workspaces.errors import NotFound
from workspaces.models import Group, Membership, User
from workspaces.paging import Page
from workspaces.principal import Principal
from workspaces.routes import ApiRouter, PageRequest, Role, text

router = ApiRouter(tags=["users"])
workspaced = ApiRouter(tags=["users"])


class NewAccount(Schema):
    email: str
    password: str | None = None
    super_admin: bool = False
    name: str | None = None
    company: str | None = None


class EditMember(Schema):
    is_admin: bool | None = None
    operator: bool | None = None
    disabled: bool | None = None


class NewPassword(Schema):
    password: str


@router.get("/whoami", role=Role.LOGIN, any_token=True)
def whoami(request: PageRequest) -> dict[str, Any]:
    """The account, whatever the workspace."""
    by = request.principal
    user = User.objects.filter(pk=by.user_id).first() if by.user_id else None
    shape = {
        "email": by.email,
        "login_type": "password",
        "super_admin": user.is_superadmin if user and by.token_workspace_id is None else by.is_superadmin,
        "devops": False,
        "verified": True,
        "name": user.name or None if user else None,
        "company": user.company or None if user else None,
        "username": by.username or None,
        "first_time_user": False,
        "role_source": "manual",
        "disabled": False,
        "workspace_id": by.token_workspace_id,
    }
    return {name: value for name, value in shape.items() if value is not None}


@router.get("/email", role=Role.LOGIN, any_token=True)
def email(request: PageRequest) -> HttpResponse:
    """One's own e-mail address as text."""
    return text(request.principal.email)


@router.get("/exists/{email}", role=Role.SUPERADMIN, scope="users:read")
def account_exists(request: PageRequest, email: str) -> bool:
    """Is there an account with this address?"""
    return User.objects.filter(email=email.strip().lower()).exists()


@router.get("/list_as_super_admin", role=Role.SUPERADMIN, scope="users:read")
def list_accounts(request: PageRequest, page: Query[Page]) -> list[dict[str, Any]]:
    """Every account of the instance."""
    return [_account(user) for user in page.of(User.objects.order_by("email"))]


@router.post("/create", role=Role.SUPERADMIN, scope="users:write")
def create(request: PageRequest, payload: NewAccount) -> HttpResponse:
    """Make an account; 201."""
    accounts.create_account(
        payload.email,
        payload.password,
        by=request.principal,
        name=payload.name or "",
        company=payload.company or "",
        is_superadmin=payload.super_admin,
    )
    return text(f"email {payload.email} created", 201)


@router.post("/setpassword", role=Role.LOGIN, scope="users:write")
def set_password(request: PageRequest, payload: NewPassword) -> HttpResponse:
    """Set one's own password. Every other login ends."""
    user = User.objects.filter(pk=request.principal.user_id).first()
    if user is None or request.principal.kind == "job":
        raise NotFound("this credential belongs to no account with a password; log in first")
    accounts.change_password(user, payload.password, by=request.principal)
    return text("password of account updated")


@workspaced.get("/whoami", role=Role.MEMBER, any_token=True)
def whoami_here(request: PageRequest, workspace: str) -> dict[str, Any]:
    """Oneself in the workspace; also for superadmins who are not members."""
    by = request.principal
    member = Membership.objects.select_related("user").filter(workspace_id=workspace, user_id=by.user_id).first()
    shape = _member(member, by) if member else _visitor(by)
    folders = sorted(by.folders_read | by.folders_write)
    return shape | {
        "is_super_admin": by.is_superadmin,
        "groups": sorted(by.groups),
        "folders": sorted(by.folders_write),
        "folders_read": folders,
        "folders_owners": sorted(by.folders_owned),
    }


@workspaced.get("/list", role=Role.MEMBER, scope="users:read")
def list_members(request: PageRequest, workspace: str, page: Query[Page]) -> list[dict[str, Any]]:
    """The members of the workspace with their roles."""
    named = Prefetch("groups", Group.objects.order_by("name"))
    rows = Membership.objects.filter(workspace_id=workspace).select_related("user").prefetch_related(named)
    return [
        _member(each, request.principal) | {"groups": ["all", *(group.name for group in each.groups.all())]}
        for each in page.of(rows.order_by("username"))
    ]


@workspaced.get("/list_usernames", role=Role.MEMBER, scope="users:read")
def list_usernames(request: PageRequest, workspace: str) -> list[str]:
    """The user names of the workspace."""
    rows = Membership.objects.filter(workspace_id=workspace).order_by("username")
    return list(rows.values_list("username", flat=True))


@workspaced.get("/get/{username}", role=Role.MEMBER, scope="users:read")
def get(request: PageRequest, workspace: str, username: str) -> dict[str, Any]:
    """A member by user name."""
    return _member(members.find_member(username, by=request.principal), request.principal)


@workspaced.get("/username_to_email/{username}", role=Role.MEMBER, scope="users:read")
def username_to_email(request: PageRequest, workspace: str, username: str) -> HttpResponse:
    """The e-mail address of a member as text."""
    return text(members.find_member(username, by=request.principal).user.email)


@workspaced.post("/update/{username}", role=Role.ADMIN, scope="users:write")
def update(request: PageRequest, workspace: str, username: str, payload: EditMember) -> HttpResponse:
    """Change a member's role, or disable them."""
    members.update_member(
        username,
        by=request.principal,
        is_admin=payload.is_admin,
        is_operator=payload.operator,
        is_disabled=payload.disabled,
    )
    return text(f"user {username} updated")


@workspaced.delete("/delete/{username}", role=Role.ADMIN, scope="users:write")
def delete(request: PageRequest, workspace: str, username: str) -> HttpResponse:
    """Remove a member from the workspace; the account stays."""
    members.remove_member(username, by=request.principal)
    return text(f"user {username} deleted")


def _account(user: User) -> dict[str, Any]:
    return {
        "email": user.email,
        "login_type": "password",
        "super_admin": user.is_superadmin,
        "devops": False,
        "verified": True,
        "name": user.name or None,
        "company": user.company or None,
        "first_time_user": False,
        "role_source": "manual",
        "disabled": not user.is_active,
    }


def _member(member: Membership, by: Principal) -> dict[str, Any]:
    return {
        "workspace_id": by.workspace_id,
        "email": member.user.email,
        "username": member.username,
        "name": member.user.name or None,
        "is_admin": member.is_admin,
        "is_super_admin": member.user.is_superadmin,
        "created_at": member.created_at,
        "operator": member.is_operator,
        "disabled": member.is_disabled,
        "groups": [],
        "folders": [],
        "folders_read": [],
        "folders_owners": [],
    }


def _visitor(by: Principal) -> dict[str, Any]:
    """A superadmin who is no member, or a group as identity of a job."""
    return {
        "workspace_id": by.workspace_id,
        "email": by.email,
        "username": by.username,
        "is_admin": by.may_all,
        "created_at": "1970-01-01T00:00:00Z",
        "operator": by.is_operator,
        "disabled": False,
        "non_member": not by.is_member,
    }
