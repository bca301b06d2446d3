"""The versions of a script, newest first, and the messages they were deployed with."""

from __future__ import annotations

from django.db import models, transaction
from django.db.models import QuerySet

from scripts_app.models import Script, ScriptVersion
from workspaces import audit
from workspaces.errors import BadRequest
from workspaces.principal import Principal


def versions_of(script: Script) -> QuerySet[ScriptVersion, ScriptVersion]:
    """All versions of a script without their long texts."""
    rows = ScriptVersion.objects.filter(script=script).defer("content", "schema", "lock", "description", "settings")
    return rows.order_by("-number").fetch_mode(models.FETCH_RAISE)


def ancestry(version: ScriptVersion) -> list[int]:
    """The hashes before this version, newest first. A lineage is linear, so they are the lower numbers."""
    before = ScriptVersion.objects.filter(script_id=version.script_id, number__lt=version.number)
    return list(before.order_by("-number").values_list("hash", flat=True))


@transaction.atomic
def change_message(version: ScriptVersion, message: str, *, by: Principal) -> None:
    """Rewrite the message a version was deployed with."""
    if len(message) > 1000:
        raise BadRequest(f"The deployment message has {len(message):,} characters; at most 1,000 are allowed")
    version.deployment_message = message
    version.save(update_fields=["deployment_message"])
    audit.record(by, "scripts.update_message", version.path, hash=version.hash_text)
