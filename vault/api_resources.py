"""`/w/{workspace}/resources`."""

from __future__ import annotations

import base64
import json
from typing import Any

from django.db.models import JSONField
from django.db.models.functions import Cast
from django.http import HttpResponse
from ninja import Query, Schema

from vault import items, references, resources
from vault.contextual import context_of
from vault.models import Resource
from workspaces import policy
from workspaces.errors import BadRequest
from workspaces.jsontext import dumps
from workspaces.paging import Page
from workspaces.routes import ApiRouter, PageRequest, Role, json_text, text

router = ApiRouter(tags=["resources"])


class NewResource(Schema):
    path: str
    value: Any
    resource_type: str
    description: str | None = None
    labels: list[str] | None = None
    ws_specific: bool | None = None


class EditResource(Schema):
    path: str | None = None
    value: Any = None
    resource_type: str | None = None
    description: str | None = None
    labels: list[str] | None = None
    ws_specific: bool | None = None


class NewValue(Schema):
    value: Any = None


class Filters(Schema):
    resource_type: str | None = None
    resource_type_exclude: str | None = None
    path: str | None = None
    path_start: str | None = None
    description: str | None = None
    value: str | None = None
    broad_filter: str | None = None
    label: str | None = None


@router.get("/list", role=Role.MEMBER, scope="resources:read")
def list_resources(
    request: PageRequest, workspace: str, page: Query[Page], filters: Query[Filters]
) -> list[dict[str, Any]]:
    """Readable resources by path; references in values are left as written."""
    rows = _filtered(policy.visible(request.principal, Resource.objects.all()), filters)
    return [_shape(row, request) for row in page.of(rows.order_by("path"))]


@router.get("/list_names/{name}", role=Role.MEMBER, scope="resources:read")
def list_names(request: PageRequest, workspace: str, name: str) -> list[dict[str, str]]:
    """Paths of the readable resources of a type."""
    rows = policy.visible(request.principal, Resource.objects.all()).filter(resource_type=name)
    return [{"name": path, "path": path} for path in rows.order_by("path").values_list("path", flat=True)[:10_000]]


@router.get("/get/{path:path}", role=Role.MEMBER, scope="resources:read")
def get(request: PageRequest, workspace: str, path: str) -> dict[str, Any]:
    """The resource with its value as it was written."""
    return _shape(resources.find(request.principal, "read", path), request)


@router.get("/get_value/{path:path}", role=Role.MEMBER, scope="resources:read")
def get_value(request: PageRequest, workspace: str, path: str) -> HttpResponse:
    """The value alone, as it was written."""
    resource = resources.find(request.principal, "read", path)
    items.require_secret_reader(request.principal)
    return json_text(dumps(resource.value))


@router.get("/get_value_interpolated/{path:path}", role=Role.MEMBER, scope="resources:read")
def get_value_interpolated(
    request: PageRequest, workspace: str, path: str, job_id: str | None = None, allow_cache: bool = False
) -> HttpResponse:
    """The value with its references filled in under the caller's rights."""
    resource = resources.find(request.principal, "read", path)
    items.require_secret_reader(request.principal)
    found = references.resolve_sync(
        request.principal, workspace, dumps(resource.value), arg=path, context=context_of(request.principal)
    )
    return json_text(found.text)


@router.get("/exists/{path:path}", role=Role.MEMBER, scope="resources:read")
def exists(request: PageRequest, workspace: str, path: str) -> bool:
    """Is there a readable resource at the path?"""
    return policy.visible(request.principal, Resource.objects.all()).filter(path=path).exists()


@router.post("/create", role=Role.DEVELOPER, scope="resources:write", scope_path="view")
def create(request: PageRequest, workspace: str, payload: NewResource, update_if_exists: bool = False) -> HttpResponse:
    """Make a resource; 201."""
    new = resources.NewResource(
        path=payload.path,
        value=payload.value,
        resource_type=payload.resource_type,
        description=payload.description or "",
        labels=payload.labels or [],
        ws_specific=bool(payload.ws_specific),
    )
    resources.create_resource(new, by=request.principal, update_if_exists=update_if_exists)
    return text(f"resource {payload.path} created", 201)


@router.post("/update/{path:path}", role=Role.DEVELOPER, scope="resources:write")
def update(request: PageRequest, workspace: str, path: str, payload: EditResource) -> HttpResponse:
    """Change what the body names of a resource."""
    change = resources.Change(**payload.dict(exclude_unset=True))
    resource = resources.update_resource(path, change, by=request.principal)
    return text(f"resource {resource.path} updated")


@router.post("/update_value/{path:path}", role=Role.DEVELOPER, scope="resources:write")
def update_value(request: PageRequest, workspace: str, path: str, payload: NewValue) -> HttpResponse:
    """Replace the value alone."""
    resources.update_resource(path, resources.Change(value=payload.value), by=request.principal)
    return text(f"value of resource {path} updated")


@router.delete("/delete/{path:path}", role=Role.DEVELOPER, scope="resources:write")
def delete(request: PageRequest, workspace: str, path: str) -> HttpResponse:
    """Remove a resource."""
    resources.delete_resource(path, by=request.principal)
    return text(f"resource {path} deleted")


@router.get("/file_resource_type_to_file_ext_map", role=Role.MEMBER, scope="resources:read")
def file_extensions(request: PageRequest, workspace: str) -> dict[str, dict[str, Any]]:
    """Types whose value is one file (extension) or several (fileset)."""
    kinds = resources.types_seen_in(workspace).exclude(format_extension=None, is_fileset=False)
    return {kind.name: {"format_extension": kind.format_extension, "is_fileset": kind.is_fileset} for kind in kinds}


def _filtered(rows: Any, filters: Filters) -> Any:
    if filters.resource_type:
        rows = rows.filter(resource_type__in=filters.resource_type.split(","))
    if filters.resource_type_exclude:
        rows = rows.exclude(resource_type__in=filters.resource_type_exclude.split(","))
    if filters.path:
        rows = rows.filter(path=filters.path)
    if filters.path_start:
        rows = rows.filter(path__startswith=filters.path_start)
    if filters.description:
        rows = rows.filter(description__icontains=filters.description)
    if filters.broad_filter:
        rows = rows.filter(path__icontains=filters.broad_filter)
    if filters.label:
        rows = rows.filter(labels__overlap=filters.label.split(","))
    if filters.value:
        rows = rows.annotate(value_binary=Cast("value", JSONField())).filter(
            value_binary__contains=_subset(filters.value)
        )
    return rows


def _subset(encoded: str) -> Any:
    try:
        return json.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    except ValueError:
        raise BadRequest("The filter value must be base64 of JSON") from None


def _shape(resource: Resource, request: PageRequest) -> dict[str, Any]:
    by = request.principal
    hides_value = by.is_operator and not by.may_all and by.kind != "job"
    return items.shape_of(
        resource,
        value=None if hides_value else resource.value,
        resource_type=resource.resource_type,
        is_oauth=False,
    )
