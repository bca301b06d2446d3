"""Hide a script, bring it back, wipe a version, remove it for good."""

from __future__ import annotations

from django.db import IntegrityError, transaction

from scripts_app.models import Draft, Reference, Script, ScriptVersion
from workspaces import audit, clock
from workspaces.errors import BadRequest
from workspaces.principal import Principal


@transaction.atomic
def archive_script(script: Script, *, by: Principal) -> None:
    """Hide a script from lists and free its path; versions stay runnable by hash. Archived already: nothing happens."""
    now = clock.now()
    live = Script.objects.filter(pk=script.pk, archived_at=None)
    if live.update(archived_at=now):  # guarded: of two at once, one archives and is audited
        script.archived_at = now
        audit.record(by, "scripts.archive", script.path)


@transaction.atomic
def unarchive_script(script: Script, *, by: Principal) -> None:
    """Bring an archived script back to its path. Raises BadRequest when another one lives there now."""
    archived = Script.objects.filter(pk=script.pk).exclude(archived_at=None)
    try:
        with transaction.atomic():
            changed = archived.update(archived_at=None)
    except IntegrityError as error:
        raise BadRequest(
            f"Path conflict for {script.path}: another script lives there now; archive or move that one first"
        ) from error
    if changed:
        script.archived_at = None
        audit.record(by, "scripts.unarchive", script.path)


@transaction.atomic
def wipe_version(version: ScriptVersion, *, by: Principal) -> None:
    """Erase what one version holds; its row stays, so that the history and past runs still name it.

    Of the head this archives the script too: there is nothing left to run by its path.
    """
    erased = {"content": "", "lock": None, "lock_error": None, "schema": None, "description": "", "is_deleted": True}
    if ScriptVersion.objects.filter(pk=version.pk, is_deleted=False).update(**erased):
        for name, value in erased.items():
            setattr(version, name, value)
        audit.record(by, "scripts.delete", version.path, hash=version.hash_text)
        script = Script.objects.select_for_update().get(pk=version.script_id)
        if script.head_id == version.pk:
            archive_script(script, by=by)
        elif script.live_id == version.pk:
            Script.objects.filter(pk=script.pk).update(live=_newest_ready(script))


@transaction.atomic
def delete_script(script: Script, *, by: Principal) -> None:
    """Remove a script with all its versions and drafts; the rows of past runs stay."""
    Script.objects.filter(pk=script.pk).update(head=None, live=None)  # versions are protected while they are named
    where = {"workspace_id": script.workspace_id}
    Reference.objects.filter(**where, from_kind="script", from_path=script.path).delete()
    Draft.objects.filter(**where, kind="script", path=script.path).delete()
    Script.objects.filter(pk=script.pk).delete()
    audit.record(by, "scripts.delete", script.path)


def _newest_ready(script: Script) -> ScriptVersion | None:
    ready = ScriptVersion.objects.filter(script=script, is_deleted=False).exclude(lock=None)
    return ready.order_by("-number").first()
