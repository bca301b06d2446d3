"""From a credential to a principal with its rights: one SQL statement, for Django and for the fast lane.

`wm_…` tokens and logins are looked up by SHA-256; other kinds register themselves by prefix (`register_credential`:
`workers` does so for the tokens of jobs). An account or membership that is disabled, an expired token and a lost
membership count at the next statement.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.http import HttpRequest
from psycopg import AsyncConnection
from psycopg.rows import dict_row

from workspaces import clock, identity_sql
from workspaces.credentials import COOKIE, Credential, credential_of
from workspaces.models import Workspace
from workspaces.principal import ANONYMOUS, Principal

LOGIN_IDLE = timedelta(days=3)
LOGIN_LIMIT = timedelta(days=30)
VIRTUAL_EMAIL = "superadmin@windmill.dev"
VIRTUAL_USERNAME = "superadmin_secret"

type Parse = Callable[[str], Mapping[str, Any] | None]


@dataclass(frozen=True)
class Resolved:
    """A principal and the workspace it acts on, if that exists."""

    principal: Principal
    workspace: Workspace | None = None


@dataclass(frozen=True)
class _Statement:
    sql: str
    parameters: Mapping[str, Any]


_kinds: dict[str, tuple[Parse, str]] = {}


def register_credential(prefix: str, parse: Parse, claim_sql: str) -> None:
    """Tokens that start with `prefix` are jobs'.

    `parse` gives the parameters of `claim_sql` (None: malformed), a SELECT of workspace_id, permissioned_as, email,
    job_id, end_user_email with no row unless the token is live now.
    """
    _kinds[prefix] = (parse, identity_sql.of_claim(claim_sql))


def is_cacheable(credential: Credential) -> bool:
    """Job tokens die with their lease, so they are looked up each time."""
    return not credential.text.startswith(tuple(_kinds))


def credential_of_request(request: HttpRequest) -> Credential | None:
    return credential_of(
        authorization=request.headers.get("Authorization"),
        cookie=request.COOKIES.get(COOKIE),
        query=request.GET.get("token"),
    )


def resolve(credential: Credential | None, workspace_id: str | None) -> Resolved:
    """Who acts, on Django's connection. An unknown or dead credential is ANONYMOUS."""
    statement = _statement(credential, workspace_id)
    if statement is None:
        return Resolved(ANONYMOUS)
    with connection.cursor() as cursor:
        cursor.execute(statement.sql, statement.parameters)
        row = cursor.fetchone()
        names = [column.name for column in cursor.description]
    return _resolved(dict(zip(names, row, strict=True)) if row else None, workspace_id)


def principal_of_request(request: HttpRequest, workspace_id: str | None = None) -> Principal:
    return resolve(credential_of_request(request), workspace_id).principal


async def principal_for(
    conn: AsyncConnection[Any], credential: Credential | None, workspace_id: str | None
) -> Principal:
    """Who acts, on a psycopg connection: the same statement as `resolve`."""
    statement = _statement(credential, workspace_id)
    return ANONYMOUS if statement is None else await _run(conn, statement, workspace_id)


def principal_of_identity(
    workspace_id: str, permissioned_as: str, email: str, *, job_id: UUID | None = None
) -> Principal:
    """Today's rights of the identity a job runs with; ANONYMOUS when it has lost its place here."""
    statement = _of_identity(workspace_id, permissioned_as, email, job_id)
    with connection.cursor() as cursor:
        cursor.execute(statement.sql, statement.parameters)
        row = cursor.fetchone()
        names = [column.name for column in cursor.description]
    return _resolved(dict(zip(names, row, strict=True)) if row else None, workspace_id).principal


async def aprincipal_of_identity(
    conn: AsyncConnection[Any], workspace_id: str, permissioned_as: str, email: str, *, job_id: UUID | None = None
) -> Principal:
    return await _run(conn, _of_identity(workspace_id, permissioned_as, email, job_id), workspace_id)


async def _run(conn: AsyncConnection[Any], statement: _Statement, workspace_id: str | None) -> Principal:
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(statement.sql.encode(), statement.parameters)
        row = await cursor.fetchone()
    return _resolved(row, workspace_id).principal


