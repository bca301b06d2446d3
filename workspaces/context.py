"""What every page template is given."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest


def page(request: HttpRequest) -> dict[str, Any]:
    """`principal`, the `workspace` acted on and the `workspaces` one may switch to."""
    return {"principal": getattr(request, "principal", None), "workspace": getattr(request, "workspace", None)}
