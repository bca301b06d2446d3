"""The API of people and workspaces."""

from workspaces.api_audit import router as audit
from workspaces.api_auth import router as auth
from workspaces.api_folders import router as folders
from workspaces.api_groups import acl_router as acls
from workspaces.api_groups import router as groups
from workspaces.api_tokens import router as tokens
from workspaces.api_users import router as users
from workspaces.api_users import workspaced as workspace_users
from workspaces.api_workspaces import router as workspaces
from workspaces.api_workspaces import settings
from workspaces.api_workspaces import workspaced as workspace

ROUTERS = [
    ("/auth", auth),
    ("/users/tokens", tokens),
    ("/users", users),
    ("/workspaces", workspaces),
    ("/settings/global", settings),
    ("/w/{workspace}/workspaces", workspace),
    ("/w/{workspace}/users", workspace_users),
    ("/w/{workspace}/groups", groups),
    ("/w/{workspace}/folders", folders),
    ("/w/{workspace}/acls", acls),
    ("/w/{workspace}/audit", audit),
]
