"""Where somebody may put a script: the first two parts of a path."""

from __future__ import annotations

import secrets

from workspaces.models import Folder
from workspaces.principal import Principal


def writable_places(by: Principal) -> list[str]:
    """`u/<me>` and the folders `by` may write to, as `f/<name>`."""
    if by.may_all:
        folders = list(
            Folder.objects.filter(workspace_id=by.workspace_id).order_by("name").values_list("name", flat=True)
        )
    else:
        folders = sorted(by.folders_write | by.folders_owned)
    own = [f"u/{by.username}"] if by.is_member else []
    return [*own, *(f"f/{name}" for name in folders)]


def readable_places(by: Principal) -> list[str]:
    """The same for lists: what may be looked into."""
    if by.may_all:
        return writable_places(by)
    own = [f"u/{by.username}"] if by.is_member else []
    return [*own, *(f"f/{name}" for name in sorted(by.folders_read | by.folders_write | by.folders_owned))]


def untitled_path(by: Principal) -> str:
    """A free-looking name for a new script; the author changes it before the first version."""
    place = (writable_places(by) or [f"u/{by.username}"])[0]
    return f"{place}/untitled_{secrets.token_hex(2)}"
