"""References inside arguments and resources, resolved with the rights of who runs: `$var:`, `$res:`, `$jsonvar:`,
`$encrypted:` and contextual `$WM_…`. `resolve` works on a psycopg connection, `resolve_sync` on Django's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Protocol
from uuid import UUID

from django.db import connection, transaction
from psycopg import AsyncConnection

from vault.reference_walk import Resolution, walk
from workspaces import audit
from workspaces.jsontext import dumps
from workspaces.principal import Principal
from workspaces.principals import aprincipal_of_identity


class RunningJob(Protocol):
    """What a claimed job says of itself."""

    @property
    def id(self) -> UUID: ...
    @property
    def workspace_id(self) -> str: ...
    @property
    def permissioned_as(self) -> str: ...
    @property
    def permissioned_as_email(self) -> str: ...
    @property
    def args(self) -> str: ...


def has_references(text: str) -> bool:
    """A quick look: no reference without it."""
    return '"$' in text


async def resolve(
    conn: AsyncConnection[Any],
    principal: Principal,
    workspace_id: str,
    args_text: str,
    *,
    context: Mapping[str, str] | None = None,
) -> str:
    """The JSON text of an object with its references filled in. Raises NotFound, Forbidden, BadRequest."""
    return (await resolve_all(conn, principal, workspace_id, args_text, context=context)).text


async def resolve_for_job(conn: AsyncConnection[Any], job: RunningJob) -> str:
    """The arguments of a job with its references filled in, under the identity it runs with."""
    return (await resolution_for_job(conn, job)).text


async def resolution_for_job(
    conn: AsyncConnection[Any], job: RunningJob, *, context: Mapping[str, str] | None = None
) -> Resolution:
    if not has_references(job.args):
        return Resolution(job.args)
    who = await aprincipal_of_identity(
        conn, job.workspace_id, job.permissioned_as, job.permissioned_as_email, job_id=job.id
    )
    return await resolve_all(conn, who, job.workspace_id, job.args, context=context)


async def resolve_all(
    conn: AsyncConnection[Any],
    principal: Principal,
    workspace_id: str,
    args_text: str,
    *,
    context: Mapping[str, str] | None = None,
) -> Resolution:
    """`resolve` with what was secret in it; reading secrets is audited."""
    if not has_references(args_text):
        return Resolution(args_text)
    steps = walk(principal, workspace_id, json.loads(args_text), "", context or {})
    answer: list[Any] | None = None
    while True:
        try:
            asked = steps.send(answer)
        except StopIteration as end:
            found: Resolution = end.value
            break
        answer = await (await conn.execute(asked.sql, asked.parameters)).fetchall()
    if found.secret_paths:
        async with conn.cursor() as cursor:
            await cursor.executemany(audit.INSERT, _audit_rows(principal, found.secret_paths))
    return found


def resolve_sync(
    principal: Principal, workspace_id: str, text: str, *, arg: str = "", context: Mapping[str, str] | None = None
) -> Resolution:
    """The same on Django's connection, for any JSON value; `arg` names it in messages."""
    if not has_references(text):
        return Resolution(text)
    steps = walk(principal, workspace_id, json.loads(text), arg, context or {})
    answer: list[Any] | None = None
    with transaction.atomic(), connection.cursor() as cursor:
        while True:
            try:
                asked = steps.send(answer)
            except StopIteration as end:
                found: Resolution = end.value
                break
            cursor.execute(asked.sql, asked.parameters)
            answer = cursor.fetchall()
        if found.secret_paths:
            cursor.executemany(audit.INSERT, _audit_rows(principal, found.secret_paths))
    return found


def _audit_rows(principal: Principal, paths: frozenset[str]) -> list[dict[str, Any]]:
    rows = [audit.row(principal, "variables.decrypt_secret", path) for path in sorted(paths)]
    return [{**row, "parameters": dumps(row["parameters"])} for row in rows]
