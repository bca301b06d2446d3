"""Pages and their parts: the same view answers a browser with the page and htmx with the part it swaps."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers


def render_page(
    request: HttpRequest, template: str, partial: str, context: dict[str, Any] | None = None, *, status: int = 200
) -> HttpResponse:
    """`template`, or for an htmx request its `{% partialdef <partial> %}` alone. A boosted link gets the whole page."""
    htmx: Any = getattr(request, "htmx", None)
    is_part = bool(partial) and bool(htmx) and not htmx.boosted and not htmx.history_restore_request
    response = render(request, f"{template}#{partial}" if is_part else template, context, status=status)
    patch_vary_headers(response, ["HX-Request"])
    return response
