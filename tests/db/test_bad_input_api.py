"""Every address of the API × what no client should send: one line of text with a 4xx, no 500, nothing half stored."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from django.db import connection
from django.test import Client

from scripts_app.models import Script
from tests.db.asgi_kit import Answered, Api, empty_job_tables, serving_loop, sql
from tests.db.odd_input import ACCEPTED, BODIES, MEDIA, ODD, OPTION_VALUES, OPTIONS, PARTS, QUERIES, SHAPES
from tests.db.permission_matrix import NOTHING
from tests.db.script_factories import make_script
from tests.factories import Cast, bearer, log_in, make_cast, make_folder, make_group, make_token, principal_of
from vault.models import Resource, Variable
from workers.operations.table import OPERATIONS
from workspaces.models import Folder, Group, Token, User
from workspaces.routes import Route, registered

pytestmark = pytest.mark.django_db
RUN = "jobs/run/p/f/etl/load"


@pytest.fixture
def cast(db: None) -> Cast:
    cast = make_cast()
    make_folder(cast.workspace, "etl", owners=("u/admin",))
    make_group(cast.workspace, "night")
    make_script("f/etl/load", by=principal_of(cast.admin, cast.workspace), lock="")
    return cast


@pytest.fixture
def headers(cast: Cast) -> dict[str, str]:
    """A token that may do everything, so that nothing but the input can be what is refused."""
    return bearer(make_token(cast.superadmin))


def apis(method: str = "") -> list[Route]:
    return [each for each in registered() if each.path.startswith("/api/") and each.method in (method or each.method)]


def address_of(route: Route, **parts: str) -> str:
    return route.path.format(**(NOTHING | parts))


def complaint(where: str, status: int, content_type: str, body: bytes) -> str:
    """What is wrong with an answer to bad input; "" when it is one line of text with a 4xx, or a success."""
    if status < 400:
        return ""
    text = body.decode(errors="replace")
    clean = (
        content_type.startswith("text/plain") and "\n" not in text.strip() and text.strip() and "Traceback" not in text
    )
    return "" if status < 500 and clean else f"{where}: {status} {content_type} {text[:200]!r}"


def listed(wrong: list[str]) -> str:
    return "\n".join(sorted({each for each in wrong if each}))


def stored() -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM job")
        jobs = cursor.fetchone()[0]
    return [jobs, *(model.objects.count() for model in (Script, Variable, Resource, Folder, Group, User, Token))]


def send(
    client: Client, method: str, url: str, raw: bytes, headers: dict[str, str], media: str = "application/json"
) -> str:
    answer = client.generic(method, url, raw, content_type=media, headers=headers)
    body = b"" if answer.streaming else answer.content
    return complaint(
        f"{method} {url[:200]} {raw[:60]!r}", answer.status_code, answer.headers.get("Content-Type", ""), body
    )


@pytest.fixture(scope="module", autouse=True)
def no_job_is_left(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Jobs are pushed on connections of their own, so nothing rolls them back."""
    yield
    with django_db_blocker.unblock():
        empty_job_tables()


