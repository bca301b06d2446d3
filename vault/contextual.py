"""Contextual variables: what every job finds in its environment, and what `$WM_…` in resources means."""

from __future__ import annotations

from django.conf import settings

from workspaces.principal import Principal

# name, sample value, description
EXAMPLES = (
    ("WM_WORKSPACE", "main", "Id of the workspace"),
    ("WM_TOKEN", "wmj_…", "Token of the job: the rights of the identity it runs with, dead when the job ends"),
    ("WM_EMAIL", "ana@example.com", "E-mail of the identity the job runs with"),
    ("WM_USERNAME", "ana", "User name of who started the job"),
    ("WM_BASE_URL", "https://windmill.example.com", "Address of this site"),
    ("WM_JOB_ID", "0199f2c4-a11b-77de-8000-000000000000", "Id of the job"),
    ("WM_JOB_PATH", "f/etl/load", "Path of the script or flow"),
    ("WM_FLOW_JOB_ID", "", "Id of the flow's job when it is a step of one"),
    ("WM_ROOT_FLOW_JOB_ID", "", "Id of the outermost flow's job"),
    ("WM_FLOW_PATH", "", "Path of the flow when it is a step of one"),
    ("WM_FLOW_STEP_ID", "", "Id of the step in its flow"),
    ("WM_SCHEDULE_PATH", "", "Path of the schedule that started the job"),
    ("WM_PERMISSIONED_AS", "u/ana", "Identity the job runs with"),
    ("WM_STATE_PATH", "u/ana/tmp_state", "Where the state of the script is kept"),
    ("WM_STATE_PATH_NEW", "u/ana/tmp_state", "Where the state of the script is kept"),
    ("WM_OBJECT_PATH", "u_ana_load/manual/0/1700000000000_0199f2c4", "Key for files this run writes to object storage"),
    ("WM_WORKER_GROUP", "default", "Group of the worker"),
    ("WM_RUNNABLE_ID", "0199f2c4a11b77de", "Hash of the script's version"),
    ("WM_END_USER_EMAIL", "ana@example.com", "Who really started it when it runs on behalf of another"),
)


def context_of(principal: Principal) -> dict[str, str]:
    """What `$WM_…` resolves to in an API call of `principal`; in a job more is known, see the worker."""
    context = {
        "WM_WORKSPACE": principal.workspace_id or "",
        "WM_EMAIL": principal.email,
        "WM_USERNAME": principal.username,
        "WM_PERMISSIONED_AS": principal.permissioned_as,
        "WM_BASE_URL": settings.BASE_URL,
    }
    if principal.job_id:
        context["WM_JOB_ID"] = principal.job_id
        context["WM_END_USER_EMAIL"] = principal.end_user_email
    return context