def _statement(credential: Credential | None, workspace_id: str | None) -> _Statement | None:
    if credential is None or not credential.text or (workspace_id and "\x00" in workspace_id):
        return None
    if _is_superadmin_secret(credential.text):
        return _Statement(identity_sql.VIRTUAL, {"virtual_email": VIRTUAL_EMAIL, "workspace": workspace_id})
    for prefix, (parse, sql) in _kinds.items():
        if credential.text.startswith(prefix):
            found = parse(credential.text)
            shared = {"workspace": workspace_id, "virtual_email": _virtual_email()}
            return None if found is None else _Statement(sql, {**found, **shared})
    return _Statement(
        identity_sql.TOKEN,
        {
            "hash": credential.hash,
            "workspace": workspace_id,
            "now": clock.now(),
            "login_idle": LOGIN_IDLE,
            "login_limit": LOGIN_LIMIT,
        },
    )


def _of_identity(workspace_id: str, permissioned_as: str, email: str, job_id: UUID | None) -> _Statement:
    return _Statement(
        identity_sql.IDENTITY,
        {
            "workspace": workspace_id,
            "permissioned_as": permissioned_as,
            "email": email,
            "job_id": job_id,
            "kind": "job" if job_id else "system",
            "virtual_email": _virtual_email(),
        },
    )


def _is_superadmin_secret(text: str) -> bool:
    secret = settings.ENV.superadmin_secret
    return bool(secret) and hmac.compare_digest(text.encode("utf-8", "surrogatepass"), secret.encode())


def _virtual_email() -> str | None:
    return VIRTUAL_EMAIL if settings.ENV.superadmin_secret else None


def _resolved(row: Mapping[str, Any] | None, workspace_id: str | None) -> Resolved:
    if row is None:
        return Resolved(ANONYMOUS)
    workspace = None
    if row["workspace_id"] is not None:
        workspace = Workspace(
            id=row["workspace_id"],
            name=row["workspace_name"],
            color=row["workspace_color"],
            archived_at=row["workspace_archived_at"],
        )
    principal = _principal(row, workspace_id)
    may_know = principal.is_member or principal.is_superadmin
    return Resolved(principal, workspace if may_know else None)


def _principal(row: Mapping[str, Any], workspace_id: str | None) -> Principal:
    # A token bound to a workspace is nobody elsewhere, whatever its owner is.
    is_at_home = row["bound_to"] in (None, workspace_id)
    as_group = row["group_name"] is not None and row["workspace_id"] is not None
    is_member = is_at_home and (row["username"] is not None or as_group)
    email = row["email"] or ""
    username = row["username"] or (f"group-{row['group_name']}" if as_group else email)
    if email == VIRTUAL_EMAIL and row["user_id"] is None and not as_group:
        username = VIRTUAL_USERNAME
    folders = json.loads(row["folders"] or "[]") if is_member else []
    return Principal(
        kind=row["kind"],
        email=email,
        username=username,
        user_id=row["user_id"],
        workspace_id=workspace_id,
        is_superadmin=is_at_home and bool(row["is_superadmin"]) and not as_group,
        is_admin=is_member and bool(row["is_admin"]),
        is_operator=is_member and bool(row["is_operator"]),
        is_member=is_member,
        groups=frozenset(row["groups"] or ()) if is_member else frozenset(),
        folders_read=frozenset(name for name, _, _ in folders),
        folders_write=frozenset(name for name, may_write, is_owner in folders if may_write or is_owner),
        folders_owned=frozenset(name for name, _, is_owner in folders if is_owner),
        scopes=tuple(row["scopes"]) if row["scopes"] else None,
        is_read_only=row["is_read_only"],
        token_prefix=row["prefix"],
        token_workspace_id=row["bound_to"],
        token_expires_at=row["expires_at"],
        job_id=str(row["job_id"]) if row["job_id"] else None,
        end_user_email=row["end_user_email"] or "",
        is_workspace_missing=workspace_id is not None and row["workspace_id"] is None,
        is_workspace_archived=row["workspace_archived_at"] is not None,
    )
