"""Access lists of items: `extra_perms`, by kind of item. Rooms above register the kinds they own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from workspaces import audit, folders, groups, policy
from workspaces.errors import BadRequest, Forbidden, NotFound
from workspaces.owners import require_owner_keys
from workspaces.principal import Principal

# The kinds of Windmill's API; those without rows here answer "not found".
KINDS = frozenset(
    {"script", "group_", "resource", "schedule", "variable", "flow", "folder", "app", "raw_app", "volume"}
    | {
        f"{kind}_trigger"
        for kind in ("http", "websocket", "kafka", "nats", "postgres", "mqtt", "amqp", "gcp", "azure", "sqs", "email")
    }
)
_items: dict[str, Callable[[], QuerySet[Any, Any]]] = {}


def register_kind(kind: str, rows: Callable[[], QuerySet[Any, Any]]) -> None:
    """Items of `kind` (`script`, `variable`, …) are found in `rows()`, live ones only."""
    _items[kind] = rows


def get_acl(kind: str, path: str, *, by: Principal) -> dict[str, bool]:
    """The access list of a thing `by` may read."""
    return dict(_find(kind, path, by=by, to="read").extra_perms)


@transaction.atomic
def set_acl(kind: str, path: str, owner: str, *, write: bool, by: Principal) -> None:
    """Let `owner` read, or write too. For owners of the thing. Raises BadRequest, NotFound, Forbidden."""
    item = _find(kind, path, by=by, to="own")
    require_owner_keys(str(by.workspace_id), [owner])
    item.extra_perms = {**item.extra_perms, owner: write}
    item.save(update_fields=["extra_perms"])
    audit.record(by, f"{kind.rstrip('_')}.update", path, owner=owner, write=write)


@transaction.atomic
def remove_acl(kind: str, path: str, owner: str, *, by: Principal) -> None:
    item = _find(kind, path, by=by, to="own")
    item.extra_perms = {key: may for key, may in item.extra_perms.items() if key != owner}
    item.save(update_fields=["extra_perms"])
    audit.record(by, f"{kind.rstrip('_')}.update", path, removed=owner)


def _find(kind: str, path: str, *, by: Principal, to: policy.Action) -> Any:
    if kind not in KINDS:
        raise BadRequest(f'"{kind[:40]}" is not a kind of item; use one of {", ".join(sorted(KINDS))}')
    name = path.removeprefix("f/") if kind == "folder" else path.removeprefix("g/")
    if kind == "folder":
        return folders.find_folder(name, by=by) if to == "read" else folders.owned_folder(name, by=by)
    if kind == "group_":
        return groups.find_group(name, by=by) if to == "read" else groups.managed_group(name, by=by)
    rows = _items.get(kind)
    if rows is None:
        raise NotFound(f"{kind} not found at path {path}")
    found = policy.find(by, "read", rows(), path, what=kind.capitalize())
    if to == "own" and not policy.may(by, "own", path, {}):
        raise Forbidden(f"Only owners share {path}; ask an owner of {'/'.join(path.split('/')[:2])}")
    return type(found).objects.select_for_update().get(pk=found.pk) if to == "own" else found
