"""Log in, log out, set up, start."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.middleware.csrf import rotate_token
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from workspaces import accounts, login_cookie, policy, setup, tokens
from workspaces.current import current_workspace, first_page, remember
from workspaces.errors import BadRequest, TooMany
from workspaces.models import User
from workspaces.routes import PageRequest


@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def login(request: PageRequest) -> HttpResponse:
    """The form; a right pair goes on to `next` (of this site only)."""
    after = _safe_next(request)
    if request.method == "GET":
        if request.principal.kind == "session":
            return HttpResponseRedirect(after)
        return render(request, "workspaces/login.html", {"next": after})
    email = request.POST.get("email", "")
    try:
        minted = accounts.log_in(email, request.POST.get("password", ""), address=login_cookie.client_address(request))
    except BadRequest:
        error = _("The e-mail or the password is wrong. Check both and try again.")
        return render(request, "workspaces/login.html", {"next": after, "email": email, "error": error}, status=422)
    except TooMany as full:
        about = {"next": after, "email": email, "error": full.message}
        return render(request, "workspaces/login.html", about, status=429)
    return _logged_in(request, minted.text, after)


def admin_login(request: PageRequest) -> HttpResponse:
    """The admin site sends here whom it does not let in. Who has a login already would be sent back for ever."""
    if request.principal.kind == "session":
        policy.require_role(request.principal, policy.Role.SUPERADMIN)
    return HttpResponseRedirect(reverse("login", query=request.GET))


@require_POST
def logout(request: PageRequest) -> HttpResponse:
    """End this login."""
    tokens.end_login(request.principal)
    response = redirect("login")
    login_cookie.drop(response)
    return response


@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def first_admin(request: HttpRequest, token: str) -> HttpResponse:
    """The one-time page behind the link that `up` prints: the first admin, the first workspace."""
    setup.require_link(token)
    if request.method == "GET":
        return render(request, "workspaces/setup.html", {"workspace_name": "Main"})
    given = {name: request.POST.get(name, "").strip() for name in ("email", "workspace_name")}
    try:
        user = setup.set_up(
            token,
            email=given["email"],
            password=request.POST.get("password", ""),
            workspace_id=setup.workspace_id_of(given["workspace_name"]),
            workspace_name=given["workspace_name"],
        )
    except BadRequest as error:
        return render(request, "workspaces/setup.html", {**given, "error": error.message}, status=422)
    return _logged_in(request, _login_of(user), "/")


def start(request: PageRequest) -> HttpResponse:
    """`/`: go to the workspace visited last; `?workspace=` switches."""
    workspace = current_workspace(request, request.principal)
    response = HttpResponseRedirect(first_page(workspace))
    if workspace is not None:
        remember(response, workspace)
    return response


def _login_of(user: User) -> str:
    return tokens.create_login(user).text


def _logged_in(request: HttpRequest, token_text: str, after: str) -> HttpResponse:
    rotate_token(request)
    response = HttpResponseRedirect(after)
    login_cookie.put(response, token_text)
    return response


def _safe_next(request: HttpRequest) -> str:
    wanted: Any = request.POST.get("next") or request.GET.get("next") or ""
    is_ours = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if is_ours else reverse("start")
