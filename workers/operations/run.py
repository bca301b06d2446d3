"""Starting jobs: by path, by hash, as a preview."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

from psycopg import AsyncConnection

from scripts_app.signatures import MAX_CHARS
from workers import languages, runnables, serving, tags
from workers.answers import Answer, Call, text
from workers.kinds import LIGHT_TAG
from workers.push import NewJob, Once, Pushed, push_now
from workers.run_request import RunOptions, json_object, read_args, read_options
from workers.runnables import RunnableRef
from workers.together import Together
from workspaces import policy, scopes
from workspaces.errors import BadRequest, Forbidden, Internal, NotFound
from workspaces.ids import parse_hash
from workspaces.jsontext import clean_text, dumps
from workspaces.paths import parse_item_path
from workspaces.principal import Principal

_ORIGIN = {"session": "ui", "token": "webhook"}
_ROOT_OF = "SELECT coalesce(root_id, id) FROM job WHERE id = %s AND workspace_id = %s"
_WAITING = """SELECT count(*) FROM (
    SELECT 1 FROM job_queue WHERE workspace_id = %s AND NOT running AND scheduled_for <= windmill_now() LIMIT %s
) AS waiting"""


type _Key = tuple[str, str | None, int | None]
_reads: WeakKeyDictionary[asyncio.AbstractEventLoop, Together[_Key, RunnableRef | None]] = WeakKeyDictionary()


@dataclass(frozen=True)
class Start:
    """A job that may be pushed. `once` is set when the caller gave an idempotency key."""

    job: NewJob
    options: RunOptions
    once: Once | None = None


type Starting = Callable[[Call], Awaitable[Start]]


async def run_script_by_path(call: Call) -> Answer:
    """POST jobs/run/p/{path} → 201, the job's id."""
    return await _accepted(call, script_at_path)


async def run_script_by_hash(call: Call) -> Answer:
    """POST jobs/run/h/{hash} → 201, the job's id."""
    return await _accepted(call, script_of_hash)


async def run_preview(call: Call) -> Answer:
    """POST jobs/run/preview {content, language, args} → 201, the job's id."""
    return await _accepted(call, preview)


async def _accepted(call: Call, starting: Starting) -> Answer:
    start = await starting(call)
    async with serving.connection() as conn:
        pushed = await push(conn, start)
    # Only now: an id that is answered is committed (J1).
    return text(str(pushed.job_id), 201)


async def push(conn: AsyncConnection[Any], start: Start) -> Pushed:
    """Queue what was prepared."""
    return await push_now(conn, start.job, once=start.once)


async def script_at_path(call: Call) -> Start:
    """What `run/p` starts: the script that is live at the path. Raises NotFound, Forbidden, BadRequest."""
    path = call.tail
    options, args = read_options(call), read_args(call)
    ref = await _resolved(call.workspace_id, path=path)
    missing = f"script not found at path {path}"
    return await _of_runnable(call, ref, options, args, asked=f"p/{path}", missing=missing)


async def script_of_hash(call: Call) -> Start:
    """What `run/h` starts: exactly that version."""
    options, args = read_options(call), read_args(call)
    missing = f"script not found at hash {call.tail[:40]}"
    try:
        number = parse_hash(call.tail.lower())
    except ValueError:
        raise NotFound(missing) from None
    ref = await _resolved(call.workspace_id, hash=number)
    return await _of_runnable(call, ref, options, args, asked=f"h/{call.tail}", missing=missing)


async def preview(call: Call) -> Start:
    """What `run/preview` starts: the given code, as the caller."""
    principal = call.principal
    # Code of one's own choice can do whatever its author may: a token narrowed to some paths must not run it.
    if not scopes.grants(principal.scopes, "jobs:run"):
        raise Forbidden("Access denied. Required scope: jobs:run")
    options = read_options(call)
    _, body = json_object(call.body)
    args = body.get("args")
    if args is not None and not isinstance(args, dict):
        raise BadRequest("args must be a JSON object")
    job = _preview_job(principal, call.workspace_id, body, dumps(args or {}))
    tag = options.tag or _string(body, "tag") or job.tag
    await _require_tag(principal, tag)
    job = await _with_options(call, replace(job, tag=tag), options)
    return Start(job, options, _once(call, options, f"preview {dumps(body)}", job.args))


def _preview_job(principal: Principal, workspace_id: str, body: dict[str, Any], args: str) -> NewJob:
    who = _identity(principal)
    kind = _string(body, "kind") or "code"
    if kind in ("identity", "noop"):
        return NewJob(workspace_id=workspace_id, kind=kind, tag=LIGHT_TAG, args=args, **who)
    if kind != "code":
        raise BadRequest(f"A preview of kind {kind[:40]!r} cannot be run; use code or identity")
    language = languages.language(_string(body, "language")).name
    if not isinstance(body.get("content"), str):
        raise BadRequest("A preview needs its source in content")
    if len(body["content"]) > MAX_CHARS:
        raise BadRequest(f"The content has {len(body['content']):,} characters; at most {MAX_CHARS:,} are allowed")
    path = _string(body, "path")
    if path:
        try:
            parse_item_path(path)
        except ValueError as error:
            raise BadRequest(str(error)) from None
    lock = body.get("lock")
    return NewJob(
        workspace_id=workspace_id,
        kind="preview",
        tag=language,
        language=language,
        args=args,
        runnable_path=path,
        raw_code=clean_text(body["content"]),
        raw_lock=clean_text(lock) if isinstance(lock, str) else None,
        # A preview shows its author's code: it belongs to the path's owners only when the author writes there.
        visible_to_owner=bool(path) and policy.may(principal, "write", path, {}),
        **who,
    )


