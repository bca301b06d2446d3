"""The API of people and workspaces."""

from workspaces.api_auth import router as auth
from workspaces.api_tokens import router as tokens

ROUTERS = [("/auth", auth), ("/users/tokens", tokens)]
