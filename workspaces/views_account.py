"""One's own account: password, API tokens, workspaces."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from workspaces import accounts, clock, tenants, tokens
from workspaces.current import current_workspace, first_page, remember
from workspaces.errors import BadRequest, Forbidden, WindmillError
from workspaces.models import Token, User
from workspaces.rendering import render_page
from workspaces.routes import PageRequest

LIVES = {
    "1": gettext_lazy("1 day"),
    "7": gettext_lazy("7 days"),
    "30": gettext_lazy("30 days"),
    "90": gettext_lazy("90 days"),
    "": gettext_lazy("No end"),
}


def account(request: PageRequest) -> HttpResponse:
    """The page."""
    return _page(request, {})


@sensitive_post_parameters()
@require_POST
def change_password(request: PageRequest) -> HttpResponse:
    """Asks the present password; every other login of the account ends."""
    user = User.objects.get(pk=request.principal.user_id)
    if not user.check_password(request.POST.get("old", "")):
        return _page(request, {"old_error": _("This is not the present password.")}, status=422)
    try:
        accounts.change_password(user, request.POST.get("new", ""), by=request.principal)
    except BadRequest as error:
        return _page(request, {"new_error": error.message}, status=422)
    messages.success(request, _("The password is changed; other logins have ended."))
    return redirect("account")


@require_POST
def create_token(request: PageRequest) -> HttpResponse:
    """The page with the token's text, which is never shown again."""
    given = {name: request.POST.get(name, "").strip() for name in ("label", "life", "scopes", "workspace")}
    is_read_only = "read_only" in request.POST
    days = given["life"] if given["life"] in LIVES else "30"
    try:
        minted = tokens.create_token(
            by=request.principal,
            label=given["label"],
            expires_at=clock.now() + timedelta(days=int(days)) if days else None,
            scopes_wanted=given["scopes"].split() or None,
            workspace_id=given["workspace"] or None,
            is_read_only=is_read_only,
        )
    except WindmillError as error:
        return _page(request, {"given": given, "token_error": error.message}, status=422)
    return _page(request, {"minted": minted})


@require_POST
def delete_token(request: PageRequest, prefix: str) -> HttpResponse:
    tokens.delete_token(prefix, by=request.principal)
    messages.success(request, _("The token is deleted and opens nothing any more."))
    return redirect("account")


@require_http_methods(["GET", "POST"])
def new_workspace(request: PageRequest) -> HttpResponse:
    """Superadmins make workspaces and become their first admin."""
    if request.principal.user_id is None:
        raise Forbidden("Log in with an account to make a workspace")
    if request.method == "GET":
        return render(request, "workspaces/new_workspace.html")
    given = {name: request.POST.get(name, "").strip() for name in ("id", "name", "username")}
    owner = User.objects.get(pk=request.principal.user_id)
    try:
        workspace = tenants.create_workspace(
            given["id"], given["name"], by=request.principal, owner=owner, username=given["username"]
        )
    except BadRequest as error:
        return render(request, "workspaces/new_workspace.html", {**given, "error": error.message}, status=422)
    response = redirect(first_page(workspace))
    remember(response, workspace)
    return response


def _page(request: PageRequest, more: dict[str, Any], *, status: int = 200) -> HttpResponse:
    workspace = current_workspace(request, request.principal)
    own = Token.objects.filter(user_id=request.principal.user_id, kind="api").order_by("-created_at")
    context = {
        "layout": "shell.html" if workspace else "public.html",
        "workspace": workspace,
        "tokens": own[:500],
        "lives": [{"value": value, "label": label} for value, label in LIVES.items()],
        "life": "30",
    }
    return render_page(request, "workspaces/account.html", "tokens", {**context, **more}, status=status)
