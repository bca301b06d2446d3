"""Groups of a workspace. `all` has every member and cannot be changed."""

from __future__ import annotations

import re

from django.db import IntegrityError, transaction

from workspaces import audit
from workspaces.errors import BadRequest, Forbidden, NotFound
from workspaces.models import Group, Membership
from workspaces.principal import Principal
from workspaces.tenants import ALL

_NAME = re.compile(r"\A[a-zA-Z_0-9-]{1,60}\Z", re.ASCII)


def find_group(name: str, *, by: Principal) -> Group:
    group = Group.objects.filter(workspace_id=by.workspace_id, name=name).first()
    if group is None:
        raise NotFound(f"Group not found at name {name[:100]}")
    return group


def members_of(group: Group) -> list[str]:
    """User names; of `all` those of every member."""
    if group.name == ALL:
        rows = Membership.objects.filter(workspace_id=group.workspace_id)  # type: ignore[attr-defined]
    else:
        rows = group.members.all()
    return sorted(rows.values_list("username", flat=True))


@transaction.atomic
def create_group(name: str, summary: str, *, by: Principal) -> Group:
    """Its maker becomes member and admin of it."""
    if not _NAME.match(name):
        raise BadRequest(f'"{name[:60]}" is not a group name; use up to 60 letters, digits, "_" and "-"')
    perms = {f"u/{by.username}": True} if by.is_member else {}
    try:
        with transaction.atomic():
            group = Group.objects.create(workspace_id=by.workspace_id, name=name, summary=summary, extra_perms=perms)
    except IntegrityError as error:
        raise BadRequest(f"Group {name} already exists; choose another name") from error
    group.members.set(Membership.objects.filter(workspace_id=by.workspace_id, user_id=by.user_id))
    audit.record(by, "group.create", name)
    return group


@transaction.atomic
def update_group(name: str, summary: str, *, by: Principal) -> None:
    group = managed_group(name, by=by)
    group.summary = summary
    group.save(update_fields=["summary"])
    audit.record(by, "group.edit", name)


@transaction.atomic
def delete_group(name: str, *, by: Principal) -> None:
    if name == ALL:
        raise BadRequest("The group all cannot be deleted; it holds every member")
    managed_group(name, by=by).delete()
    audit.record(by, "group.delete", name)


@transaction.atomic
def add_to_group(name: str, username: str, *, by: Principal) -> None:
    group = _changeable(name, by=by)
    group.members.add(_member(by, username))
    audit.record(by, "group.adduser", name, user=username)


@transaction.atomic
def remove_from_group(name: str, username: str, *, by: Principal) -> None:
    group = _changeable(name, by=by)
    group.members.remove(_member(by, username))
    audit.record(by, "group.removeuser", name, user=username)


def managed_group(name: str, *, by: Principal) -> Group:
    """A group `by` is an admin of. Raises NotFound, Forbidden."""
    group = find_group(name, by=by)
    if not by.may_all and (by.is_operator or not any(group.extra_perms.get(key) for key in by.owner_keys)):
        raise Forbidden(f"{by.username} is no admin of group {name}; ask one of its admins")
    return group


def _changeable(name: str, *, by: Principal) -> Group:
    if name == ALL:
        raise BadRequest("The group all has every member of the workspace; add or remove the member instead")
    return managed_group(name, by=by)


def _member(by: Principal, username: str) -> Membership:
    member = Membership.objects.filter(workspace_id=by.workspace_id, username=username).first()
    if member is None:
        raise NotFound(f"User not found at name {username[:100]}")
    return member
