"""Versions as values: their names, and what two of them have in common."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from uuid import UUID

from scripts_app.models import ScriptVersion
from scripts_app.new_script import NewScript
from workspaces.jsontext import dumps


def version_hash(workspace_id: str, script_id: UUID, new: NewScript, *, parent_hash: int | None) -> int:
    """The signed 64-bit name of a version.

    The script's id is in it: who archives a path and later deploys the same text there again makes another version.
    """
    parts = {"workspace": workspace_id, "script": str(script_id), "parent": parent_hash, **_compared(new)}
    return int.from_bytes(hashlib.sha256(dumps(parts).encode()).digest()[:8], "big", signed=True)


def is_same(new: NewScript, version: ScriptVersion) -> bool:
    """Would deploying `new` change nothing? What it leaves to the server (lock, schema) is not compared."""
    live = new_script_of(version)
    if new.lock is None:
        live = replace(live, lock=None)
    elif (live.lock or "").strip() == new.lock.strip():
        live = replace(live, lock=new.lock)
    if new.schema is None:
        live = replace(live, schema=None)
    return _compared(new) == _compared(live)


def new_script_of(version: ScriptVersion) -> NewScript:
    """What somebody would send to deploy `version` as it is."""
    return NewScript(
        path=version.path,
        content=version.content,
        language=version.language,
        summary=version.summary,
        description=version.description,
        schema=version.schema,
        kind=version.kind,
        is_template=bool(version.settings.get("is_template")),
        lock=version.lock,
        tag=version.tag,
        timeout_s=version.timeout_s,
        priority=version.priority,
        cache_ttl_s=version.cache_ttl_s,
        envs=tuple(version.envs),
        visible_to_runner_only=version.visible_to_runner_only,
        on_behalf_of_email=version.on_behalf_of_email,
        labels=tuple(version.labels),
        settings={key: value for key, value in version.settings.items() if key != "is_template"},
        is_library=version.auto_kind == "lib",
    )


def _compared(new: NewScript) -> dict[str, object]:
    unlike = {"parent_hash", "auto_parent", "preserve_on_behalf_of", "deployment_message", "keep_draft", "is_library"}
    return {name: value for name, value in vars(new).items() if name not in unlike}
