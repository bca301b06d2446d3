"""Is a request that carries the login cookie made by our own pages? Bearers and query tokens need no such proof."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest
from django.middleware.csrf import CsrfViewMiddleware

from workspaces.errors import Forbidden
from workspaces.permission import SAFE_METHODS, Permission


def require_same_site(request: HttpRequest, permission: Permission) -> None:
    """Raises Forbidden for an API call by cookie that another site may have caused.

    Unsafe methods need a same-origin proof: `Sec-Fetch-Site`, else `Origin`, else the CSRF token; `bare_cookie` routes
    also take a request without any of a browser's headers. GET routes that run something refuse what says that it comes
    from elsewhere, and prefetches.
    """
    is_unsafe = request.method not in SAFE_METHODS
    if not is_unsafe and not permission.does:
        return
    if request.headers.get("Sec-Purpose") or request.headers.get("Purpose") == "prefetch":
        raise Forbidden("A prefetch runs nothing; open the address itself")
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin") or ("" if is_unsafe else _origin_of(request.headers.get("Referer", "")))
    if site is not None:
        if site == "same-origin" or (site == "none" and not is_unsafe):
            return
        raise _foreign()
    if origin:
        if origin in _own_origins(request):
            return
        raise _foreign()
    if is_unsafe and not permission.bare_cookie and _csrf_failure(request):
        raise Forbidden("A call by cookie needs the header X-CSRFToken or Origin; send the token as a bearer instead")


def _own_origins(request: HttpRequest) -> set[str]:
    return {f"{request.scheme}://{request.get_host()}", *settings.CSRF_TRUSTED_ORIGINS}


def _origin_of(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:  # "http://[": whoever sends that is no page of ours
        return url
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""


def _csrf_failure(request: HttpRequest) -> bool:
    check = CsrfViewMiddleware(lambda _: None)  # type: ignore[arg-type, return-value]
    check.process_request(request)
    return check.process_view(request, lambda _: None, (), {}) is not None  # type: ignore[arg-type]


def _foreign() -> Forbidden:
    return Forbidden("This call came from another site with this browser's cookie; use a token as a bearer")
