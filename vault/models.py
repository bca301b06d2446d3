"""Variables, resources and their types, and the key of each workspace."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.indexes import GinIndex
from django.db import models

from workspaces.fields import JsonField
from workspaces.models import Item, ItemQuerySet, Workspace


class WorkspaceKey(models.Model):
    """The data key of a workspace (AES-256), sealed under the instance's key. `number` grows with each rotation."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+")
    number = models.PositiveIntegerField(default=1)
    sealed_key = models.BinaryField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["workspace", "number"], name="workspace_key_number"),)


class Variable(Item):
    """Named text. A secret's `value` is sealed under the workspace's key and never leaves in lists, logs or HTML."""

    value = models.TextField(blank=True)
    is_secret = models.BooleanField(default=False)
    description = models.TextField(blank=True, default="")
    account = models.BigIntegerField(null=True, blank=True)
    is_oauth = models.BooleanField(default=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    ws_specific = models.BooleanField(default=False)

    objects: ClassVar = ItemQuerySet["Variable"].as_manager()

    class Meta:
        verbose_name = "Variable"
        constraints = (models.UniqueConstraint(fields=["workspace", "path"], name="variable_path"),)
        indexes = (GinIndex(fields=["extra_perms"], name="variable_perms"),)


class Resource(Item):
    """Structured connection data of a `resource_type`; `$var:` and `$res:` references are kept as written."""

    value = JsonField(null=True, blank=True)
    resource_type = models.CharField(max_length=100)
    description = models.TextField(blank=True, default="")
    ws_specific = models.BooleanField(default=False)

    objects: ClassVar = ItemQuerySet["Resource"].as_manager()

    class Meta:
        verbose_name = "Resource"
        constraints = (models.UniqueConstraint(fields=["workspace", "path"], name="resource_path"),)
        indexes = (
            GinIndex(fields=["extra_perms"], name="resource_perms"),
            models.Index(fields=["workspace", "resource_type"], name="resource_by_type"),
        )


class ResourceType(models.Model):
    """A JSON schema with a name. Those of workspace `admins` are seen everywhere."""

    workspace_id: str

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=100)
    schema = JsonField(null=True, blank=True)
    description = models.TextField(blank=True, default="")
    format_extension = models.CharField(max_length=20, null=True, blank=True)
    is_fileset = models.BooleanField(default=False)
    created_by = models.CharField(max_length=254)
    edited_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["workspace", "name"], name="resource_type_name"),)

    def __str__(self) -> str:
        return self.name
