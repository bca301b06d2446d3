"""Where websockets go."""

from __future__ import annotations

from typing import Any

from channels.routing import URLRouter
from django.urls import path

from workers.consumers import PERMISSION, JobConsumer
from workspaces.routes import register_raw

register_raw("GET", "/ws/w/{workspace}/jobs/{job_id}", PERMISSION, surface="socket")

_routes: Any = URLRouter(
    [
        path("ws/w/<str:workspace>/jobs/<uuid:job_id>", JobConsumer.as_asgi()),  # type: ignore[arg-type]
    ]
)


async def sockets(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Serve a websocket; a handshake for an unknown address is refused."""
    if not any(route.pattern.match(scope["path"].lstrip("/")) for route in _routes.routes):
        await send({"type": "websocket.close"})
        return
    await _routes(scope, receive, send)
