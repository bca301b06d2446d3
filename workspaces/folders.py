"""Folders: who may read and write what lies in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction

from workspaces import audit, paths
from workspaces.errors import BadRequest, Forbidden, NotFound
from workspaces.models import Folder
from workspaces.owners import require_owner_keys
from workspaces.principal import Principal

MAX_LABELS = 50


@dataclass(frozen=True)
class FolderFields:
    """None: as it was, or the default."""

    owners: list[str] | None = None
    extra_perms: dict[str, bool] | None = None
    summary: str | None = None
    display_name: str | None = None
    labels: list[str] | None = None


def find_folder(name: str, *, by: Principal) -> Folder:
    """A folder `by` may see: one it is in, any for admins. Raises NotFound."""
    folder = Folder.objects.filter(workspace_id=by.workspace_id, name=name).first()
    if folder is None or not _sees(by, folder):
        raise NotFound(f"Folder not found at name {name[:100]}")
    return folder


def visible_folders(by: Principal) -> list[Folder]:
    rows = Folder.objects.filter(workspace_id=by.workspace_id).order_by("name")
    if not by.may_all:
        rows = rows.filter(name__in=by.folders_read | by.folders_write)
    return list(rows)


@transaction.atomic
def create_folder(name: str, fields: FolderFields, *, by: Principal) -> Folder:
    """Its maker becomes an owner. Raises BadRequest for a bad or taken name."""
    if not paths.FOLDER.match(name) or len(name) > 60:
        raise BadRequest(f'"{name[:60]}" is not a folder name; use up to 60 letters, digits, "_" and "-"')
    me = f"u/{by.username}"
    owners: list[str] = list(dict.fromkeys([*(fields.owners or []), *([me] if by.is_member else [])]))
    folder = Folder(workspace_id=by.workspace_id, name=name, created_by=by.username)
    _apply(folder, fields, owners)
    try:
        with transaction.atomic():
            folder.save()
    except IntegrityError as error:
        raise BadRequest(f"Folder {name} already exists; change it or choose another name") from error
    audit.record(by, "folder.create", name)
    return folder


@transaction.atomic
def update_folder(name: str, fields: FolderFields, *, by: Principal) -> Folder:
    """Owners and admins. An owner who is no admin cannot leave the owners."""
    folder = owned_folder(name, by=by)
    owners = folder.owners if fields.owners is None else list(dict.fromkeys(fields.owners))
    if not by.may_all and not by.owner_keys & set(owners):
        owners = [*owners, f"u/{by.username}"]
    _apply(folder, fields, owners)
    folder.save()
    audit.record(by, "folder.update", name)
    return folder


@transaction.atomic
def delete_folder(name: str, *, by: Principal) -> None:
    """What lies in it keeps its path; only admins reach it until there is a folder of that name again."""
    owned_folder(name, by=by).delete()
    audit.record(by, "folder.delete", name)


@transaction.atomic
def add_owner(name: str, owner: str, *, by: Principal) -> None:
    folder = owned_folder(name, by=by)
    require_owner_keys(str(by.workspace_id), [owner])
    folder.owners = list(dict.fromkeys([*folder.owners, owner]))
    folder.extra_perms = {**folder.extra_perms, owner: True}
    folder.save()
    audit.record(by, "folder.add_owner", name, owner=owner)


@transaction.atomic
def remove_owner(name: str, owner: str, *, by: Principal, write: bool | None = None) -> None:
    """No longer an owner; `write` says what right stays (None: none)."""
    folder = owned_folder(name, by=by)
    folder.owners = [each for each in folder.owners if each != owner]
    folder.extra_perms = {key: may for key, may in folder.extra_perms.items() if key != owner}
    if write is not None:
        folder.extra_perms = {**folder.extra_perms, owner: write}
    folder.save()
    audit.record(by, "folder.remove_owner", name, owner=owner)


def owned_folder(name: str, *, by: Principal) -> Folder:
    """Raises NotFound if unseen, Forbidden if it is not `by`'s to manage. Locks the row."""
    find_folder(name, by=by)
    if not by.may_all and (name not in by.folders_owned or by.is_operator):
        raise Forbidden(f"{by.username} is no owner of folder {name}; ask one of its owners")
    return Folder.objects.select_for_update().get(workspace_id=by.workspace_id, name=name)


def _sees(by: Principal, folder: Folder) -> bool:
    return by.may_all or folder.name in by.folders_read | by.folders_write


def _apply(folder: Folder, fields: FolderFields, owners: list[str]) -> None:
    perms = folder.extra_perms if fields.extra_perms is None else fields.extra_perms
    require_owner_keys(folder.workspace_id, [*owners, *perms])  # type: ignore[attr-defined]
    folder.owners = owners
    folder.extra_perms = {**perms, **dict.fromkeys(owners, True)}
    simple: dict[str, Any] = {"summary": fields.summary, "display_name": fields.display_name}
    for name, value in simple.items():
        if value is not None:
            setattr(folder, name, value)
    if fields.labels is not None:
        folder.labels = list(dict.fromkeys(fields.labels))[:MAX_LABELS]
