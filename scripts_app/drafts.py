"""Drafts: what a person was typing at a path, kept until they deploy or discard it."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from scripts_app.models import Draft
from workspaces import clock
from workspaces.errors import BadRequest, NotFound, TooLarge
from workspaces.jsontext import clean, dumps
from workspaces.paths import parse_item_path
from workspaces.principal import Principal

KINDS = ("script", "flow", "app")
MAX_CHARS = 8_000_000


@transaction.atomic
def save_draft(path: str, value: Any, *, by: Principal, kind: str = "script", base_hash: int | None = None) -> Draft:
    """Keep `value` as what `by` is typing at `path`, in place of what was kept before."""
    try:
        parse_item_path(path)
    except ValueError as error:
        raise BadRequest(str(error)) from error
    if kind not in KINDS:
        raise BadRequest(f'A draft is of a {", ".join(KINDS[:-1])} or {KINDS[-1]}, not of "{kind[:40]}"')
    if value is None:
        raise BadRequest(f"The draft of {path} is null; send what was typed, or delete the draft")
    text = dumps(value)
    if len(text) > MAX_CHARS:
        raise TooLarge(f"The draft of {path} has {len(text):,} characters; at most {MAX_CHARS:,} are kept")
    kept = clean(text, max_bytes=4 * MAX_CHARS)[1]
    values: dict[str, Any] = {"value": kept, "base_hash": base_hash, "edited_at": clock.now()}
    draft, _ = Draft.objects.update_or_create(defaults=values, **_key(by.workspace_id or "", path, by, kind))
    return draft


def find_draft(path: str, *, by: Principal, kind: str = "script") -> Draft | None:
    """The draft `by` has at `path`; another person's is never seen."""
    return Draft.objects.filter(**_key(by.workspace_id or "", path, by, kind)).first()


def delete_draft(path: str, *, by: Principal, kind: str = "script") -> None:
    """Discard a draft. Raises NotFound."""
    if not drop_draft(by.workspace_id or "", path, by=by, kind=kind):
        raise NotFound(f"draft not found at path {path}")


def drop_draft(workspace_id: str, path: str, *, by: Principal, kind: str = "script") -> bool:
    """Discard a draft if there is one; answers whether there was."""
    deleted, _ = Draft.objects.filter(**_key(workspace_id, path, by, kind)).delete()
    return bool(deleted)


def _key(workspace_id: str, path: str, by: Principal, kind: str) -> dict[str, Any]:
    return {"workspace_id": workspace_id, "kind": kind, "path": path, "username": by.username or by.email}
