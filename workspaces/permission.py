"""What a route asks of a principal, checked the same way for pages, API, fast lane and sockets. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from workspaces import scopes
from workspaces.errors import Forbidden, NotAuthorized, NotFound
from workspaces.policy import Role, require_role
from workspaces.principal import Principal

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True)
class Permission:
    """`role` in the workspace (or on the instance), `scope` for narrowed tokens.

    `scope_path`: "url": the scope must cover the route's `path`, every path if it has none; "view": one path of the
    domain is enough here, because the view calls `require_scope` with the path it found in the body or by hash.
    `any_token`: also for tokens bound to a workspace, on a route outside it (who am I, log out).
    `bare_cookie`: for clients that send the cookie `token` without a browser's headers.
    """

    role: Role
    scope: str = ""
    scope_path: Literal["url", "view"] = "url"
    any_token: bool = False
    bare_cookie: bool = False

    @property
    def does(self) -> bool:
        """Does it start or change something, whatever the method?"""
        return self.scope.partition(":")[2].split(":")[0] in ("write", "run", "delete")


def enforce(permission: Permission, principal: Principal, *, method: str, path: str | None = None) -> None:
    """Raises NotAuthorized, Forbidden or NotFound unless `principal` may call the route."""
    if permission.role == Role.PUBLIC:
        return
    if not principal.is_authenticated:
        require_role(principal, permission.role)
    bound = principal.token_workspace_id
    if bound is not None and bound != principal.workspace_id and not permission.any_token:
        raise NotAuthorized(f"This token is for workspace {bound} alone; make one for the place you call")
    require_role(principal, permission.role)
    if principal.is_workspace_missing:
        raise NotFound(f"workspace not found at name {principal.workspace_id}")
    if principal.is_workspace_archived and not principal.is_superadmin:
        raise Forbidden(f"Workspace {principal.workspace_id} is archived; a superadmin can bring it back")
    if principal.is_read_only and (method not in SAFE_METHODS or permission.does):
        raise Forbidden("This token is read-only; use one that may write")
    if permission.scope and not _is_granted(permission, principal, path):
        raise _missing(permission.scope, path)


def require_scope(principal: Principal, required: str, path: str | None) -> None:
    """For views: the scope check on the path that is really acted on. Raises Forbidden."""
    if not scopes.grants(principal.scopes, required, path):
        raise _missing(required, path)


def _is_granted(permission: Permission, principal: Principal, path: str | None) -> bool:
    if permission.scope_path == "view":
        return scopes.grants_some(principal.scopes, permission.scope)
    return scopes.grants(principal.scopes, permission.scope, path)


def _missing(scope: str, path: str | None) -> Forbidden:
    shown = scope.replace(":poll", ":read")
    return Forbidden(f"Access denied. Required scope: {shown}{f':{path}' if path else ''}")
