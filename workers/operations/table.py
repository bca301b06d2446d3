"""Every operation of the jobs API with its address and permission. Served twice: by bearers past Django, else by it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from workers.answers import Answer, Call
from workers.operations import act, lists, read, run, site, updates, wait
from workspaces.permission import Permission
from workspaces.policy import Role

type Tail = Literal["", "id", "path"]

_RUN_PATH = Permission(Role.MEMBER, "jobs:run:scripts")
_RUN_HASH = Permission(Role.MEMBER, "jobs:run:scripts", scope_path="view")
_RUN_CODE = Permission(Role.DEVELOPER, "jobs:run")
_POLL = Permission(Role.MEMBER, "jobs:poll")
_READ = Permission(Role.MEMBER, "jobs:read")
_WRITE = Permission(Role.MEMBER, "jobs:write")
_WORKERS = Permission(Role.LOGIN, "workers:read")
_WORKSPACE_WORKERS = Permission(Role.MEMBER, "workers:read")
_LOGIN = Permission(Role.LOGIN, any_token=True)
_PUBLIC = Permission(Role.PUBLIC)


@dataclass(frozen=True)
class Operation:
    """`prefix` is the address below `/api/` or, with `in_workspace`, below `/api/w/{workspace}/`; `tail` follows it."""

    method: str
    prefix: str
    tail: Tail
    permission: Permission
    answer: Callable[[Call], Awaitable[Answer]]
    in_workspace: bool = True

    @property
    def starts_jobs(self) -> bool:
        return self.permission.scope.startswith("jobs:run")


def _both(prefix: str, tail: Tail, answer: Callable[[Call], Awaitable[Answer]]) -> list[Operation]:
    """Reads that exist under `jobs` and `jobs_u`."""
    return [Operation("GET", f"{part}/{prefix}", tail, _POLL, answer) for part in ("jobs_u", "jobs")]


def _site(prefix: str, permission: Permission, answer: Callable[[Call], Awaitable[Answer]]) -> Operation:
    return Operation("GET", prefix, "", permission, answer, in_workspace=False)


OPERATIONS: tuple[Operation, ...] = (
    Operation("POST", "jobs/run/p", "path", _RUN_PATH, run.run_script_by_path),
    Operation("POST", "jobs/run/h", "id", _RUN_HASH, run.run_script_by_hash),
    Operation("POST", "jobs/run/preview", "", _RUN_CODE, run.run_preview),
    Operation("POST", "jobs/run_wait_result/p", "path", _RUN_PATH, wait.run_wait_script_by_path),
    Operation("GET", "jobs/run_wait_result/p", "path", _RUN_PATH, wait.run_wait_script_by_path),
    Operation("POST", "jobs/run_wait_result/h", "id", _RUN_HASH, wait.run_wait_script_by_hash),
    Operation("GET", "jobs/run_wait_result/h", "id", _RUN_HASH, wait.run_wait_script_by_hash),
    Operation("POST", "jobs/run_wait_result/preview", "", _RUN_CODE, wait.run_wait_preview),
    Operation("POST", "jobs/run_inline/preview", "", _RUN_CODE, wait.run_wait_preview),
    Operation("GET", "jobs_u/get", "id", _POLL, read.get_job),
    Operation("GET", "jobs_u/get_root_job_id", "id", _POLL, read.get_root_job_id),
    Operation("GET", "jobs_u/get_logs", "id", _POLL, read.get_logs),
    Operation("GET", "jobs_u/get_args", "id", _POLL, read.get_args),
    Operation("GET", "jobs_u/getupdate", "id", _POLL, updates.get_update),
    Operation("GET", "jobs_u/getupdate_sse", "id", _POLL, updates.get_update_sse),
    *_both("completed/get", "id", read.get_completed),
    *_both("completed/get_result", "id", read.get_result),
    *_both("completed/get_result_maybe", "id", read.get_result_maybe),
    *_both("completed/get_timing", "id", read.get_timing),
    Operation("GET", "jobs/result_by_id", "path", _POLL, read.result_by_id),
    Operation("GET", "jobs/list", "", _READ, lists.list_jobs),
    Operation("GET", "jobs/queue/list", "", _READ, lists.list_queued),
    Operation("GET", "jobs/completed/list", "", _READ, lists.list_completed),
    Operation("GET", "jobs/list_filtered_uuids", "", _READ, lists.list_ids),
    Operation("GET", "jobs/queue/count", "", _READ, lists.count_queued),
    Operation("GET", "jobs/completed/count", "", _READ, lists.count_completed),
    Operation("GET", "jobs/queue/position", "id", _READ, site.queue_position),
    Operation("GET", "jobs/queue/scheduled_for", "id", _POLL, site.scheduled_for),
    Operation("POST", "jobs_u/queue/cancel", "id", _WRITE, act.cancel),
    Operation("POST", "jobs_u/queue/force_cancel", "id", _WRITE, act.force_cancel),
    Operation("POST", "jobs_u/queue/cancel_persistent", "path", _WRITE, act.cancel_persistent),
    Operation("POST", "jobs/queue/cancel_selection", "", _WRITE, act.cancel_selection),
    Operation("GET", "jobs/worker_is_draining", "id", _POLL, act.worker_is_draining),
    Operation("GET", "jobs/flow/user_states", "path", _POLL, act.user_state),
    Operation("POST", "jobs/flow/user_states", "path", _WRITE, act.user_state),
    Operation("GET", "job_metrics/get_progress", "id", _POLL, act.get_progress),
    Operation("POST", "job_metrics/set_progress", "id", _WRITE, act.set_progress),
    Operation("GET", "workers/custom_tags_for_workspace", "", _WORKSPACE_WORKERS, site.list_workspace_tags),
    _site("jobs/db_clock", _PUBLIC, site.db_clock),
    _site("workers/list", _WORKERS, site.list_workers),
    _site("workers/queue_counts", _WORKERS, site.queue_counts),
    _site("workers/queue_running_counts", _WORKERS, site.queue_running_counts),
    _site("workers/custom_tags", _WORKERS, site.list_custom_tags),
    _site("workers/exists_workers_with_tags", _WORKERS, site.exists_workers_with_tags),
    _site("workers/get_default_tags", _WORKERS, site.default_tags),
    _site("version", _PUBLIC, site.version),
    _site("uptodate", _PUBLIC, site.uptodate),
    _site("ee_license", _PUBLIC, site.license_id),
    _site("health/status", _PUBLIC, site.health),
    _site("health/detailed", _LOGIN, site.health_detailed),
)
