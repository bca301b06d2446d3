"""The jobs API for callers by cookie: the operations of `workers.operations`, each a route with its permission."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from workers.answers import Answer, Call, parse_query
from workers.operations.table import OPERATIONS, Operation
from workspaces.routes import ApiRouter

router = ApiRouter()
ROUTERS = [("", router)]


def _serve(operation: Operation, request: Any, workspace: str, tail: str) -> Any:
    call = Call(
        method=operation.method,
        tail=tail.lstrip("/"),
        workspace_id=workspace,
        principal=request.principal,
        query=parse_query(request.META.get("QUERY_STRING", "")),
        headers={name.lower(): value for name, value in request.headers.items()},
        body=request.body,
    )
    return operation.answer(call)


def _response(answer: Answer) -> HttpResponseBase:
    response: HttpResponseBase
    if answer.chunks is not None:
        response = StreamingHttpResponse(_bytes(answer.chunks), status=answer.status, content_type=answer.content_type)
        response["Content-Encoding"] = "identity"  # else the gzip middleware holds events back to fill its buffer
    else:
        response = HttpResponse(answer.body, status=answer.status, content_type=answer.content_type)
    response["Cache-Control"] = "no-store"
    for name, value in answer.headers:
        response[name] = value
    return response


async def _bytes(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async for chunk in chunks:
        yield chunk


def _view(operation: Operation) -> Callable[..., Any]:
    """A view with exactly the arguments its address has: ninja reads the signature."""

    async def in_workspace_with_path(request: HttpRequest, workspace: str, path: str) -> Any:
        return _response(await _serve(operation, request, workspace, path))

    async def in_workspace_with_id(request: HttpRequest, workspace: str, id: str) -> Any:
        return _response(await _serve(operation, request, workspace, id))

    async def in_workspace(request: HttpRequest, workspace: str) -> Any:
        return _response(await _serve(operation, request, workspace, ""))

    async def of_site(request: HttpRequest) -> Any:
        return _response(await _serve(operation, request, "", ""))

    if not operation.in_workspace:
        return of_site
    return {"path": in_workspace_with_path, "id": in_workspace_with_id, "": in_workspace}[operation.tail]


def _address(operation: Operation) -> str:
    base = f"/w/{{workspace}}/{operation.prefix}" if operation.in_workspace else f"/{operation.prefix}"
    return base + {"path": "/{path:path}", "id": "/{id}", "": ""}[operation.tail]


def _register(operation: Operation) -> None:
    permission = operation.permission
    about = operation.answer.__doc__ or ""
    router.api_operation(
        [operation.method],
        _address(operation),
        role=permission.role,
        scope=permission.scope,
        scope_path=permission.scope_path,
        any_token=permission.any_token,
        summary=about.strip().split("\n")[0],
        operation_id=f"{operation.method}_{operation.prefix}".lower().replace("/", "_"),
        tags=[operation.prefix.split("/")[0]],
    )(_view(operation))


for _operation in OPERATIONS:
    _register(_operation)
