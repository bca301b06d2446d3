"""Give a workspace a new key and move its secrets to it, a batch at a time; can be stopped and run again."""

from __future__ import annotations

from django.db import transaction

from vault import crypto, keys, sealing
from vault.models import Variable
from workspaces import audit
from workspaces.principal import Principal

BATCH = 200


def rotate(workspace_id: str, *, by: Principal) -> int:
    """A new key; the number of secrets that were sealed again. Reads work all the while."""
    keys.next_key(workspace_id)
    audit.record(by, "workspaces.rotate_encryption_key", workspace_id)
    return finish(workspace_id)


def finish(workspace_id: str) -> int:
    """Seal what is still under an older key under the newest: the rest of a rotation that was stopped."""
    newest = keys.current_key(workspace_id).number
    secrets = Variable.objects.filter(workspace_id=workspace_id, is_secret=True).order_by("id")
    done, after = 0, None
    while batch := list((secrets.filter(id__gt=after) if after else secrets).values_list("id", flat=True)[:BATCH]):
        done += _move(batch, newest)
        after = batch[-1]
    return done


@transaction.atomic
def _move(ids: list[object], newest: int) -> int:
    moved = 0
    for row in Variable.objects.select_for_update().filter(id__in=ids, is_secret=True).order_by("id"):
        if crypto.number_of(row.value) == newest:
            continue
        text = sealing.open_variable(row.workspace_id, row.path, row.value)
        row.value = sealing.seal_variable(row.workspace_id, row.path, text)
        row.save(update_fields=["value"])
        moved += 1
    return moved
