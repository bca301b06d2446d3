"""Scripts as the API writes them."""

from __future__ import annotations

from typing import Any

from scripts_app.models import Script, ScriptVersion
from workspaces.ids import hash_text

_NEVER_SHOWN = frozenset({"is_template"})


def script_json(version: ScriptVersion, script: Script, *, parent_hashes: list[int] | None = None) -> dict[str, Any]:
    """The Script object of one version. `parent_hashes`: its ancestry, newest first."""
    shape = {**summary_json(version, script), "content": version.content, "schema": version.schema}
    if version.lock is not None:
        shape["lock"] = version.lock
    if version.lock_error:
        shape["lock_error_logs"] = version.lock_error
    if parent_hashes:
        shape["parent_hashes"] = [hash_text(number) for number in parent_hashes]
    return shape


def summary_json(version: ScriptVersion, script: Script) -> dict[str, Any]:
    """The Script object without its long texts, as lists write it. What is unset is left out."""
    kept = {name: value for name, value in version.settings.items() if name not in _NEVER_SHOWN}
    optional = {
        "tag": version.tag,
        "timeout": version.timeout_s,
        "priority": version.priority,
        "cache_ttl": version.cache_ttl_s,
        "envs": version.envs,
        "labels": version.labels,
        "on_behalf_of_email": version.on_behalf_of_email,
        "auto_kind": version.auto_kind,
        "visible_to_runner_only": version.visible_to_runner_only,
    }
    is_head = script.head_id == version.hash
    return {
        **kept,
        "workspace_id": version.workspace_id,
        "hash": version.hash_text,
        "path": version.path,
        "summary": version.summary,
        "description": version.description,
        "created_by": version.created_by,
        "created_at": version.created_at,
        "archived": script.archived_at is not None or not is_head,
        "deleted": version.is_deleted,
        "is_template": bool(version.settings.get("is_template")),
        "extra_perms": script.extra_perms,
        "language": version.language,
        "kind": version.kind,
        "starred": False,
        "has_preprocessor": version.has_preprocessor,
        "no_main_func": version.auto_kind == "lib",
        # The CLI compares this strictly with a boolean: left out, it would deploy the script again and again.
        "ws_error_handler_muted": bool(version.settings.get("ws_error_handler_muted")),
        **{name: value for name, value in optional.items() if value},
    }
