"""Every address × everybody: the outcome that the table says, and nothing of another workspace anywhere."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from tests.db import permission_matrix as matrix
from tests.db.asgi_kit import Api, serving_loop
from tests.db.permission_matrix import Actor, Row
from tests.factories import Cast, bearer, log_in, make_cast, make_folder, make_group, make_token
from vault.models import Resource, Variable
from windmill_site import sockets
from workers import fastlane
from workers.operations.table import OPERATIONS
from workers.push import NewJob, push_job
from workspaces import login_limits
from workspaces.models import Folder
from workspaces.routes import registered

ROWS = matrix.rows()
CANARY = "zebra-canary"


def test_the_table_and_the_site_agree():
    there = {
        (route.method, route.path): (route.permission.role.name, route.permission.scope, route.permission.any_token)
        for route in registered()
        if route.permission is not None
    }
    told = {(row.method, row.address): (row.role, row.scope, row.any_token) for row in ROWS}
    assert sockets.sockets
    unlisted = [f"{method} {path} {there[method, path]}" for method, path in there.keys() - told.keys()]
    gone = [f"{method} {path}" for method, path in told.keys() - there.keys()]
    both = told.keys() & there.keys()
    other = [f"{key}: table {told[key]}, site {there[key]}" for key in both if told[key] != there[key]]
    assert (sorted(unlisted), sorted(gone), sorted(other)) == ([], [], [])


def test_the_fast_lane_asks_what_django_asks():
    there = {(route.method, route.path): route.permission for route in registered()}
    for operation in OPERATIONS:
        base = "/api/w/{workspace}/" if operation.in_workspace else "/api/"
        tail = f"/{{{operation.tail}}}" if operation.tail else ""
        assert there[operation.method, f"{base}{operation.prefix}{tail}"] == operation.permission


@pytest.fixture
def cast() -> Iterator[Cast]:
    login_limits.clear()
    yield make_cast()
    login_limits.clear()


@pytest.mark.django_db
@pytest.mark.parametrize("actor", matrix.ACTORS, ids=lambda actor: actor.label)
def test_api(cast: Cast, actor: Actor):
    client = Client()  # one for all: each would load the middleware anew
    wrong = []
    for row in ROWS:
        if not row.is_api:
            continue
        client.cookies.clear()
        answer = _call(client, row, _headers(cast, actor, row))
        seen = {401: "unknown", 403: "refused"}.get(answer.status_code, "open")
        wanted = matrix.expected(row, actor)
        if seen != wanted:
            wrong.append(f"{row.method} {row.url}: {answer.status_code} {_text(answer)}, not {wanted}")
        if answer.status_code >= 400:
            assert answer["Content-Type"].startswith("text/plain"), row
            assert "\n" not in _text(answer), row
    assert wrong == []


@pytest.mark.django_db(transaction=True)
def test_the_fast_lane(cast: Cast):
    """The operations that are served before Django, as all callers, over ASGI."""
    fast = [row for row in ROWS if row.is_api and fastlane.find(row.url)]
    calls = [(row, actor, _headers(cast, actor, row)) for row in fast for actor in matrix.ACTORS]

    async def call_all() -> list[str]:
        wrong = []
        async with serving_loop():
            for row, actor, headers in calls:
                body = None if row.method == "GET" else row.body
                answer = await Api().send(row.method, row.url, body, headers=headers)
                seen = {401: "unknown", 403: "refused"}.get(answer.status, "open")
                if seen != matrix.expected(row, actor):
                    wrong.append(f"{row.method} {row.url} as {actor.label}: {answer.status} {answer.text}")
        return wrong

    assert len(fast) >= len(OPERATIONS)
    assert asyncio.run(call_all()) == []


@pytest.mark.django_db
@pytest.mark.parametrize("actor", matrix.PEOPLE, ids=lambda actor: actor.label)
def test_pages(cast: Cast, actor: Actor):
    client = Client()
    wrong = []
    for row, method in [(row, method) for row in ROWS if row.is_page for method in ("GET", "POST")]:
        client.cookies.clear()
        if actor.name != "anonymous":
            log_in(client, getattr(cast, actor.name))
        answer = client.generic(method, row.url)
        location = answer.headers.get("Location", "")
        sent_to_login = location.startswith(("/user/login?next=", "/admin/login/?next="))
        seen = "refused" if answer.status_code == 403 else "unknown" if sent_to_login else "open"
        wanted = matrix.expected(row, actor)
        if seen != wanted:
            wrong.append(f"{method} {row.url}: {answer.status_code} {location}, not {wanted}")
    assert wrong == []


@pytest.mark.django_db
def test_tokens_open_no_page(cast: Cast):
    client = Client(headers=bearer(make_token(cast.superadmin)))
    for row in ROWS:
        if row.is_page and row.role != "PUBLIC":
            answer = client.get(row.url)
            assert answer.headers.get("Location", "").startswith(("/user/login", "/admin/login")), row


@pytest.mark.django_db(transaction=True)
def test_nothing_of_another_workspace_is_in_any_answer(cast: Cast):
    """An admin of `test` names the things of `other` at every address that reads."""
    job_id = _furnish(cast)
    client = Client(headers=bearer(make_token(cast.admin)))
    names = {"id": job_id, "path": f"f/zebra/{CANARY}", "name": "zebra", "username": "other_admin"}
    for row in ROWS:
        if row.method != "GET" or not row.address.startswith("/api/w/{workspace}/"):
            continue
        answer = client.get(row.address.format(**{**matrix.NOTHING, **names}))
        if answer.status_code < 400 and not answer.streaming:
            assert CANARY not in _text(answer), row
            assert "{path}" not in row.address or _text(answer) in ("false", "null", "[]", "{}"), row


def _furnish(cast: Cast) -> str:
    """One of everything in workspace `other`, with the canary in every text; the id of its job."""
    make_folder(cast.other, "zebra", extra_perms={"g/all": True})
    Folder.objects.update(summary=CANARY, display_name=CANARY)
    make_group(cast.other, CANARY)
    who: dict[str, Any] = {"workspace": cast.other, "created_by": CANARY, "edited_by": CANARY, "description": CANARY}
    path = f"f/zebra/{CANARY}"
    Variable.objects.create(path=path, value=CANARY, **who)
    Resource.objects.create(path=path, value={"a": CANARY}, resource_type=CANARY, **who)
    job = NewJob("other", "identity", CANARY, CANARY, "u/other_admin", "other_admin@example.com", runnable_path=path)
    return str(push_job(job).job_id)


def _headers(cast: Cast, actor: Actor, row: Row) -> dict[str, str]:
    if actor.name == "anonymous":
        return {}
    right = [row.scope.replace(":poll", ":read")] if row.scope else None
    scopes = {"all": None, "other": ["flows:read"], "right": right}
    return bearer(
        make_token(
            getattr(cast, actor.name),
            scopes_wanted=scopes[actor.scopes],
            is_read_only=actor.is_read_only,
            workspace_id=actor.bound_to or None,
        )
    )


def _call(client: Client, row: Row, headers: dict[str, str]) -> Any:
    if row.method == "GET":
        return client.get(row.url, headers=headers)
    return client.generic(row.method, row.url, json.dumps(row.body), "application/json", headers=headers)


def _text(answer: Any) -> str:
    return "(a stream)" if answer.streaming else answer.content.decode()
