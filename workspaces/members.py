"""Members of a workspace: changed and removed by its admins."""

from __future__ import annotations

from django.db import transaction

from workspaces import audit
from workspaces.errors import BadRequest, NotFound
from workspaces.models import Membership
from workspaces.principal import Principal


def find_member(username: str, *, by: Principal) -> Membership:
    rows = Membership.objects.select_related("user").filter(workspace_id=by.workspace_id)
    member = rows.filter(username=username).first()
    if member is None:
        raise NotFound(f"User not found at name {username[:100]}")
    return member


@transaction.atomic
def update_member(
    username: str,
    *,
    by: Principal,
    is_admin: bool | None = None,
    is_operator: bool | None = None,
    is_disabled: bool | None = None,
) -> None:
    """None: as it was. Raises BadRequest when the last admin would go."""
    member = find_member(username, by=by)
    member.is_admin = member.is_admin if is_admin is None else is_admin
    member.is_operator = member.is_operator if is_operator is None else is_operator
    member.is_disabled = member.is_disabled if is_disabled is None else is_disabled
    member.save(update_fields=["is_admin", "is_operator", "is_disabled"])
    _require_admin_left(by)
    audit.record(by, "users.update", username)


@transaction.atomic
def remove_member(username: str, *, by: Principal) -> None:
    """What lies under `u/<username>/` stays."""
    find_member(username, by=by).delete()
    _require_admin_left(by)
    audit.record(by, "users.delete", username)


def _require_admin_left(by: Principal) -> None:
    admins = Membership.objects.filter(workspace_id=by.workspace_id, is_admin=True, is_disabled=False)
    if not by.is_superadmin and not admins.exists():
        raise BadRequest("The workspace would have no admin left; make somebody else an admin first")
