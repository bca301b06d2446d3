"""Workspaces and their members."""

from __future__ import annotations

import re

from django.db import IntegrityError, transaction

from workspaces import audit, paths
from workspaces.errors import BadRequest, NotFound
from workspaces.models import Group, Membership, User, Workspace
from workspaces.principal import Principal

ADMINS = "admins"
ALL = "all"
MAX_ID = 50


@transaction.atomic
def create_workspace(
    workspace_id: str, name: str, *, by: Principal, owner: User | None = None, username: str = "", color: str = ""
) -> Workspace:
    """A workspace with its group `all`; `owner` becomes its admin as `username` (made from the e-mail when empty)."""
    if len(workspace_id) > MAX_ID or not paths.WORKSPACE_ID.match(workspace_id):
        raise BadRequest(
            f'"{workspace_id[:60]}" is not a workspace id; use up to {MAX_ID} letters, digits, "_" and single "-"'
        )
    if color and not re.fullmatch(r"#[0-9a-fA-F]{3,8}", color):
        raise BadRequest(f'"{color[:20]}" is not a color; write it as #rrggbb')
    try:
        with transaction.atomic():
            workspace = Workspace.objects.create(
                id=workspace_id, name=name[:200] or workspace_id, owner=owner.email if owner else by.email, color=color
            )
    except IntegrityError as error:
        raise BadRequest(f"Workspace {workspace_id} exists; choose another id") from error
    Group.objects.create(workspace=workspace, name=ALL, summary="Every member of the workspace")
    if owner is not None:
        add_member(workspace_id, owner, by=by, username=username, is_admin=True)
    audit.record(by, "workspaces.create", workspace_id)
    return workspace


@transaction.atomic
def add_member(
    workspace_id: str,
    user: User,
    *,
    by: Principal,
    username: str = "",
    is_admin: bool = False,
    is_operator: bool = False,
) -> Membership:
    """Give the account a place in the workspace. Raises BadRequest if it or the user name has one."""
    if not Workspace.objects.filter(pk=workspace_id).exists():
        raise NotFound(f"workspace not found at name {workspace_id}")
    chosen = username or free_username(workspace_id, user.email)
    if not paths.USERNAME.match(chosen) or len(chosen) > 60:
        raise BadRequest(f'"{chosen[:60]}" is not a user name; start with a letter, then letters, digits and "_"')
    try:
        with transaction.atomic():
            member = Membership.objects.create(
                workspace_id=workspace_id, user=user, username=chosen, is_admin=is_admin, is_operator=is_operator
            )
    except IntegrityError as error:
        raise BadRequest(f"{user.email} or the user name {chosen} is in workspace {workspace_id} already") from error
    audit.record(by, "users.add_to_workspace", user.email, workspace=workspace_id, username=chosen)
    return member


def free_username(workspace_id: str, email: str) -> str:
    """A user name from the local part of the address that nobody in the workspace has."""
    local = re.sub(r"[^a-zA-Z0-9_]", "", email.partition("@")[0])[:50].lstrip("0123456789_") or "user"
    taken = set(
        Membership.objects.filter(workspace_id=workspace_id, username__istartswith=local).values_list(
            "username", flat=True
        )
    )
    number = 2
    name = local
    while name in taken:
        name, number = f"{local}{number}", number + 1
    return name


def workspaces_of(user_id: int | None, *, is_superadmin: bool = False) -> list[Workspace]:
    """Where the account may go; archived ones are left out."""
    live = Workspace.objects.filter(archived_at=None).order_by("name")
    if not is_superadmin:
        live = live.filter(memberships__user_id=user_id, memberships__is_disabled=False).exclude(pk=ADMINS)
    return list(live)
