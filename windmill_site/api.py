"""The JSON API: every app's routers under /api, and errors as one line of text."""

from __future__ import annotations

import logging
from importlib import import_module
from typing import Any

import psycopg
from django import db
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError
from ninja.parser import Parser

from windmill_site import openapi
from workspaces import error_pages, jsontext
from workspaces.errors import BadRequest, NotFound, TooLarge, Unprocessable, WindmillError

log = logging.getLogger(__name__)
MAX_BODY_BYTES = 16 * 1024 * 1024
TEXT_BODIES = ("/variables/encrypt",)  # a JSON string; everywhere else an object

# Each names modules whose ROUTERS is a list of (prefix, ApiRouter).
API_MODULES = ("workspaces.api", "vault.api", "workers.api", "scripts_app.api")


class CleanParser(Parser):
    """Bodies are JSON as `jsontext` allows it: what the database could not keep never gets further."""

    def parse_body(self, request: HttpRequest) -> Any:
        problem: Any = request  # where the reason is kept: ninja drops it
        try:
            body = jsontext.clean(request.body, max_bytes=MAX_BODY_BYTES)[1]
        except jsontext.BadJson as error:
            problem.body_problem = str(error)
            raise
        # Ninja would read the attributes of a list as fields: `[1]` made a token with every default.
        if not isinstance(body, str if request.path_info.endswith(TEXT_BODIES) else dict):
            problem.body_problem, problem.body_status = "body: it has another type than this address takes", 422
            raise TypeError("body")
        return body


def make_api() -> NinjaAPI:
    """The API with all routers."""
    api = NinjaAPI(title="Windmill", openapi_url=None, docs_url=None, urls_namespace="api", parser=CleanParser())
    handlers: dict[type[Exception], Any] = {
        WindmillError: _ours,
        HttpError: _of_ninja,
        ValidationError: _invalid,
        Http404: _missing,
        RequestDataTooBig: _too_large,
        SuspiciousOperation: _not_understood,
        db.DataError: _unfit,
        psycopg.DataError: _unfit,
        Exception: _unexpected,
    }
    for kind, handler in handlers.items():
        api.add_exception_handler(kind, handler)
    for module in API_MODULES:
        for prefix, router in import_module(module).ROUTERS:
            api.add_router(prefix, router)
    openapi.add_to(api)
    return api


def _ours(request: HttpRequest, error: WindmillError) -> HttpResponse:
    return error_pages.api_answer(error)


def _of_ninja(request: HttpRequest, error: HttpError) -> HttpResponse:
    reason = getattr(request, "body_problem", None) or str(error)
    answer = BadRequest(f"{reason}; send a JSON body")
    answer.status = getattr(request, "body_status", error.status_code)
    return error_pages.api_answer(answer)


def _invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    return error_pages.api_answer(Unprocessable("; ".join(_complaint(each) for each in error.errors[:5])))


def _complaint(problem: dict[str, Any]) -> str:
    """`body.path: field required`, without the value that was sent."""
    where = ".".join(str(part) for part in problem["loc"] if part != "payload")
    return f"{where}: {problem['msg']}"


def _missing(request: HttpRequest, error: Http404) -> HttpResponse:
    return error_pages.api_answer(NotFound(f"nothing is at {request.path_info[:200]}; check the address"))


def _too_large(request: HttpRequest, error: Exception) -> HttpResponse:
    return error_pages.api_answer(TooLarge(f"The body has more than {MAX_BODY_BYTES:,} bytes; send less"))


def _not_understood(request: HttpRequest, error: Exception) -> HttpResponse:
    return error_pages.api_answer(BadRequest("The request could not be understood; check its host name and its form"))


def _unfit(request: HttpRequest, error: Exception) -> HttpResponse:
    """The last net: a field that should have been checked. Logged with its trace, for it is a defect of ours."""
    _log(request)
    return error_pages.api_answer(error_pages.UNFIT)


def _unexpected(request: HttpRequest, error: Exception) -> HttpResponse:
    _log(request)
    return error_pages.api_answer(error_pages.INTERNAL)


def _log(request: HttpRequest) -> None:
    match = request.resolver_match
    log.exception("api.failed", extra={"route": match.route if match else "", "method": request.method})
