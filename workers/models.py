"""Read-only views of the job tables for pages, API lists and the admin. They are written by `workers.queue` alone.

The tables are made by SQL (partitions), hence `managed = False`.
"""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from workspaces.fields import JsonField


class Job(models.Model):
    """What to run. `completed` exists once it ended, `queued` until then."""

    id = models.UUIDField(primary_key=True)
    workspace_id = models.CharField(max_length=50)
    kind = models.CharField(max_length=30)
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=254)
    permissioned_as = models.CharField(max_length=254)
    permissioned_as_email = models.CharField(max_length=254)
    end_user_email = models.CharField(max_length=254)
    item_id = models.UUIDField(null=True)
    runnable_path = models.CharField(max_length=255)
    runnable_hash = models.BigIntegerField(null=True)
    language = models.CharField(max_length=20)
    entrypoint = models.CharField(max_length=100)
    raw_code = models.TextField(null=True)
    raw_lock = models.TextField(null=True)
    args = JsonField()
    tag = models.CharField(max_length=255)
    priority = models.SmallIntegerField()
    scheduled_for = models.DateTimeField()
    timeout_s = models.IntegerField(null=True)
    cache_ttl_s = models.IntegerField(null=True)
    parent_id = models.UUIDField(null=True)
    root_id = models.UUIDField(null=True)
    step_path = models.CharField(max_length=255)
    trigger_kind = models.CharField(max_length=20)
    trigger_path = models.CharField(max_length=255)
    visible_to_owner = models.BooleanField()
    is_repeatable = models.BooleanField()
    labels = ArrayField(models.CharField(max_length=60))

    class Meta:
        managed = False
        db_table = "job"


class QueuedJob(models.Model):
    job = models.OneToOneField(
        Job, models.DO_NOTHING, primary_key=True, db_column="id", db_constraint=False, related_name="queued"
    )
    workspace_id = models.CharField(max_length=50)
    tag = models.CharField(max_length=255)
    priority = models.SmallIntegerField()
    scheduled_for = models.DateTimeField()
    created_at = models.DateTimeField()
    ready = models.BooleanField()
    running = models.BooleanField()
    suspend = models.IntegerField()
    suspend_until = models.DateTimeField(null=True)
    worker = models.CharField(max_length=100, null=True)
    attempt = models.SmallIntegerField()
    losses = models.SmallIntegerField()
    started_at = models.DateTimeField(null=True)
    last_ping = models.DateTimeField(null=True)
    mem_peak_kb = models.IntegerField(null=True)
    canceled_by = models.CharField(max_length=254, null=True)
    canceled_reason = models.TextField(null=True)
    canceled_at = models.DateTimeField(null=True)

    class Meta:
        managed = False
        db_table = "job_queue"


class CompletedJob(models.Model):
    job = models.OneToOneField(
        Job, models.DO_NOTHING, primary_key=True, db_column="id", db_constraint=False, related_name="completed"
    )
    workspace_id = models.CharField(max_length=50)
    status = models.CharField(max_length=10)
    result = JsonField(null=True)
    started_at = models.DateTimeField(null=True)
    completed_at = models.DateTimeField()
    duration_ms = models.BigIntegerField()
    mem_peak_kb = models.IntegerField(null=True)
    worker = models.CharField(max_length=100, null=True)
    attempt = models.SmallIntegerField()
    canceled_by = models.CharField(max_length=254, null=True)
    canceled_reason = models.TextField(null=True)
    labels = ArrayField(models.CharField(max_length=60))
    is_deleted = models.BooleanField()

    class Meta:
        managed = False
        db_table = "job_completed"


class Worker(models.Model):
    """A worker process and what it last said of itself."""

    name = models.CharField(primary_key=True, max_length=100)
    host = models.CharField(max_length=255)
    worker_group = models.CharField(max_length=60)
    tags = ArrayField(models.CharField(max_length=255))
    slots = models.SmallIntegerField()
    version = models.CharField(max_length=40)
    sandbox_level = models.CharField(max_length=12)
    sandbox_problem = models.TextField()
    started_at = models.DateTimeField()
    last_ping = models.DateTimeField()
    is_draining = models.BooleanField()
    jobs_executed = models.BigIntegerField()
    running_jobs = models.SmallIntegerField()
    memory_kb = models.IntegerField()
    occupancy = models.FloatField()

    class Meta:
        managed = False
        db_table = "worker"

    def __str__(self) -> str:
        return self.name
