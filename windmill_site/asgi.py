"""The ASGI entry point: hot API operations and websockets go past Django, everything else to it."""

from __future__ import annotations

import os
from typing import Any

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "windmill_site.settings")
_django: Any = get_asgi_application()

# After Django is set up: these import models.
from windmill_site.sockets import sockets  # noqa: E402
from workers import fastlane, serving  # noqa: E402


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Serve one connection."""
    if serving.of_loop() is None:
        await _begin()
    if scope["type"] == "websocket":
        await sockets(scope, receive, send)
        return
    match = fastlane.find(scope["path"])
    if match is not None and fastlane.takes(scope, match):
        await fastlane.serve(scope, receive, send, match)
    else:
        await _django(scope, receive, send)


async def _begin() -> None:
    """The first request of this process opens what all of them share."""
    fastlane.forget_principals((await serving.start()).live)
