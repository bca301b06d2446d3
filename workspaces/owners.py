"""The keys of access lists: `u/<user>` and `g/<group>`."""

from __future__ import annotations

import re
from collections.abc import Iterable

from workspaces.errors import BadRequest
from workspaces.models import Group, Membership

_KEY = re.compile(r"\A(u|g)/([\w.@+-]{1,80})\Z", re.ASCII)


def require_owner_keys(workspace_id: str, keys: Iterable[str]) -> None:
    """Raises BadRequest for one that is malformed or names nobody in the workspace."""
    wanted = set(keys)
    for key in wanted:
        if not _KEY.match(key):
            raise BadRequest(f'"{key[:80]}" is not a user or group; write u/<user> or g/<group>')
    users = {key[2:] for key in wanted if key.startswith("u/")}
    groups = {key[2:] for key in wanted if key.startswith("g/")}
    known = Membership.objects.filter(workspace_id=workspace_id, username__in=users).values_list("username", flat=True)
    missing = users - set(known) if users else set()
    if groups:
        there = Group.objects.filter(workspace_id=workspace_id, name__in=groups).values_list("name", flat=True)
        missing |= groups - set(there)
    if missing:
        raise BadRequest(f"{', '.join(sorted(missing))} is not in workspace {workspace_id}; add it first")
