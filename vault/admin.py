"""Variables and resources in Django's admin: that they are there, never what is in them."""

from __future__ import annotations

from django.contrib import admin

from vault.models import Resource, ResourceType, Variable
from workspaces.admin import ReadOnly


@admin.register(Variable)
class VariableAdmin(ReadOnly):
    list_display = ("path", "workspace", "is_secret", "edited_by", "edited_at")
    list_filter = ("is_secret", "workspace")
    search_fields = ("path",)
    exclude = ("value",)


@admin.register(Resource)
class ResourceAdmin(ReadOnly):
    list_display = ("path", "workspace", "resource_type", "edited_by", "edited_at")
    list_filter = ("resource_type", "workspace")
    search_fields = ("path",)
    exclude = ("value",)


@admin.register(ResourceType)
class ResourceTypeAdmin(ReadOnly):
    list_display = ("name", "workspace", "format_extension", "edited_at")
    search_fields = ("name",)
