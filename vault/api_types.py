"""`/w/{workspace}/resources/type`."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from ninja import Field, Schema

from vault import resource_types
from vault.models import ResourceType
from vault.resources import types_seen_in
from workspaces.routes import ApiRouter, PageRequest, Role, text

router = ApiRouter(tags=["resource types"])


class EditType(Schema):
    # pydantic has a method `schema`, hence the other name inside
    type_schema: Any = Field(None, alias="schema")
    description: str | None = None
    format_extension: str | None = None
    is_fileset: bool | None = None

    def as_fields(self) -> resource_types.TypeFields:
        return resource_types.TypeFields(
            schema=self.type_schema,
            description=self.description,
            format_extension=self.format_extension,
            is_fileset=self.is_fileset,
        )


class NewType(EditType):
    name: str


@router.get("/list", role=Role.MEMBER, scope="resources:read")
def list_types(request: PageRequest, workspace: str) -> list[dict[str, Any]]:
    """The resource types of the workspace and those of `admins`."""
    return [_shape(each) for each in types_seen_in(workspace)]


@router.get("/listnames", role=Role.MEMBER, scope="resources:read")
def list_names(request: PageRequest, workspace: str) -> list[str]:
    """The names of the resource types."""
    return list(types_seen_in(workspace).values_list("name", flat=True))


@router.get("/get/{name}", role=Role.MEMBER, scope="resources:read")
def get(request: PageRequest, workspace: str, name: str) -> dict[str, Any]:
    """A resource type with its JSON schema."""
    return _shape(resource_types.find_type(request.principal, name))


@router.get("/exists/{name}", role=Role.MEMBER, scope="resources:read")
def exists(request: PageRequest, workspace: str, name: str) -> bool:
    """Is there a type of this name?"""
    return types_seen_in(workspace).filter(name=name).exists()


@router.post("/create", role=Role.DEVELOPER, scope="resources:write")
def create(request: PageRequest, workspace: str, payload: NewType) -> HttpResponse:
    """Make a resource type; 201."""
    resource_types.create_type(payload.name, payload.as_fields(), by=request.principal)
    return text(f"resource type {payload.name} created", 201)


@router.post("/update/{name}", role=Role.ADMIN, scope="resources:write")
def update(request: PageRequest, workspace: str, name: str, payload: EditType) -> HttpResponse:
    """Change what the body names of a type."""
    resource_types.update_type(name, payload.as_fields(), by=request.principal)
    return text(f"resource type {name} updated")


@router.delete("/delete/{name}", role=Role.ADMIN, scope="resources:write")
def delete(request: PageRequest, workspace: str, name: str) -> HttpResponse:
    """Remove a resource type; its resources stay."""
    resource_types.delete_type(name, by=request.principal)
    return text(f"resource type {name} deleted")


def _shape(kind: ResourceType) -> dict[str, Any]:
    shape = {
        "workspace_id": kind.workspace_id,
        "name": kind.name,
        "schema": kind.schema,
        "description": kind.description,
        "format_extension": kind.format_extension,
        "is_fileset": kind.is_fileset,
        "created_by": kind.created_by,
        "edited_at": kind.edited_at,
    }
    return {name: value for name, value in shape.items() if value is not None}
