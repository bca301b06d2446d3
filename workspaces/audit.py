"""Who did what to what: one row in the transaction of the deed."""

from __future__ import annotations

from typing import Any

from workspaces.models import AuditEntry
from workspaces.principal import Principal

MAX_VALUE = 100
GLOBAL = "global"
_KINDS = {
    "create": "Created",
    "add": "Created",
    "add_owner": "Updated",
    "remove_owner": "Updated",
    "delete": "Delete",
    "remove": "Delete",
    "archive": "Delete",
    "cancel": "Delete",
    "run": "Execute",
    "login": "Execute",
    "login_failure": "Execute",
    "logout": "Execute",
    "decrypt_secret": "Execute",
}

# For code on a psycopg connection; parameters come from `row`.
INSERT = """
INSERT INTO workspaces_auditentry (workspace_id, username, operation, action_kind, resource, parameters)
VALUES (%(workspace_id)s, %(username)s, %(operation)s, %(action_kind)s, %(resource)s, %(parameters)s::jsonb)
"""


def record(by: Principal, operation: str, resource: object = "", **parameters: str | int | bool | None) -> None:
    """Write an entry: `operation` is `<area>.<deed>`, `resource` a path, a name or an item. Never pass values."""
    AuditEntry.objects.create(**row(by, operation, resource, **parameters))


def row(by: Principal, operation: str, resource: object = "", **parameters: str | int | bool | None) -> dict[str, Any]:
    """The columns of an entry."""
    about: dict[str, Any] = {name: _short(value) for name, value in parameters.items() if value not in (None, "")}
    if by.job_id:
        about["job_id"] = by.job_id
    if by.token_prefix and by.kind == "token":
        about["token_prefix"] = by.token_prefix
    if by.end_user_email:
        about["end_user"] = by.end_user_email
    return {
        "workspace_id": by.workspace_id or GLOBAL,
        "username": by.username or by.email or "anonymous",
        "operation": operation,
        "action_kind": _action_kind(operation),
        "resource": str(resource)[:300],
        "parameters": about,
    }


def _action_kind(operation: str) -> str:
    """The API's spelling: Created, Updated, Delete, Execute."""
    if operation.startswith("jobs.run"):
        return "Execute"
    return _KINDS.get(operation.rpartition(".")[2], "Updated")


def _short(value: object) -> object:
    return value[: MAX_VALUE - 1] + "…" if isinstance(value, str) and len(value) > MAX_VALUE else value
