"""The API of variables and resources."""

from workspaces.routes import ApiRouter

ROUTERS: list[tuple[str, ApiRouter]] = []
