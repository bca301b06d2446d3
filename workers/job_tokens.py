"""The bearer a running job holds (WM_TOKEN): as good as its lease, looked up at each use and never cached."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workers.queue import JOB_TOKEN_PREFIX, parse_job_token
from workspaces.principals import register_credential

# No row once the job ended, was requeued or was claimed anew: then the token is dead. Index: primary keys.
CLAIM = """
SELECT j.workspace_id, j.permissioned_as, j.permissioned_as_email AS email, j.id AS job_id, j.end_user_email
FROM job_queue q JOIN job j ON j.id = q.id
WHERE q.id = %(token_job_id)s AND q.lease_id = %(token_lease_id)s AND q.running
"""


def parse(token: str) -> Mapping[str, Any] | None:
    """Parameters of CLAIM, None when the text is no job token."""
    found = parse_job_token(token)
    return None if found is None else {"token_job_id": found[0], "token_lease_id": found[1]}


def register() -> None:
    """Called once, when Django is ready."""
    register_credential(JOB_TOKEN_PREFIX, parse, CLAIM)