async def _resolved(workspace_id: str, *, path: str | None = None, hash: int | None = None) -> RunnableRef | None:
    """The runnable; callers who ask for the same one at the same time share the read."""

    async def read() -> RunnableRef | None:
        async with serving.connection() as conn:
            return await runnables.resolve(conn, "script", workspace_id, path=path, hash=hash)

    loop = asyncio.get_running_loop()
    return await _reads.setdefault(loop, Together()).ask((workspace_id, path, hash), read)


async def _require_tag(principal: Principal, tag: str) -> None:
    if tags.is_free(principal, tag):
        return
    async with serving.connection() as conn:
        await tags.require(conn, principal, tag)


async def _of_runnable(
    call: Call,
    ref: RunnableRef | None,
    options: RunOptions,
    args: str,
    *,
    asked: str,
    missing: str,
) -> Start:
    principal = call.principal
    if ref is None:
        raise NotFound(missing)
    # Scope first: a token narrowed to other paths is told so, whether or not its owner sees this one.
    if not scopes.grants(principal.scopes, "jobs:run:scripts", ref.path):
        raise Forbidden(f"Access denied. Required scope: jobs:run:scripts:{ref.path}")
    if not policy.may(principal, "run", ref.path, ref.extra_perms):
        raise NotFound(missing)
    await _require_tag(principal, options.tag)
    who = _identity(principal)
    if ref.on_behalf_of:
        who |= {"permissioned_as": ref.on_behalf_of, "permissioned_as_email": ref.on_behalf_of_email}
    job = NewJob(
        workspace_id=call.workspace_id,
        kind=ref.kind,
        tag=options.tag or ref.tag or ref.language,
        args=args,
        item_id=ref.item_id,
        runnable_path=ref.path,
        runnable_hash=ref.hash,
        language=ref.language,
        priority=ref.priority,
        timeout_s=ref.timeout_s,
        cache_ttl_s=ref.cache_ttl_s,
        visible_to_owner=not ref.visible_to_runner_only,
        is_repeatable=ref.is_repeatable,
        labels=ref.labels,
        **who,
    )
    job = await _with_options(call, job, options)
    return Start(job, options, _once(call, options, asked, args))


def _identity(principal: Principal) -> dict[str, Any]:
    """Who the job says made it and whose rights it runs with: the caller's."""
    return {
        "created_by": principal.username or principal.email,
        "permissioned_as": principal.permissioned_as,
        "permissioned_as_email": principal.email,
        "end_user_email": principal.end_user_email or principal.email,
        "trigger_kind": _ORIGIN.get(principal.kind, ""),
    }


async def _with_options(call: Call, job: NewJob, options: RunOptions) -> NewJob:
    job = replace(
        job,
        scheduled_for=options.scheduled_for,
        delay_s=options.delay_s,
        timeout_s=options.timeout_s or job.timeout_s,
        cache_ttl_s=options.cache_ttl_s or job.cache_ttl_s,
        visible_to_owner=job.visible_to_owner and not options.is_invisible_to_owner,
    )
    if options.job_id is not None:
        job = replace(job, id=options.job_id)
    if options.parent_job is not None:
        job = replace(job, parent_id=options.parent_job, root_id=await _root(call, options.parent_job))
    return job


async def _root(call: Call, parent: UUID) -> UUID:
    """The run a child belongs to: the parent's, whatever `root_job` says. Only a job may call itself a parent."""
    mine = call.principal.job_id
    if mine is None or not hmac.compare_digest(mine, str(parent)):
        raise Forbidden("parent_job may only be set by that job itself, with its own token; leave it out")
    async with serving.connection() as conn:
        row = await (await conn.execute(_ROOT_OF, (parent, call.workspace_id))).fetchone()
    if row is None:
        raise NotFound(f"job not found at id {parent}")
    return row[0]


def _once(call: Call, options: RunOptions, asked: str, args: str) -> Once | None:
    if not options.idempotency_key:
        return None
    # The key itself and the chosen id are no part of what is asked; everything that shapes the job is.
    shape = replace(options, idempotency_key="")
    fingerprint = hashlib.sha256(f"{asked}\n{shape}\n{args}".encode()).digest()
    principal = call.principal
    return Once(principal.permissioned_as or principal.email, options.idempotency_key, fingerprint)


async def require_room(call: Call, limit: int | None) -> None:
    """Raises Internal when more jobs of the workspace wait than the caller accepts."""
    if limit is None:
        return
    async with serving.connection() as conn:
        row = await (await conn.execute(_WAITING, (call.workspace_id, limit + 1))).fetchone()
    if row and row[0] > limit:
        raise Internal(f"Number of queued job is too high: {row[0]} > {limit}")


def _string(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise BadRequest(f"{name} must be a string")
    return clean_text(value)
