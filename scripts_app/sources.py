"""The source of a version, for the page of a job that ran it."""

from __future__ import annotations

from scripts_app.models import ScriptVersion


def source_of(workspace_id: str, hash: int) -> str:
    """The code; "" when the version was deleted."""
    found = ScriptVersion.objects.filter(workspace_id=workspace_id, hash=hash, is_deleted=False)
    return found.values_list("content", flat=True).first() or ""
