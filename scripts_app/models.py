"""Scripts and their versions."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models.functions import Now

from workspaces.fields import JsonField
from workspaces.ids import hash_text
from workspaces.models import Item, ItemQuerySet


class Script(Item):
    """Code at a path. What runs is `head`; earlier versions stay runnable by hash."""

    head_id: int | None
    live_id: int | None

    head = models.ForeignKey("ScriptVersion", null=True, on_delete=models.PROTECT, related_name="+")
    # Newest version whose lock is ready: what a run by path uses while a later one is still being locked.
    live = models.ForeignKey("ScriptVersion", null=True, on_delete=models.PROTECT, related_name="+")
    summary = models.CharField(max_length=500, blank=True, default="")
    language = models.CharField(max_length=20)
    kind = models.CharField(max_length=20, default="script")
    is_template = models.BooleanField(default=False)
    has_main = models.BooleanField(default=True)
    archived_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar = ItemQuerySet["Script"].as_manager()

    class Meta:
        verbose_name = "Script"
        constraints = (
            # An archived script keeps its path in its history; the path itself is free again.
            models.UniqueConstraint(
                fields=["workspace", "path"], condition=models.Q(archived_at=None), name="script_path"
            ),
        )
        indexes = (
            GinIndex(fields=["extra_perms"], name="script_perms"),
            models.Index(fields=["workspace", "-edited_at"], name="script_by_edit"),
        )


class ScriptVersion(models.Model):
    """An immutable state of a script, named by its 64-bit hash (signed here, 16 hex digits outside).

    Only what deploying it finds out changes later: `lock`, `lock_error`, `lock_job_id`.
    """

    hash = models.BigIntegerField(primary_key=True)
    workspace_id = models.CharField(max_length=50)
    script_id: UUID

    script = models.ForeignKey(Script, on_delete=models.CASCADE, related_name="versions")
    path = models.CharField(max_length=255)
    parent_hash = models.BigIntegerField(null=True)
    number = models.PositiveIntegerField()
    summary = models.CharField(max_length=500, blank=True, default="")
    description = models.TextField(blank=True, default="")
    content = models.TextField()
    schema = JsonField(null=True)
    language = models.CharField(max_length=20)
    kind = models.CharField(max_length=20, default="script")
    auto_kind = models.CharField(max_length=20, null=True)
    has_preprocessor = models.BooleanField(default=False)
    lock = models.TextField(null=True)
    lock_error = models.TextField(null=True)
    lock_job_id = models.UUIDField(null=True)
    tag = models.CharField(max_length=255, blank=True, default="")
    timeout_s = models.PositiveIntegerField(null=True)
    priority = models.SmallIntegerField(default=0)
    cache_ttl_s = models.PositiveIntegerField(null=True)
    envs = ArrayField(models.TextField(), default=list)
    visible_to_runner_only = models.BooleanField(default=False)
    on_behalf_of_email = models.CharField(max_length=254, blank=True, default="")
    # The other fields of the API's NewScript, as they came: read back unchanged by the CLI.
    settings = JsonField(default=dict)
    labels = ArrayField(models.CharField(max_length=60), default=list)
    deployment_message = models.CharField(max_length=1000, blank=True, default="")
    created_by = models.CharField(max_length=254)
    created_at = models.DateTimeField(db_default=Now())
    is_deleted = models.BooleanField(default=False)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["script", "number"], name="script_version_number"),)
        indexes = (models.Index(fields=["workspace_id", "path", "-number"], name="script_version_by_path"),)

    def __str__(self) -> str:
        return self.hash_text

    @property
    def hash_text(self) -> str:
        return hash_text(self.hash)

    @property
    def is_ready(self) -> bool:
        return self.lock is not None


class Draft(models.Model):
    """What somebody was typing: one per person and path, dropped on deploy."""

    workspace_id = models.CharField(max_length=50)
    path = models.CharField(max_length=255)
    kind = models.CharField(max_length=10, default="script")
    username = models.CharField(max_length=254)
    value = JsonField()
    base_hash = models.BigIntegerField(null=True)
    edited_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["workspace_id", "kind", "path", "username"], name="draft_of_person"),
        )


class Reference(models.Model):
    """That an item uses another one, parsed when the former is deployed: "who uses this" is a query."""

    workspace_id = models.CharField(max_length=50)
    from_kind = models.CharField(max_length=20)
    from_path = models.CharField(max_length=255)
    to_kind = models.CharField(max_length=20)
    to_path = models.CharField(max_length=255)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["workspace_id", "from_kind", "from_path", "to_kind", "to_path"], name="reference_once"
            ),
        )
        indexes = (models.Index(fields=["workspace_id", "to_kind", "to_path"], name="reference_to"),)


class KeptResult(models.Model):
    """A result that answers equal runs until `expires_at`; `key` is a hash of what makes them equal."""

    key = models.BinaryField(primary_key=True, max_length=32)
    workspace_id = models.CharField(max_length=50)
    result = JsonField()
    expires_at = models.DateTimeField(db_index=True)
