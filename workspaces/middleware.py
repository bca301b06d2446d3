"""Gives every request its principal and turns our errors into answers."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.deprecation import MiddlewareMixin
from django.utils.functional import SimpleLazyObject

from workspaces import error_pages, principals
from workspaces.errors import BadRequest, WindmillError
from workspaces.models import User


class PrincipalMiddleware(MiddlewareMixin):
    """Sets `request.credential`, `request.principal` and, for a URL with a workspace, `request.workspace`.

    `request.user` exists for Django's admin alone and is a logged-in superadmin or nobody.
    """

    def process_request(self, request: Any) -> HttpResponse | None:
        request.credential = None
        request.principal = principals.ANONYMOUS
        request.workspace = None
        request.user = AnonymousUser()
        if "\x00" in request.path_info or "%00" in request.META.get("QUERY_STRING", ""):
            return error_pages.answer(request, BadRequest("The address holds a NUL character; remove %00"))
        return None

    def process_view(self, request: Any, view: Any, args: Any, kwargs: dict[str, Any]) -> None:
        if "path" in kwargs:
            kwargs["path"] = kwargs["path"].removeprefix("/")  # clients send it with or without
        request.credential = principals.credential_of_request(request)
        found = principals.resolve(request.credential, kwargs.get("workspace"))
        request.principal, request.workspace = found.principal, found.workspace
        if found.principal.kind == "session" and found.principal.is_superadmin:
            request.user = SimpleLazyObject(lambda: User.objects.get(pk=found.principal.user_id))

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        return error_pages.answer(request, error) if isinstance(error, WindmillError) else None

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        response = error_pages.without_html(request, response)
        if error_pages.is_api(request):
            response.headers.setdefault("Cache-Control", "no-store")  # answers depend on who asks
        return response
