"""Django system checks: the site does not start with an address whose permission nobody stated."""

from typing import Any

from django.core.checks import CheckMessage, Error, Tags, register

from workspaces.routes import registered


@register(Tags.urls)
def every_route_has_a_permission(app_configs: Any, **_: Any) -> list[CheckMessage]:
    """One error for each address without a permission."""
    return [
        Error(
            f"{route.method} {route.path} has no permission",
            hint="Register pages with workspaces.routes.page and API operations with workspaces.routes.ApiRouter.",
            id="workspaces.E001",
        )
        for route in registered()
        if route.permission is None
    ]