@pytest.fixture(autouse=True)
def cheap(settings: Any) -> None:
    """Passwords cost nothing here, and thousands of refusals are not printed."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    logging.getLogger("django.request").setLevel(logging.ERROR)


def test_bodies_that_are_no_json_change_nothing(client: Client, headers: dict[str, str]) -> None:  # R2, R3, R4
    wrong, before = [], stored()
    few = {name: BODIES[name] for name in ("cut", "not UTF-8", "NaN")}  # all of them: the next test
    for route in apis("POST") + apis("DELETE"):
        for raw in (few | SHAPES).values():
            wrong.append(send(client, route.method, address_of(route), raw, headers))
    assert not any(wrong), listed(wrong)
    assert stored() == before


def test_bodies_that_are_no_json_are_refused_by_all_that_read_one(client: Client, headers: dict[str, str]) -> None:
    for url in (*ACCEPTED, f"/api/w/test/{RUN}"):
        for name, raw in BODIES.items():
            answer = client.post(url, raw, content_type="application/json", headers=headers)
            assert answer.status_code in (400, 422), (url, name, answer.status_code, answer.content[:200])


def test_bodies_above_the_limit_are_413(client: Client, headers: dict[str, str]) -> None:  # SEC-Q2
    for url, size in (
        ("/api/w/test/variables/create", 17_000_000),
        (f"/api/w/test/{RUN}", 9_000_000),
        ("/api/auth/login", 17_000_000),
    ):
        raw = b'{"value":"' + b"x" * size + b'"}'
        answer = client.post(url, raw, content_type="application/json", headers=headers)
        assert answer.status_code == 413, (url, answer.status_code)
        assert complaint(url, answer.status_code, answer["Content-Type"], answer.content) == ""


def test_bodies_of_other_types_are_4xx(client: Client, headers: dict[str, str]) -> None:
    wrong = [
        send(client, "POST", url, raw, headers, media)
        for url in (
            f"/api/w/test/{RUN}",
            "/api/w/test/scripts/create",
            "/api/w/test/jobs/run/preview",
            "/api/auth/login",
        )
        for media, raw in MEDIA
    ]
    assert not any(wrong), listed(wrong)


@pytest.mark.parametrize("url", ACCEPTED)
def test_each_field_may_hold_anything(client: Client, headers: dict[str, str], url: str) -> None:
    accepted, wrong = ACCEPTED[url], []
    answer = client.post(url, json.dumps(accepted), content_type="application/json", headers=headers)
    assert answer.status_code < 300 or "set_progress" in url, answer.content
    for name in accepted:
        for odd in ODD:
            raw = json.dumps(accepted | {name: odd}).encode()
            wrong.append(send(client, "POST", url, raw, headers))
    wrong.append(send(client, "POST", url, json.dumps(accepted | {"no_such_field\x00": 1}).encode(), headers))
    assert not any(wrong), listed(wrong)


def test_what_was_stored_of_it_can_be_read(client: Client, headers: dict[str, str]) -> None:
    """No accepted oddity may break the lists and pages that show it."""
    for url in (f"/api/w/test/{kind}/create" for kind in ("scripts", "variables", "folders")):
        accepted = ACCEPTED[url]
        for name in accepted:
            for number, odd in enumerate(ODD):
                body = accepted | {name: odd}
                if name != "path" and isinstance(body.get("path"), str):
                    body["path"] += f"_{name}_{number}"
                send(client, "POST", url, json.dumps(body).encode(), headers)
    wrong = [send(client, "GET", address_of(route), b"", headers) for route in apis("GET") if "list" in route.path]
    for item in Script.objects.filter(archived_at=None):
        wrong += [
            send(client, "GET", f"/api/w/test/scripts/{kind}/p/{item.path}", b"", headers)
            for kind in ("get", "raw", "history")
        ]
    for kind, model in (("variables", Variable), ("resources", Resource)):
        for path in model.objects.values_list("path", flat=True):
            wrong += [
                send(client, "GET", f"/api/w/test/{kind}/{deed}/{path}", b"", headers) for deed in ("get", "get_value")
            ]
    assert not any(wrong), listed(wrong)
    assert Script.objects.count() > 20
    assert Variable.objects.count() > 20


def test_parts_of_addresses_may_hold_anything(client: Client, headers: dict[str, str]) -> None:  # SEC-A7, P1
    wrong, before = [], stored()
    for route in apis():
        names = [name for name in NOTHING if f"{{{name}}}" in route.path]
        for name in names:
            for part in PARTS:
                url = address_of(route, **{name: quote(part, safe="/%*~'\"{}<>;")})
                wrong.append(send(client, route.method, url, b"{}", headers))
    assert not any(wrong), listed(wrong)
    assert stored()[1:] == before[1:]


def test_queries_may_hold_anything(client: Client, headers: dict[str, str]) -> None:
    wrong = [
        send(client, "GET", f"{address_of(route)}?{query}", b"", headers)
        for route in apis("GET")
        for query in QUERIES
    ]  # fmt: skip
    assert not any(wrong), listed(wrong)


def test_paths_that_break_the_rules_name_no_script(client: Client, headers: dict[str, str]) -> None:
    before = stored()
    for path in (
        "f/etl/../etl/load",
        "f/etl/load ",
        "f/etl//load",
        "F/etl/load",
        "f/ｅtl/load",
        "f/etl/load\u200b",
        "f/etl",
        "f/etl/Load",
        "etl/load",
    ):
        for url in (f"/api/w/test/jobs/run/p/{quote(path)}", f"/api/w/test/scripts/archive/p/{quote(path)}"):
            answer = client.post(url, b"{}", content_type="application/json", headers=headers)
            assert answer.status_code in (400, 404), (url, answer.status_code)
        new = json.dumps({"path": path, "content": "def main(): pass", "language": "python3", "summary": ""})
        answer = client.post("/api/w/test/scripts/create", new, content_type="application/json", headers=headers)
        # another name is a name; anything else is none
        assert answer.status_code == (201 if path == "f/etl/Load" else 400), (path, answer.status_code)
    assert stored()[2:] == before[2:]
    assert not Script.objects.filter(archived_at__isnull=False).exists()


def test_an_address_that_is_none_is_another_site(client: Client, cast: Cast) -> None:  # SEC-H2
    log_in(client, cast.admin)
    for header in ("Referer", "Origin"):
        answer = client.get(f"/api/w/test/{RUN.replace('run', 'run_wait_result', 1)}", headers={header: "http://["})
        assert (answer.status_code, answer["Content-Type"][:10]) == (403, "text/plain"), header


# --- the same operations where bearers meet them first ---


@pytest.fixture
def api(transactional_db: None) -> Iterator[Api]:
    empty_job_tables()
    cast = make_cast()
    make_folder(cast.workspace, "etl", owners=("u/admin",))
    make_script("f/etl/load", by=principal_of(cast.admin, cast.workspace), lock="")
    yield Api(make_token(cast.superadmin))
    empty_job_tables()


def judged(where: str, answer: Answered) -> str:
    headers = {name.lower(): value for name, value in answer.headers.items()}
    return complaint(where, answer.status, headers.get("content-type", ""), answer.body)


@pytest.mark.django_db(transaction=True)
async def test_the_fast_lane_refuses_the_same(api: Api) -> None:
    wrong = []
    async with serving_loop():
        for operation in OPERATIONS:
            base = f"/api/w/test/{operation.prefix}" if operation.in_workspace else f"/api/{operation.prefix}"
            tails = {"": [""], "id": [NOTHING["id"]], "path": ["f/none/nothing"]}[operation.tail]
            if operation.method == "POST":
                for raw in (BODIES | SHAPES).values():
                    where = f"{base}/{tails[0]} {raw[:40]!r}"
                    if operation.tail == "" and raw == b"":
                        continue
                    wrong.append(judged(where, await api.send("POST", f"{base}/{tails[0]}".rstrip("/"), raw=raw)))
            for part in PARTS if operation.tail else ():
                answer = await api.send(operation.method, f"{base}/{part}", raw=b"{}")
                wrong.append(judged(f"{base}/{part[:80]!r}", answer))
        assert await sql("SELECT count(*) FROM job WHERE runnable_path <> ''") == [(0,)]
    assert not any(wrong), listed(wrong)


@pytest.mark.django_db(transaction=True)
async def test_the_fast_lane_survives_odd_queries_and_headers(api: Api) -> None:
    wrong = []
    async with serving_loop():
        for name in OPTIONS:
            for value in OPTION_VALUES:
                wrong.append(judged(f"{name}={value[:40]!r}", await api.post(RUN, {"a": 1}, **{name: value})))
        for name in (
            "idempotency-key",
            "content-type",
            "x-forwarded-for",
            "cookie",
            "authorization",
            "accept",
            "range",
        ):
            for value in ("", "\xff\xfe", "a" * 9000, "Bearer ", "Basic x", "token=\xff", "bytes=0-", "a,b;c=d;;"):
                wrong.append(judged(f"{name}: {value[:20]!r}", await api.post(RUN, {"a": 1}, headers={name: value})))
        # every job that was made of it can be claimed and read
        jobs = await api.get("jobs/list", per_page=10_000)
        assert jobs.status == 200
        assert len(jobs.json) > 100
        instants = await sql("SELECT min(scheduled_for), max(scheduled_for) FROM job_queue")
        assert instants[0][0].year >= 1
        assert (await api.get("jobs/list", status="waiting", include_args="true")).status == 200
    assert not any(wrong), listed(wrong)


@pytest.mark.django_db(transaction=True)
async def test_arguments_are_stored_as_others_can_read_them(api: Api) -> None:  # R2, X21
    raw = (
        b'{"a\\u0000":"b\\u0000","c":"\\ud800","c":"\\udfff","n":1.0,"e":1e2,"z":-0,"deep":'
        + b"[" * 499
        + b"]" * 499
        + b"}"
    )
    async with serving_loop():
        answer = await api.send("POST", RUN, raw=raw, headers={"content-type": "application/json"})
        assert answer.status == 201, answer.text
        read = (await api.get(f"jobs_u/get_args/{answer.text}")).json
        assert (read["a"], read["c"]) == ("b", "\ufffd")
        assert await sql("SELECT args->>'a', (args->>'n')::numeric FROM job WHERE id = %s::uuid", answer.text) == [
            ("b", 1)
        ]
        plain = await api.send("POST", RUN, raw=b'{"n":1.0,"e":1e2,"z":-0, "a":"\xe2\x80\xa8"}')
        assert await sql("SELECT args::text FROM job WHERE id = %s::uuid", plain.text) == [
            ('{"n":1.0,"e":1e2,"z":-0, "a":"\u2028"}',)
        ]


@pytest.mark.django_db(transaction=True)
async def test_ids_and_keys_are_used_once(api: Api) -> None:  # J3
    chosen = "0199f2c4-a11b-77de-8000-00000000abcd"
    async with serving_loop():
        assert (await api.post(RUN, {}, job_id=chosen)).text == chosen
        again = await api.post(RUN, {}, job_id=chosen.upper())
        assert (again.status, "exists already" in again.text) == (400, True)
        for lane in ("query", "header"):
            key = {"idempotency_key": "k1"} if lane == "query" else {"headers": {"Idempotency-Key": "k2"}}
            answers = await asyncio.gather(*(api.post(RUN, {"n": 1}, **key) for _ in range(50)))
            assert {each.status for each in answers} == {201}
            assert len({each.text for each in answers}) == 1
            other = await api.post(RUN, {"n": 2}, **key)
            assert (other.status, other.headers["content-type"]) == (409, "text/plain; charset=utf-8")
        assert await sql("SELECT count(*) FROM job") == [(3,)]
