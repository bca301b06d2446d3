"""Which workspace pages outside any (account, start) are drawn in: the one visited last."""

from __future__ import annotations

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import NoReverseMatch, reverse

from workspaces.models import Workspace
from workspaces.principal import Principal
from workspaces.tenants import ADMINS, workspaces_of

COOKIE = "workspace"
_YEAR_S = 365 * 24 * 3600
_FIRST_PAGES = ("home", "scripts", "runs")


def current_workspace(request: HttpRequest, principal: Principal) -> Workspace | None:
    """`?workspace=`, else the cookie's, else the first of those the principal may enter; None: it may enter none."""
    mine = workspaces_of(principal.user_id, is_superadmin=principal.is_superadmin)
    wanted = request.GET.get("workspace") or request.COOKIES.get(COOKIE)
    own = [each for each in mine if each.pk != ADMINS] or mine
    return next((each for each in mine if each.pk == wanted), own[0] if own else None)


def remember(response: HttpResponseBase, workspace: Workspace) -> None:
    response.set_cookie(COOKIE, workspace.pk, max_age=_YEAR_S, httponly=True, samesite="Lax")


def first_page(workspace: Workspace | None) -> str:
    """Where one lands in a workspace; the account when there is none."""
    if workspace is not None:
        for name in _FIRST_PAGES:
            try:
                return reverse(name, kwargs={"workspace": workspace.pk})
            except NoReverseMatch:
                continue
    return reverse("account")
