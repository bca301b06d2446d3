"""Errors as answers: one line of text/plain under /api, a page or a toast elsewhere. Never a stack, SQL or a path."""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from workspaces import principals
from workspaces.errors import BadRequest, Forbidden, Internal, NotAuthorized, NotFound, WindmillError

log = logging.getLogger(__name__)
INTERNAL = Internal("Something failed on the server; its log has the details. Try again or tell an administrator")
UNFIT = BadRequest("A value of the request is beyond what can be stored, such as a very large number; check it")


def is_api(request: HttpRequest) -> bool:
    return request.path_info.startswith("/api/") or request.path_info == "/api"


def answer(request: HttpRequest, error: WindmillError) -> HttpResponse:
    """The answer to `request` for an error of ours."""
    if is_api(request):
        return api_answer(error)
    if isinstance(error, NotAuthorized):
        return _to_login(request)
    return _page(request, error.status, _title(error.status), error.message)


def api_answer(error: WindmillError) -> HttpResponse:
    response = HttpResponse(error.text, status=error.status, content_type="text/plain; charset=utf-8")
    if error.status == 401:
        response["WWW-Authenticate"] = "Bearer"
    return response


def without_html(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """The last net: whatever answered an API error in HTML, the client gets one line of text."""
    is_html = response.get("Content-Type", "").startswith("text/html")
    if response.status_code < 400 or not is_html or not is_api(request):
        return response
    if response.status_code == 405:
        plain = HttpResponse(f"Bad request: {request.method} is not allowed here; use {response.get('Allow', '')}")
        plain["Allow"] = response.get("Allow", "")
    else:
        plain = HttpResponse(_error_of(request, response.status_code).text)
    plain.status_code = response.status_code
    plain["Content-Type"] = "text/plain; charset=utf-8"
    return plain


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return answer(request, BadRequest(_("The request could not be understood; check its host name and its form")))


def permission_denied(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return answer(request, Forbidden(_("You may not do this here; ask an admin of the workspace")))


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return answer(request, _error_of(request, 404))


def server_error(request: HttpRequest) -> HttpResponse:
    if is_api(request):
        return api_answer(INTERNAL)
    return _page(request, 500, _title(500), INTERNAL.message)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Django's CSRF middleware refused a form."""
    return answer(
        request, Forbidden(_("This form is too old or came from another site; reload the page and try again"))
    )


def _error_of(request: HttpRequest, status: int) -> WindmillError:
    match status:
        case 404:
            return NotFound(_("nothing is at %(path)s; check the address") % {"path": request.path_info[:200]})
        case 403:
            return Forbidden("You may not do this here")
        case _ if status < 500:
            return BadRequest("The request could not be understood; check its form")
    return INTERNAL


def _title(status: int) -> str:
    titles = {
        400: _("This request could not be understood"),
        403: _("You may not see this"),
        404: _("Nothing is here"),
        429: _("Too many tries"),
        500: _("Something failed"),
    }
    return titles.get(status, _("This did not work"))


def _to_login(request: HttpRequest) -> HttpResponse:
    address = f"{reverse('login')}?{urlencode({'next': request.get_full_path()})}"
    if request.headers.get("HX-Request"):
        response = HttpResponse(status=401)
        response["HX-Redirect"] = address
        return response
    return HttpResponseRedirect(address)


def _page(request: Any, status: int, title: str, message: str) -> HttpResponse:
    if request.headers.get("HX-Request"):
        response = render(request, "ui/toast.html", {"text": message, "tone": "error"}, status=status)
        response["HX-Retarget"] = "#toasts"
        response["HX-Reswap"] = "beforeend"
        return response
    if not hasattr(request, "principal"):  # refused before our middleware
        request.principal, request.workspace = principals.ANONYMOUS, None
    about = {"status": status, "title": title, "message": message}
    return render(request, "workspaces/error.html", about, status=status)
