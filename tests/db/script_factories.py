"""People, folders and scripts for tests, with defaults."""

from __future__ import annotations

from typing import Any

from scripts_app.deploy import create_version
from scripts_app.models import ScriptVersion
from scripts_app.new_script import NewScript
from workspaces.models import Folder, Workspace
from workspaces.principal import Principal

PYTHON = "def main(n: int = 1):\n    return n\n"


def make_workspace(workspace_id: str = "ops", *, folders: tuple[str, ...] = ("etl",)) -> Workspace:
    workspace = Workspace.objects.create(id=workspace_id, name=workspace_id, owner="ana@example.com")
    for name in folders:
        Folder.objects.create(workspace=workspace, name=name, owners=["u/ana"], created_by="ana")
    return workspace


def a_principal(username: str = "ana", *, workspace_id: str = "ops", **rights: Any) -> Principal:
    """A developer who owns the folder etl."""
    given: dict[str, Any] = {"folders_owned": {"etl"}, "folders_write": {"etl"}, "groups": {"all"}} | rights
    sets = {name: frozenset(value) for name, value in given.items() if isinstance(value, set)}
    return Principal(
        kind="session",
        email=f"{username}@example.com",
        username=username,
        workspace_id=workspace_id,
        is_member=True,
        **{**given, **sets},
    )


ANA = a_principal()


def make_script(
    path: str = "f/etl/load", content: str = PYTHON, *, by: Principal = ANA, **fields: Any
) -> ScriptVersion:
    """Deploy a script; the next version of it when one is there."""
    new = NewScript(path=path, content=content, **{"language": "python3", "auto_parent": True, **fields})
    return create_version(new, by=by).version
