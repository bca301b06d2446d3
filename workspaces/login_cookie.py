"""The cookie `token` of a login."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from workspaces.credentials import COOKIE
from workspaces.principals import LOGIN_LIMIT


def put(response: HttpResponseBase, token_text: str) -> None:
    """Scripts of the page cannot read it, other sites cannot send it with a form."""
    response.set_cookie(
        COOKIE,
        token_text,
        max_age=LOGIN_LIMIT,
        httponly=True,
        samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
    )


def drop(response: HttpResponseBase) -> None:
    response.delete_cookie(COOKIE, samesite="Lax")


def client_address(request: HttpRequest) -> str:
    """Of the nearest peer: forwarded headers are anybody's to write."""
    return request.META.get("REMOTE_ADDR", "")
