"""Resource types: a name with a JSON schema, the workspace's own or, in `admins`, everybody's."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction

from vault.models import ResourceType
from vault.resources import types_seen_in
from workspaces import audit
from workspaces.errors import BadRequest, NotFound
from workspaces.principal import Principal

_NAME = re.compile(r"\A[\w-]{1,100}\Z", re.ASCII)


@dataclass(frozen=True)
class TypeFields:
    """None: as it was, or the default."""

    schema: Any = None
    description: str | None = None
    format_extension: str | None = None
    is_fileset: bool | None = None


def find_type(by: Principal, name: str) -> ResourceType:
    found = types_seen_in(str(by.workspace_id)).filter(name=name).first()
    if found is None:
        raise NotFound(f"Resource type not found at name {name[:100]}")
    return found


@transaction.atomic
def create_type(name: str, fields: TypeFields, *, by: Principal) -> ResourceType:
    """Raises BadRequest for a bad or taken name."""
    if not _NAME.match(name):
        raise BadRequest(f'"{name[:100]}" is not a name of a resource type; use letters, digits, "_" and "-"')
    try:
        with transaction.atomic():
            made = ResourceType.objects.create(
                workspace_id=by.workspace_id,
                name=name,
                schema=fields.schema,
                description=fields.description or "",
                format_extension=fields.format_extension,
                is_fileset=bool(fields.is_fileset),
                created_by=by.username or by.email,
            )
    except IntegrityError as error:
        raise BadRequest(f"Resource type {name} already exists; update it") from error
    audit.record(by, "resource_types.create", name)
    return made


@transaction.atomic
def update_type(name: str, fields: TypeFields, *, by: Principal) -> ResourceType:
    kept = _own(by, name)
    for field in ("schema", "description", "format_extension", "is_fileset"):
        if (value := getattr(fields, field)) is not None:
            setattr(kept, field, value)
    kept.save()
    audit.record(by, "resource_types.update", name)
    return kept


@transaction.atomic
def delete_type(name: str, *, by: Principal) -> None:
    _own(by, name).delete()
    audit.record(by, "resource_types.delete", name)


def _own(by: Principal, name: str) -> ResourceType:
    found = ResourceType.objects.filter(workspace_id=by.workspace_id, name=name).first()
    if found is None:
        raise NotFound(f"Resource type not found at name {name[:100]} of this workspace; types of admins change there")
    return found
