"""Resources: what happens to them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet

from vault import items
from vault.models import Resource, ResourceType
from workspaces import audit, policy
from workspaces.errors import BadRequest
from workspaces.jsontext import dumps
from workspaces.principal import Principal
from workspaces.tenants import ADMINS

MAX_VALUE_CHARS = 5_000_000
UNSET: Any = object()


@dataclass(frozen=True)
class NewResource:
    path: str
    value: Any
    resource_type: str
    description: str = ""
    labels: list[str] = field(default_factory=list)
    ws_specific: bool = False


@dataclass(frozen=True)
class Change:
    """None (of `value`: UNSET): as it was."""

    path: str | None = None
    value: Any = UNSET
    resource_type: str | None = None
    description: str | None = None
    labels: list[str] | None = None
    ws_specific: bool | None = None


def find(by: Principal, action: policy.Action, path: str) -> Resource:
    return policy.find(by, action, Resource.objects.all(), path, what="Resource")


@transaction.atomic
def create_resource(new: NewResource, *, by: Principal, update_if_exists: bool = False) -> Resource:
    """Raises BadRequest for a bad or taken path, Forbidden."""
    items.require_place(by, new.path, "resources:write")
    if update_if_exists and Resource.objects.filter(workspace_id=by.workspace_id, path=new.path).exists():
        change = Change(value=new.value, resource_type=new.resource_type, description=new.description or None)
        return update_resource(new.path, change, by=by)
    _require_value(new.path, new.value, new.resource_type)
    try:
        with transaction.atomic():
            resource = Resource.objects.create(
                workspace_id=by.workspace_id,
                path=new.path,
                value=new.value,
                resource_type=new.resource_type,
                description=new.description,
                labels=items.clean_labels(new.labels),
                ws_specific=new.ws_specific,
                created_by=by.username or by.email,
                edited_by=by.username or by.email,
            )
    except IntegrityError as error:
        raise items.taken("Resource", new.path) from error
    audit.record(by, "resources.create", new.path, resource_type=new.resource_type)
    return resource


@transaction.atomic
def update_resource(path: str, change: Change, *, by: Principal) -> Resource:
    """Raises NotFound, Forbidden, BadRequest."""
    find(by, "write", path)
    resource = Resource.objects.select_for_update().get(workspace_id=by.workspace_id, path=path)
    if change.path is not None and change.path != path:
        items.require_move(by, path, change.path, resource.extra_perms, "resources:write")
        resource.path = change.path
    if change.value is not UNSET:
        resource.value = change.value
    for name in ("resource_type", "description", "ws_specific"):
        if (value := getattr(change, name)) is not None:
            setattr(resource, name, value)
    if change.labels is not None:
        resource.labels = items.clean_labels(change.labels)
    _require_value(resource.path, resource.value, resource.resource_type)
    for name, value in items.touched(by).items():
        setattr(resource, name, value)
    try:
        with transaction.atomic():
            resource.save()
    except IntegrityError as error:
        raise items.taken("Resource", resource.path) from error
    audit.record(by, "resources.update", resource.path, old_path=path if resource.path != path else "")
    return resource


@transaction.atomic
def delete_resource(path: str, *, by: Principal) -> None:
    find(by, "write", path).delete()
    audit.record(by, "resources.delete", path)


def types_seen_in(workspace_id: str) -> QuerySet[ResourceType, ResourceType]:
    """The workspace's types and those of `admins`; of two with a name, the workspace's own counts."""
    own = ResourceType.objects.filter(workspace_id=workspace_id).values("name")
    shared = Q(workspace_id=ADMINS) & ~Q(name__in=own)
    return ResourceType.objects.filter(Q(workspace_id=workspace_id) | shared).order_by("name")


def _require_value(path: str, value: Any, resource_type: str) -> None:
    if not resource_type or len(resource_type) > 100:
        raise BadRequest(f"Resource {path} needs the name of a resource type, of at most 100 characters")
    if len(dumps(value)) > MAX_VALUE_CHARS:
        raise BadRequest(f"The value of {path} is larger than {MAX_VALUE_CHARS:,} characters; store less in it")
