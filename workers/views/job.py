"""The page of one job, what one can do there, and its downloads."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import UUID

from django.http import HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from workers import canceling, job_logs, job_page, serving
from workers.answers import Call
from workers.job_rows import JobRow, find_job, find_job_sync
from workers.operations import run
from workers.waiting import Waiting, facts_by_django, why_waiting
from workspaces.errors import BadRequest
from workspaces.permission import Permission, enforce
from workspaces.policy import Role
from workspaces.routes import PageRequest, json_text

_PREVIEW = Permission(Role.DEVELOPER, "jobs:run")


@require_safe
def job(request: PageRequest, workspace: str, job_id: UUID) -> HttpResponse:
    """State, log, result, inputs and code; live until the job is over."""
    row = find_job_sync(request.principal, job_id, heavy=job_page.HEAVY)
    log = job_page.log_page(row)
    context = {
        "page": job_page.of_row(row, workspace, code=job_page.source_of(row), why=_why_waiting(row)),
        "log": log,
        "live_url": "" if row.is_completed else job_page.live_url(row, workspace, log.end),
        "nav_active": "runs",
    }
    return render(request, "workers/job.html", context)


def _why_waiting(row: JobRow) -> Waiting | None:
    if not row.is_queued or row.running:
        return None
    facts = facts_by_django(row.id)
    return why_waiting(facts) if facts else None


@require_POST
async def cancel_job(request: PageRequest, workspace: str, job_id: UUID) -> HttpResponse:
    """Ask the job to end, or with `force` end it at once; the page learns of it by its websocket."""
    async with serving.connection() as conn:
        await canceling.cancel_one(conn, request.principal, job_id, force=request.POST.get("force") == "1")
    if request.htmx:
        return HttpResponse(status=204)
    return HttpResponseRedirect(reverse("job", kwargs={"workspace": workspace, "job_id": job_id}))


@require_POST
async def run_again(request: PageRequest, workspace: str, job_id: UUID) -> HttpResponse:
    """A new job with the same inputs: the same version, or the same code of a preview."""
    async with serving.connection() as conn:
        row = await find_job(conn, request.principal, job_id, heavy=("args", "raw_code", "raw_lock"))
    start = await _again(request, row)
    async with serving.connection() as conn:
        pushed = await run.push(conn, start)
    address = reverse("job", kwargs={"workspace": workspace, "job_id": pushed.job_id})
    if request.htmx:
        response = HttpResponse(status=204)
        response["HX-Redirect"] = address
        return response
    return HttpResponseRedirect(address)


async def _again(request: PageRequest, row: JobRow) -> run.Start:
    page = job_page.of_row(row, row.workspace_id)
    call = Call("POST", page.hash, row.workspace_id, request.principal)
    if row.kind == "script" and page.hash:
        return await run.script_of_hash(replace(call, body=(row.args or "{}").encode()))
    if row.kind == "preview":
        enforce(_PREVIEW, request.principal, method="POST")
        body = {"content": row.raw_code, "language": row.language, "path": row.runnable_path, "lock": row.raw_lock}
        given = {**body, "tag": row.tag, "args": json.loads(row.args or "{}")}
        return await run.preview(replace(call, body=json.dumps(given).encode()))
    raise BadRequest(f"A job of kind {row.kind} cannot be started again from here; start what it belongs to")


@require_safe
def result(request: PageRequest, workspace: str, job_id: UUID) -> HttpResponse:
    """The result as it is stored, for download."""
    row = find_job_sync(request.principal, job_id, heavy=("result",))
    response = json_text(row.result or "null")
    response["Content-Disposition"] = f'attachment; filename="{row.id}.json"'
    return response


@require_safe
def result_more(request: PageRequest, workspace: str, job_id: UUID) -> HttpResponse:
    """The items of a level of the result's tree that the page left out."""
    row = find_job_sync(request.principal, job_id, heavy=("result",))
    try:
        path, start = json.loads(request.GET.get("at", "[]")), int(request.GET.get("from", "0"))
    except ValueError:
        raise BadRequest("at must be a JSON array of keys, from a number") from None
    if not isinstance(path, list) or not all(isinstance(key, str | int) for key in path):
        raise BadRequest("at must be a JSON array of keys")
    context = {
        "value": job_page.drawn(row.result or "null").value,
        "path": path,
        "start": max(0, start),
        "more_url": reverse("job-result-more", kwargs={"workspace": workspace, "job_id": job_id}),
    }
    return render(request, "ui/json_more.html", context)


@require_safe
async def log(request: PageRequest, workspace: str, job_id: UUID) -> StreamingHttpResponse:
    """The whole log as a file."""
    async with serving.connection() as conn:
        row = await find_job(conn, request.principal, job_id)
    response = StreamingHttpResponse(_log_bytes(row.id), content_type="text/plain; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{row.id}.log"'
    return response


async def _log_bytes(job_id: UUID) -> AsyncIterator[bytes]:
    async for piece in job_logs.stream_whole(serving.connection, job_id):
        yield piece.encode()
