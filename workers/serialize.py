"""Job objects as the API writes them. Pure. Source: Windmill's API, QueuedJob and CompletedJob.

Stored JSON (args, results) is passed on as text, so that key order and the spelling of numbers survive.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from workers.job_rows import JobRow
from workspaces.ids import hash_text
from workspaces.jsontext import dumps

ABSENT = object()


def timestamp(moment: datetime | None) -> str | None:
    """RFC 3339 in UTC with microseconds."""
    return None if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def job_object(row: JobRow, *, logs: str | None = None, extra: dict[str, Any] | None = None) -> str:
    """The job as JSON text. `args`, `result` and code appear when the row has them; `logs` when given."""
    return with_members(
        dumps(_members(row) | ({"logs": logs} if logs is not None else {}) | (extra or {})),
        args=row.args,
        result=row.result if row.result is not None else "null" if row.is_completed else None,
    )


def list_object(row: JobRow) -> str:
    """The job as lists show it: nothing heavy. `args` only when the list was asked for them."""
    return with_members(dumps(_members(row)), args=row.args)


def with_members(text: str, **members: str | None) -> str:
    """A JSON object's text with members added whose values are JSON text; None adds nothing."""
    added = "".join(f',"{name}":{value}' for name, value in members.items() if value is not None)
    return f"{text[:-1]}{added}}}"


def _members(row: JobRow) -> dict[str, Any]:
    members = {
        "type": "CompletedJob" if row.is_completed else "QueuedJob",
        "workspace_id": row.workspace_id,
        "id": str(row.id),
        "parent_job": str(row.parent_id) if row.parent_id else None,
        "root_job": str(row.root_id) if row.root_id else None,
        "created_by": row.created_by,
        "created_at": timestamp(row.created_at),
        "started_at": timestamp(row.started_at),
        "script_hash": hash_text(row.runnable_hash) if row.runnable_hash is not None else None,
        "script_path": row.runnable_path or None,
        "raw_code": row.raw_code,
        "language": row.language or None,
        "job_kind": row.kind,
        "schedule_path": row.trigger_path if row.trigger_kind == "schedule" else None,
        "permissioned_as": row.permissioned_as,
        "email": row.permissioned_as_email,
        "tag": row.tag,
        "priority": row.priority or None,
        "labels": row.labels or None,
        "worker": row.worker,
        "mem_peak": row.mem_peak_kb,
        "trigger_kind": row.trigger_kind or None,
        "trigger": row.trigger_path or None,
        "canceled_by": row.canceled_by,
        "canceled_reason": row.canceled_reason,
        "self_wait_time_ms": _waited_ms(row),
        "aggregate_wait_time_ms": _waited_ms(row),
    }
    kept = {name: value for name, value in members.items() if value is not None}
    kept |= {"visible_to_owner": row.visible_to_owner, "is_flow_step": row.parent_id is not None}
    return kept | (_completed(row) if row.is_completed else _queued(row))


def _queued(row: JobRow) -> dict[str, Any]:
    about: dict[str, Any] = {
        "scheduled_for": timestamp(row.scheduled_for),
        "running": row.running,
        "canceled": row.is_cancel_asked,
        "attempt": row.attempt,
    }
    if row.last_ping:
        about["last_ping"] = timestamp(row.last_ping)
    if row.suspend:
        about["suspend"] = row.suspend
    return about


def _completed(row: JobRow) -> dict[str, Any]:
    return {
        "completed_at": timestamp(row.completed_at),
        "duration_ms": row.duration_ms,
        "success": row.status in ("success", "skipped"),
        "status": row.status,
        "is_skipped": row.status == "skipped",
        "canceled": row.status == "canceled",
        "deleted": row.is_deleted,
        "attempt": row.attempt,
    }


def _waited_ms(row: JobRow) -> int | None:
    """From when it could start (pushed, or due) to when it did."""
    if row.started_at is None:
        return None
    waited = row.started_at - max(row.created_at, row.scheduled_for)
    return max(0, round(waited.total_seconds() * 1000))
