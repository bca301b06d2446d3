"""Plain factories with defaults, and one fixed cast of people for permission tests."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

from django.test import Client

from workspaces import principals, tokens
from workspaces.credentials import COOKIE, Credential
from workspaces.models import Folder, Group, Membership, User, Workspace
from workspaces.principal import Principal

_numbers = itertools.count(1)
PASSWORD = "correct horse battery"


@dataclass(frozen=True)
class Cast:
    """Who is who in workspace `test`; `outsider` has an account only, `other_admin` is admin of workspace `other`."""

    workspace: Workspace
    other: Workspace
    superadmin: User
    admin: User
    developer: User
    operator: User
    outsider: User
    other_admin: User


def make_cast() -> Cast:
    """The people of permission tests."""
    workspace, other = make_workspace("test"), make_workspace("other")
    return Cast(
        workspace=workspace,
        other=other,
        superadmin=make_user("superadmin@example.com", is_superadmin=True),
        admin=make_member(workspace, "admin", is_admin=True).user,
        developer=make_member(workspace, "developer").user,
        operator=make_member(workspace, "operator", is_operator=True).user,
        outsider=make_user("outsider@example.com"),
        other_admin=make_member(other, "other_admin", is_admin=True).user,
    )


def make_user(email: str = "", *, password: str | None = None, is_superadmin: bool = False) -> User:
    email = email or f"person{next(_numbers)}@example.com"
    return User.objects.create_user(email, password, is_superadmin=is_superadmin)


def make_workspace(workspace_id: str = "test", *, name: str = "") -> Workspace:
    workspace, is_new = Workspace.objects.get_or_create(
        id=workspace_id, defaults={"name": name or workspace_id.capitalize(), "owner": ""}
    )
    if is_new:
        Group.objects.create(workspace=workspace, name="all")
    return workspace


def make_member(
    workspace: Workspace,
    username: str = "",
    *,
    user: User | None = None,
    is_admin: bool = False,
    is_operator: bool = False,
) -> Membership:
    username = username or f"person{next(_numbers)}"
    user = user or make_user(f"{username}@example.com")
    return Membership.objects.create(
        workspace=workspace, user=user, username=username, is_admin=is_admin, is_operator=is_operator
    )


def make_group(workspace: Workspace, name: str = "crew", *, members: tuple[Membership, ...] = ()) -> Group:
    group = Group.objects.create(workspace=workspace, name=name)
    group.members.set(members)
    return group


def make_folder(
    workspace: Workspace,
    name: str = "etl",
    *,
    owners: tuple[str, ...] = (),
    extra_perms: dict[str, bool] | None = None,
) -> Folder:
    perms = {**dict.fromkeys(owners, True), **(extra_perms or {})}
    return Folder.objects.create(workspace=workspace, name=name, owners=list(owners), extra_perms=perms)


def make_token(user: User, **fields: Any) -> str:
    """The text of an API token. Fields: scopes_wanted, workspace_id, is_read_only, expires_at, label."""
    return tokens.create_token(by=principal_of(user), **fields).text


def principal_of(user: User, workspace: Workspace | None = None) -> Principal:
    """`user` as somebody who logged in."""
    return principals.resolve(
        Credential(tokens.create_login(user).text, "cookie"), workspace.pk if workspace else None
    ).principal


def log_in(client: Client, user: User) -> Client:
    """`client` with the login cookie of `user`."""
    client.cookies[COOKIE] = tokens.create_login(user).text
    return client


def bearer(token: str) -> dict[str, str]:
    """Headers for the test client: `client.get(url, headers=bearer(token))`."""
    return {"Authorization": f"Bearer {token}"}
