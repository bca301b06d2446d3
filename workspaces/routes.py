"""Every route says what it asks: `page` for pages, `ApiRouter` for the API, `register_raw` for what bypasses Django.

A URL without a permission refuses the start (`workspaces.checks`), and the permission matrix test walks `registered()`.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import wraps
from typing import TYPE_CHECKING, Any, Literal

import ninja
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, get_resolver, include, path
from django.views.decorators.cache import never_cache

from workspaces.permission import Permission, enforce
from workspaces.policy import Role
from workspaces.principal import ANONYMOUS, Principal
from workspaces.same_site import require_same_site

if TYPE_CHECKING:
    from django_htmx.middleware import HtmxDetails

    from workspaces.models import Workspace

__all__ = ["ApiRouter", "PageRequest", "Permission", "Role", "json_text", "page", "text", "tree"]

type Surface = Literal["page", "api", "raw", "socket", "tree"]


class PageRequest(HttpRequest):
    """What views are given: `workspace` is that of the URL, once the principal may enter it."""

    principal: Principal
    workspace: Workspace
    htmx: HtmxDetails


@dataclass(frozen=True)
class Route:
    """One method of one address. `path` is written `/w/{workspace}/scripts/get/p/{path}`; `about` is for the docs."""

    method: str
    path: str
    surface: Surface
    permission: Permission | None
    about: str = field(default="", compare=False)


class Guard:
    """Ninja's `auth` of an operation: runs before the body is read."""

    def __init__(self, permission: Permission) -> None:
        self.permission = permission

    def __call__(self, request: Any) -> bool:
        kwargs = request.resolver_match.kwargs
        if request.credential is not None and request.credential.source == "cookie":
            require_same_site(request, self.permission)
        enforce(self.permission, request.principal, method=request.method, path=kwargs.get("path"))
        return True


class ApiRouter(ninja.Router):
    """Ninja's router whose operations name `role` and `scope` (`domain:action`); see `Permission` for the others."""

    def get(self, path: str, **options: Any) -> Callable[..., Any]:
        return super().get(path, **_guarded(options))

    def post(self, path: str, **options: Any) -> Callable[..., Any]:
        return super().post(path, **_guarded(options))

    def delete(self, path: str, **options: Any) -> Callable[..., Any]:
        return super().delete(path, **_guarded(options))

    def api_operation(self, methods: list[str], path: str, **options: Any) -> Callable[..., Any]:
        """Where every operation is made; ninja's get, post, … come here with the guard already in `auth`."""
        register = super().api_operation(methods, path, **(options if "role" not in options else _guarded(options)))
        return lambda view: register(_with_workspace(view))


def _with_workspace(view: Callable[..., Any]) -> Callable[..., Any]:
    """Tell ninja that `workspace` is in the URL: it is in the prefix of the router, where ninja does not look."""
    signature = inspect.signature(view)
    in_path: Any = ninja.Path
    if "workspace" in signature.parameters:
        given = {"workspace": signature.parameters["workspace"].replace(default=in_path(...))}
        changed = [given.get(name, each) for name, each in signature.parameters.items()]
        # keyword only: a default may stand before parameters without one
        keyword = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in changed[1:]]
        view.__signature__ = signature.replace(parameters=[changed[0], *keyword])  # type: ignore[attr-defined]
    return view


def _guarded(options: dict[str, Any]) -> dict[str, Any]:
    known = {name: options.pop(name) for name in ("scope", "scope_path", "any_token", "bare_cookie") if name in options}
    permission = Permission(options.pop("role"), **known)
    if permission.role > Role.LOGIN and not permission.scope and not permission.any_token:
        raise TypeError("An API operation beyond a login needs a scope, for instance scope='scripts:read'")
    return {**options, "auth": [Guard(permission)]}


def page(
    route: str,
    view: Callable[..., Any],
    *,
    name: str,
    role: Role,
) -> URLPattern:
    """A page for those who logged in, or everybody (`Role.PUBLIC`). Tokens open no page, only the cookie of a login.

    `route` as in `django.urls.path`; with `<str:workspace>` in it, `request.workspace` is set. CSRF is Django's.
    """
    permission = Permission(role)

    @wraps(view)
    def guarded(request: PageRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        _enter(request, permission)
        return view(request, *args, **kwargs)

    @wraps(view)
    async def aguarded(request: PageRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        _enter(request, permission)
        return await view(request, *args, **kwargs)

    wrapped: Any = never_cache(aguarded if inspect.iscoroutinefunction(view) else guarded)
    wrapped.permission = permission
    return path(route, wrapped, name=name)


def _enter(request: PageRequest, permission: Permission) -> None:
    if request.principal.kind != "session":
        request.principal = ANONYMOUS
    enforce(permission, request.principal, method=request.method or "GET")


def tree(prefix: str, urls: Any, *, role: Role) -> URLResolver:
    """Addresses of somebody else's views (Django's admin), all of which ask `role` themselves."""
    resolver: Any = path(prefix, urls if isinstance(urls, tuple) else include(urls))
    resolver.permission = Permission(role)
    return resolver


_raw: list[Route] = []


def register_raw(method: str, route: str, permission: Permission, *, surface: Literal["raw", "socket"] = "raw") -> None:
    """Tell of an operation that is dispatched before Django; it calls `permission.enforce` itself."""
    _raw.append(Route(method, route, surface, permission))


def registered() -> list[Route]:
    """Every method of every address, in the order of the URLs; `permission` None is a defect."""
    # ninja makes a pattern for each operation of an address, all of them the same view
    return list(dict.fromkeys([*_walk(get_resolver().url_patterns, "/"), *_raw]))


def _walk(patterns: Any, prefix: str) -> Iterator[Route]:
    for pattern in patterns:
        here = prefix + _written(str(pattern.pattern))
        if isinstance(pattern, URLResolver):
            if hasattr(pattern, "permission"):
                yield Route("GET", here, "tree", pattern.permission)  # pyright: ignore[reportAttributeAccessIssue]
            else:
                yield from _walk(pattern.url_patterns, here)
        else:
            yield from _methods(pattern, here)


def _methods(pattern: URLPattern, here: str) -> Iterator[Route]:
    view: Any = pattern.callback
    if hasattr(view, "permission"):
        yield Route("*", here, "page", view.permission)
        return
    operations = _operations(view)
    if operations is None:
        if pattern.name != "api-root":
            yield Route("*", here, "page", None)
        return
    for operation in operations:
        guards = [each.permission for each in operation.auth_callbacks if isinstance(each, Guard)]
        for method in operation.methods:
            yield Route(method, here, "api", guards[0] if guards else None, operation.description or operation.summary)


def _operations(view: Any) -> list[Any] | None:
    """The operations behind a ninja view: it is a closure over its PathView."""
    for cell in getattr(view, "__closure__", None) or ():
        found = getattr(cell.cell_contents, "operations", None)
        if found is not None:
            return list(found)
    return None


def _written(pattern: str) -> str:
    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", pattern)


def text(body: str, status: int = 200) -> HttpResponse:
    """Ids, hashes and messages: text/plain without quotes."""
    return HttpResponse(body, status=status, content_type="text/plain; charset=utf-8")


def json_text(body: str, status: int = 200) -> HttpResponse:
    """JSON that is text already (a stored value), sent as it is."""
    return HttpResponse(body, status=status, content_type="application/json")
