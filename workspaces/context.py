"""What every page template is given."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from workspaces.tenants import workspaces_of


def page(request: HttpRequest) -> dict[str, Any]:
    """`principal`, the `workspace` acted on and the `workspaces` one may switch to (read when the template asks)."""
    principal = getattr(request, "principal", None)
    workspaces: Any = []
    if principal is not None and principal.is_authenticated:
        workspaces = SimpleLazyObject(lambda: workspaces_of(principal.user_id, is_superadmin=principal.is_superadmin))
    return {"principal": principal, "workspace": getattr(request, "workspace", None), "workspaces": workspaces}
