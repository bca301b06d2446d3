"""What writing a variable and a resource have in common: where it may lie and who may put it there."""

from __future__ import annotations

from typing import Any

from django.db.models import F
from django.db.models.functions import Now

from workspaces import paths, policy
from workspaces.errors import BadRequest, Forbidden
from workspaces.permission import require_scope
from workspaces.principal import Principal

MAX_LABELS = 50


def require_place(by: Principal, path: str, scope: str) -> None:
    """May `by` put an item at `path`? Raises BadRequest for a bad path, Forbidden."""
    try:
        paths.parse_item_path(path)
    except ValueError as error:
        raise BadRequest(str(error)) from error
    policy.require_path(by, "write", path)
    require_scope(by, scope, path)


def require_move(by: Principal, old: str, new: str, extra_perms: dict[str, bool], scope: str) -> None:
    """A move is for owners of the old place who may write at the new one."""
    if not policy.may(by, "own", old, extra_perms):
        policy.require_path(by, "own", old)
    require_place(by, new, scope)


def require_secret_reader(principal: Principal) -> None:
    """Operators see secrets in jobs only. Raises Forbidden."""
    if principal.is_operator and not principal.may_all and principal.kind not in ("job", "system"):
        raise Forbidden("Operators use secrets in jobs and do not read them; ask a developer of the workspace")


def touched(by: Principal) -> dict[str, Any]:
    """Columns of every write."""
    return {"edited_by": by.username or by.email, "edited_at": Now(), "version": F("version") + 1}


def clean_labels(labels: list[str] | None) -> list[str]:
    """Unique, in order. Raises BadRequest."""
    kept = list(dict.fromkeys(label.strip() for label in labels or [] if label.strip()))
    if len(kept) > MAX_LABELS or any(len(label) > 60 for label in kept):
        raise BadRequest(f"At most {MAX_LABELS} labels of up to 60 characters each")
    return kept


def taken(what: str, path: str) -> BadRequest:
    return BadRequest(f"{what} {path} already exists; choose another path or update it")


def shape_of(item: Any, **more: Any) -> dict[str, Any]:
    """What the API shows of any item."""
    shape = {
        "workspace_id": item.workspace_id,
        "path": item.path,
        "description": item.description,
        "extra_perms": item.extra_perms,
        "created_by": item.created_by,
        "edited_at": item.edited_at,
        "edited_by": item.edited_by,
        "labels": item.labels or None,
        "ws_specific": item.ws_specific or None,
        **more,
    }
    return {name: value for name, value in shape.items() if value is not None or name == "value"}
