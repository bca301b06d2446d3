"""Which tags a caller may ask for. Source: Windmill's rules for assignable tags.

The instance setting `custom_tags` lists them: `gpu`, `gpu(ws1+ws2)` only for these workspaces, `gpu(^ws1^ws2)` for all
but these. Tags of languages and kinds are always allowed, superadmins may use any.
"""

from __future__ import annotations

import json
from typing import Any

from psycopg import AsyncConnection

from workers.languages import LANGUAGES
from workspaces.errors import BadRequest
from workspaces.principal import Principal

KIND_TAGS = frozenset({"dependency", "flow", "hub", "other", "noop"})
_READ = "SELECT value::text FROM workspaces_setting WHERE name = 'custom_tags'"


def default_tags() -> frozenset[str]:
    return KIND_TAGS | LANGUAGES.keys()


def is_allowed(tag: str, workspace_id: str, custom_tags: list[str]) -> bool:
    """Does the list `custom_tags` give `tag` to the workspace?

    >>> is_allowed("gpu", "ops", ["gpu(ops+lab)"]), is_allowed("gpu", "ops", ["gpu(^ops)"])
    (True, False)
    """
    for entry in custom_tags:
        name, limited, rest = entry.partition("(")
        if name.strip() != tag:
            continue
        listed = rest.rstrip(") ")
        if not limited:
            return True
        if listed.startswith("^"):
            return workspace_id not in [each.strip() for each in listed.split("^")]
        return workspace_id in [each.strip() for each in listed.split("+")]
    return False


def is_free(principal: Principal, tag: str) -> bool:
    """May the principal use `tag` ("" too: none asked for) whatever the instance lists?"""
    return not tag or tag in default_tags() or principal.is_superadmin


async def require(conn: AsyncConnection[Any], principal: Principal, tag: str) -> None:
    """Raises BadRequest when the principal may not send jobs to workers of `tag`."""
    if is_free(principal, tag):
        return
    if not is_allowed(tag, principal.workspace_id or "", await custom_tags(conn)):
        raise BadRequest(
            f"The tag {tag[:80]!r} is not allowed in workspace {principal.workspace_id};"
            " a superadmin can add it to the instance setting custom_tags"
        )


async def custom_tags(conn: AsyncConnection[Any]) -> list[str]:
    """The instance's list, empty when unset."""
    row = await (await conn.execute(_READ)).fetchone()
    listed = json.loads(row[0]) if row else None
    return [each for each in listed if isinstance(each, str)] if isinstance(listed, list) else []
