"""The environment of a job: WM_* always defined, some custom variables, nothing else of the worker's. Pure.

Source: Windmill docs, Environment variables; `""` stands for what a job does not have.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC

from workers.queue import ClaimedJob
from workspaces.ids import hash_text

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_RESERVED_PREFIXES = ("WM_", "BASE_", "LD_", "DYLD_", "PYTHON", "BASH_FUNC_")
_RESERVED = frozenset(
    {
        "PATH", "HOME", "TZ", "IFS", "ENV", "BASH_ENV", "SHELLOPTS", "BASHOPTS", "PS4", "NODE_OPTIONS", "BUN_OPTIONS",
        "DENO_DIR", "GCONV_PATH", "PERL5LIB", "PERL5OPT", "RUBYOPT", "RUBYLIB", "JAVA_TOOL_OPTIONS", "GOFLAGS",
        "MAIN_OVERRIDE",
    }
)  # fmt: skip
_PASSED_ON = ("PATH", "HOME", "TZ", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
_JOB_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Site:
    """What all jobs of this worker have in common. `environ`: the worker's own environment."""

    base_url: str
    internal_url: str
    worker_name: str
    worker_group: str
    environ: Mapping[str, str]


def is_free(name: str) -> bool:
    """May a workspace or a script set this variable?

    >>> is_free("API_KEY"), is_free("WM_TOKEN"), is_free("LD_PRELOAD")
    (True, False, False)
    """
    return bool(_NAME.match(name)) and name not in _RESERVED and not name.startswith(_RESERVED_PREFIXES)


def environment(job: ClaimedJob, site: Site, custom: Mapping[str, str] | None = None) -> dict[str, str]:
    """All variables of one attempt. Names in `custom` that are not free are left out."""
    env = {name: value for name in _PASSED_ON if (value := _passed_on(name, site.environ))}
    env |= {name: value for name, value in (custom or {}).items() if is_free(name) and "\x00" not in value}
    return env | _contextual(job, site)


def _passed_on(name: str, environ: Mapping[str, str]) -> str:
    if name == "PATH":
        return _JOB_PATH
    if name == "HOME":
        return "/tmp"  # noqa: S108 (the job's own)
    return environ.get(name) or environ.get(name.lower(), "")


def _contextual(job: ClaimedJob, site: Site) -> dict[str, str]:
    flow_job = str(job.parent_id) if job.parent_id and job.step_path else ""
    state_path = _state_path(job)
    scheduled_for = job.scheduled_for.astimezone(UTC)
    return {
        "WM_WORKSPACE": job.workspace_id,
        "WM_TOKEN": job.token,
        "WM_EMAIL": job.permissioned_as_email,
        "WM_USERNAME": job.created_by,
        "WM_PERMISSIONED_AS": job.permissioned_as,
        "WM_END_USER_EMAIL": job.end_user_email,
        "WM_BASE_URL": site.base_url,
        "BASE_INTERNAL_URL": site.internal_url,
        "BASE_URL": site.internal_url,
        "WM_JOB_ID": str(job.id),
        "WM_JOB_PATH": job.runnable_path,
        "WM_RUNNABLE_ID": "" if job.runnable_hash is None else hash_text(job.runnable_hash),
        "WM_SCHEDULED_FOR": scheduled_for.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "WM_SCHEDULE_PATH": job.trigger_path if job.trigger_kind == "schedule" else "",
        "WM_FLOW_JOB_ID": flow_job,
        "WM_ROOT_FLOW_JOB_ID": str(job.root_id) if flow_job and job.root_id else flow_job,
        "WM_ROOT_JOB_ID": str(job.root_id or job.id),
        "WM_FLOW_PATH": "",
        "WM_FLOW_STEP_ID": job.step_path,
        "WM_STATE_PATH": state_path,
        "WM_STATE_PATH_NEW": state_path,
        "WM_OBJECT_PATH": _object_path(job),
        "WM_WORKER_GROUP": site.worker_group,
        "WM_WORKER_NAME": site.worker_name,
        "WM_ATTEMPT": str(job.attempt),
    }


def _state_path(job: ClaimedJob) -> str:
    if not job.runnable_path:
        return f"u/{job.created_by}/tmp_state"  # noqa: S108 (a path of an item)
    trigger = job.created_by if job.trigger_kind == "schedule" else "user"
    separator = "state" if job.runnable_path.endswith("/") else ""
    return f"{job.runnable_path}{separator}/{trigger}"


def _object_path(job: ClaimedJob) -> str:
    trigger = job.trigger_path.replace("/", "_") if job.trigger_kind == "schedule" else "manual"
    parts = [job.runnable_path.replace("/", "_"), trigger, *([job.step_path] if job.step_path else [])]
    return "/".join([*parts, f"{int(job.created_at.timestamp() * 1000)}_{job.id}"])
