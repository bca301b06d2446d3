"""The one place that decides: may this principal do this, and which rows may it see?

Roles are ordered: public < anyone logged in < member (operators included) < developer < workspace admin < superadmin.
A route names the role it asks (`workspaces.routes`); items are fetched through `find`, which applies the item rule:

* admins and superadmins pass;
* `u/<me>/…` is mine; `f/<folder>/…` follows the folder's rights; `g/<group>/…` is its members';
* `extra_perms` of the item adds: key present = read, true = write.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Any, Literal

from django.db.models import Q

from workspaces.errors import Forbidden, NotAuthorized, NotFound
from workspaces.paths import ItemPath, parse_item_path

if TYPE_CHECKING:
    from django.db.models import Model, QuerySet

    from workspaces.principal import Principal

type Action = Literal["read", "write", "run", "own"]


class Role(IntEnum):
    PUBLIC = 0
    LOGIN = 1
    MEMBER = 2
    DEVELOPER = 3
    ADMIN = 4
    SUPERADMIN = 5


def role_of(principal: Principal) -> Role:
    """The highest role the principal has in the workspace it acts on."""
    if not principal.is_authenticated:
        return Role.PUBLIC
    if principal.is_superadmin:
        return Role.SUPERADMIN
    if principal.is_admin:
        return Role.ADMIN
    if not principal.is_member:
        return Role.LOGIN
    return Role.MEMBER if principal.is_operator else Role.DEVELOPER


def require_role(principal: Principal, role: Role) -> None:
    """Raises NotAuthorized without a credential, Forbidden with one that is not enough."""
    have = role_of(principal)
    if have >= role:
        return
    if not principal.is_authenticated:
        raise NotAuthorized("This needs a login or a token; send it as `Authorization: Bearer <token>`")
    if have == Role.LOGIN and principal.workspace_id:
        raise Forbidden(
            f"{principal.email} is not a member of workspace {principal.workspace_id}; ask one of its admins"
        )
    if role == Role.SUPERADMIN:
        raise Forbidden("Only superadmins of this instance may do this")
    if role == Role.ADMIN:
        raise Forbidden(f"Require Admin privileges for {principal.username}; ask an admin of the workspace")
    raise Forbidden("Operators can see and run, not write; ask an admin of the workspace for the developer role")


def may(principal: Principal, action: Action, path: str, extra_perms: dict[str, bool]) -> bool:
    """The item rule for one item. Pure: rights are already resolved in the principal."""
    if principal.may_all:
        return True
    if not principal.is_member:
        return False
    if principal.is_operator and action in ("write", "own"):
        return False
    where = _parse(path)
    if _owns(principal, where):
        return True
    if action == "own":
        return False
    if where and where.kind == "f":
        readable = principal.folders_write if action == "write" else principal.folders_read | principal.folders_write
        if where.owner in readable:
            return True
    mine = principal.owner_keys & extra_perms.keys()
    return any(extra_perms[key] for key in mine) if action == "write" else bool(mine)


def visible[M: "Model"](principal: Principal, rows: QuerySet[M, M]) -> QuerySet[M, M]:
    """The items of the principal's workspace it may read: the item rule as a filter (same answer as `may`)."""
    rows = rows.filter(workspace_id=principal.workspace_id)
    if principal.may_all:
        return rows
    if not principal.is_member:
        return rows.none()
    seen = Q(path__startswith=f"u/{principal.username}/")
    for group in principal.groups:
        seen |= Q(path__startswith=f"g/{group}/")
    for folder in principal.folders_read | principal.folders_write:
        seen |= Q(path__startswith=f"f/{folder}/")
    return rows.filter(seen | Q(extra_perms__has_any_keys=sorted(principal.owner_keys)))


def require_path(principal: Principal, action: Action, path: str) -> None:
    """May the principal create (or move) an item at `path`? Raises Forbidden."""
    if not may(principal, action, path, {}):
        raise Forbidden(f"{principal.username or principal.email} may not write to {path}; ask {_owners(path)}")


def find[M: "Model"](principal: Principal, action: Action, rows: QuerySet[M, M], path: str, *, what: str = "") -> M:
    """The item at `path` of the principal's workspace. Unseen: NotFound; seen but not allowed: Forbidden."""
    item: Any = visible(principal, rows).filter(path=path).first()
    what = what or str(rows.model._meta.verbose_name)
    if item is None:
        raise NotFound(f"{what} not found at path {path}")
    if not may(principal, action, item.path, item.extra_perms):
        raise Forbidden(f"{principal.username} may read but not {action} {what} {path}; ask {_owners(path)}")
    return item


def _owners(path: str) -> str:
    return f"an owner of {'/'.join(path.split('/')[:2])}"


def _parse(path: str) -> ItemPath | None:
    try:
        return parse_item_path(path)
    except ValueError:
        return None


def _owns(principal: Principal, where: ItemPath | None) -> bool:
    if where is None:
        return False
    match where.kind:
        case "u":
            return where.owner == principal.username
        case "g":
            return where.owner in principal.groups
        case _:
            return where.owner in principal.folders_owned
