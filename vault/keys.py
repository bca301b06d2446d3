"""Keys of workspaces: made on first use, sealed under the instance's key, rotated by number.

Old keys stay, so that what is on its way (arguments of queued jobs) still opens; values move to the newest.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

from django.conf import settings
from django.db import transaction

from vault import crypto
from vault.models import WorkspaceKey
from workspaces.errors import Internal


@dataclass(frozen=True)
class Key:
    number: int
    secret: bytes = field(repr=False)


def current_key(workspace_id: str) -> Key:
    """The newest key, made if there is none. Read each time: another process may have rotated."""
    row = WorkspaceKey.objects.filter(workspace_id=workspace_id).order_by("-number").first()
    return opened(workspace_id, row.number, bytes(row.sealed_key)) if row else _make(workspace_id, 1)


def key_of(workspace_id: str, number: int) -> Key | None:
    """Key `number`; None when the workspace has none such."""
    row = WorkspaceKey.objects.filter(workspace_id=workspace_id, number=number).first()
    return opened(workspace_id, number, bytes(row.sealed_key)) if row else None


@transaction.atomic
def next_key(workspace_id: str) -> Key:
    """A new key that seals from now on."""
    return _make(workspace_id, current_key(workspace_id).number + 1)


@lru_cache(maxsize=1024)
def opened(workspace_id: str, number: int, sealed: bytes) -> Key:
    """The key behind a row. Raises Internal when this host has another instance key."""
    try:
        return Key(number, crypto.open_key(_master(), sealed, workspace_id, number))
    except crypto.CannotOpen as error:
        raise Internal(
            f"The secrets of workspace {workspace_id} were sealed under another instance key; "
            "set INSTANCE_KEY to the same value on every host"
        ) from error


def _make(workspace_id: str, number: int) -> Key:
    secret = crypto.new_key()
    sealed = crypto.seal_key(_master(), secret, workspace_id, number)
    row, _ = WorkspaceKey.objects.get_or_create(
        workspace_id=workspace_id, number=number, defaults={"sealed_key": sealed}
    )
    return opened(workspace_id, number, bytes(row.sealed_key))  # of two at once, the first one's counts


@lru_cache(maxsize=1)
def _master_of(instance_key: str) -> bytes:
    return crypto.master_key(instance_key)


def _master() -> bytes:
    return _master_of(settings.INSTANCE_KEY)
