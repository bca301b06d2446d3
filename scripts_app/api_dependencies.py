"""Locks for sources that are not deployed: a client's own files, before it pushes them."""

from typing import Any

from django.http import HttpResponse
from ninja import Body, Schema

from scripts_app.locking import TAG
from workers import serving
from workers.answers import Answer, Call
from workers.languages import language
from workers.operations.run import Start, push
from workers.operations.wait import answer_result
from workers.queue import NewJob
from workers.run_request import RunOptions
from workspaces.errors import BadRequest, Unprocessable
from workspaces.jsontext import clean_text
from workspaces.paths import parse_item_path
from workspaces.principal import Principal
from workspaces.routes import ApiRouter, PageRequest, Role, text

router = ApiRouter(tags=["jobs"])


class RawScript(Schema):
    raw_code: str
    language: str
    script_path: str = ""
    path: str = ""


class Wanted(Schema):
    """What to resolve: `raw_scripts` has one entry, as clients send it."""

    raw_scripts: list[RawScript]
    entrypoint: str = ""
    raw_workspace_dependencies: dict[str, Any] | None = None
    temp_script_refs: dict[str, Any] | None = None


@router.post("/dependencies", role=Role.DEVELOPER, scope="jobs:run", bare_cookie=True)
async def resolve(request: PageRequest, payload: Body[Wanted]) -> HttpResponse:
    """Resolve a source's dependencies: 201 and `{lock}` once it is done, or the resolver's error with 422."""
    job = _job(payload, request.principal)

    async def starting(call: Call) -> Start:
        return Start(job, RunOptions())

    call = Call("POST", "", job.workspace_id, request.principal)
    return _response(await answer_result(call, starting))


@router.post("/dependencies_async", role=Role.DEVELOPER, scope="jobs:run", bare_cookie=True)
async def resolve_async(request: PageRequest, payload: Body[Wanted]) -> HttpResponse:
    """The same without waiting: 201 and the id of the job whose result is `{lock}`."""
    job = _job(payload, request.principal)
    async with serving.connection() as conn:
        await push(conn, Start(job, RunOptions()))
    return text(str(job.id), 201)


def _job(wanted: Wanted, by: Principal) -> NewJob:
    if len(wanted.raw_scripts) != 1:
        raise Unprocessable(f"raw_scripts must hold one script, not {len(wanted.raw_scripts)}; send one request each")
    if wanted.raw_workspace_dependencies or wanted.temp_script_refs:
        raise BadRequest("Workspace dependency files are not supported here; write the requirements into the script")
    script = wanted.raw_scripts[0]
    path = script.script_path or script.path or wanted.entrypoint
    return NewJob(
        workspace_id=by.workspace_id or "",
        kind="dependencies",
        tag=TAG,
        created_by=by.username or by.email,
        permissioned_as=by.permissioned_as,
        permissioned_as_email=by.email,
        runnable_path=path if _is_path(path) else "",
        language=language(script.language).name,
        raw_code=clean_text(script.raw_code),
        visible_to_owner=False,
    )


def _response(answer: Answer) -> HttpResponse:
    status = 201 if answer.status == 200 else answer.status
    return HttpResponse(answer.body, status=status, content_type=answer.content_type)


def _is_path(path: str) -> bool:
    try:
        parse_item_path(path)
    except ValueError:
        return False
    return True
