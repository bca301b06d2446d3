"""Who sees which job: one rule, as a pure function and as SQL over `job AS j`.

Admins see the workspace. Others see what runs as themselves or their groups and, unless hidden from owners, what has a
path under their name, their groups or folders they may read. Without a login: jobs that `anonymous` created.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, LiteralString

from workspaces import scopes
from workspaces.principal import Principal

ANONYMOUS_NAME = "anonymous"


@dataclass(frozen=True)
class Sight:
    """What decides, of one principal. `tags` None: any."""

    may_all: bool
    is_anonymous: bool
    identities: frozenset[str]
    owners: frozenset[str]
    tags: frozenset[str] | None

    def allows(
        self, *, created_by: str, permissioned_as: str, runnable_path: str, visible_to_owner: bool, tag: str
    ) -> bool:
        """May the principal see a job of its workspace?"""
        if self.tags is not None and tag not in self.tags:
            return False
        if self.may_all:
            return True
        if self.is_anonymous:
            return created_by == ANONYMOUS_NAME
        if permissioned_as in self.identities:
            return True
        return visible_to_owner and "/".join(runnable_path.split("/")[:2]) in self.owners


def sight_of(principal: Principal) -> Sight:
    """The rights in the workspace the principal acts on."""
    owners = {f"f/{name}" for name in principal.folders_read | principal.folders_write | principal.folders_owned}
    identities = {f"g/{name}" for name in principal.groups}
    if principal.is_member and principal.username:
        identities.add(f"u/{principal.username}")
    if principal.email:
        identities.add(principal.email)
    return Sight(
        may_all=principal.may_all,
        is_anonymous=not principal.is_authenticated,
        identities=frozenset(identities),
        owners=frozenset(owners | {name for name in identities if name[1:2] == "/"}),
        tags=scopes.tags_of(principal.scopes),
    )


def condition(principal: Principal) -> tuple[LiteralString, dict[str, Any]]:
    """The rule as SQL over `job AS j` with its parameters. The workspace is the caller's own condition."""
    sight = sight_of(principal)
    parts: list[LiteralString] = []
    parameters: dict[str, Any] = {}
    if sight.tags is not None:
        parts.append("j.tag = ANY(%(sight_tags)s)")
        parameters["sight_tags"] = sorted(sight.tags)
    if sight.is_anonymous:
        parts.append("j.created_by = %(sight_anonymous)s")
        parameters["sight_anonymous"] = ANONYMOUS_NAME
    elif not sight.may_all:
        # Whole segments are compared: f/a must not open f/ab.
        parts.append(
            "(j.permissioned_as = ANY(%(sight_identities)s) OR (j.visible_to_owner AND"
            " split_part(j.runnable_path, '/', 1) || '/' || split_part(j.runnable_path, '/', 2)"
            " = ANY(%(sight_owners)s)))"
        )
        parameters["sight_identities"] = sorted(sight.identities)
        parameters["sight_owners"] = sorted(sight.owners)
    return " AND ".join(parts) or "true", parameters
