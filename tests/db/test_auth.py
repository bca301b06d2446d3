"""Who a request is: credentials, their order, what other sites cannot do, and the answers to errors."""

import dataclasses

import pytest
from django.conf import settings
from django.http import HttpResponse
from django.test import Client
from django.urls import clear_url_caches, path

from tests.factories import PASSWORD, bearer, log_in, make_cast, make_member, make_token, make_user, make_workspace
from windmill_site import urls
from workspaces import login_limits
from workspaces.checks import every_route_has_a_permission
from workspaces.models import Token

pytestmark = pytest.mark.django_db
WHO = "/api/w/test/users/whoami"


@pytest.fixture
def cast():
    login_limits.clear()
    return make_cast()


@pytest.fixture
def secret(monkeypatch):
    monkeypatch.setattr(settings, "ENV", dataclasses.replace(settings.ENV, superadmin_secret="instance-secret"))
    return "instance-secret"


def test_login_by_api_gives_a_token_and_the_cookie(client):
    make_member(make_workspace(), "ana", user=make_user("ana@example.com", password=PASSWORD))
    login_limits.clear()
    body = {"email": "ana@example.com", "password": PASSWORD}
    answer = client.post("/api/auth/login", body, "application/json")
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/plain; charset=utf-8")
    text = answer.content.decode()
    assert answer.cookies["token"].value == text and answer.cookies["token"]["httponly"]
    assert Client().get(WHO, headers=bearer(text)).json()["username"] == "ana"
    bad = client.post("/api/auth/login", body | {"password": "no"}, "application/json")
    assert (bad.status_code, bad.content) == (400, b"Bad request: Invalid login")
    assert Client().post("/api/auth/logout", headers=bearer(text)).status_code == 200
    assert Client().get(WHO, headers=bearer(text)).status_code == 401


def test_the_header_counts_before_the_cookie_and_the_cookie_before_the_query(client, cast):
    admin, developer, operator = (make_token(user) for user in (cast.admin, cast.developer, cast.operator))
    assert client.get(f"{WHO}?token={operator}").json()["username"] == "operator"
    client.cookies["token"] = developer
    assert client.get(f"{WHO}?token={operator}").json()["username"] == "developer"
    assert client.get(f"{WHO}?token={operator}", headers=bearer(admin)).json()["username"] == "admin"
    assert client.get(f"{WHO}?token={operator}", headers=bearer("wrong")).status_code == 401


def test_the_workspaced_whoami_tells_the_rights(client, cast):
    me = client.get(WHO, headers=bearer(make_token(cast.operator))).json()
    assert (me["operator"], me["is_admin"], me["groups"]) == (True, False, ["all"])
    root = client.get(WHO, headers=bearer(make_token(cast.superadmin))).json()
    assert (root["non_member"], root["is_super_admin"], root["username"]) == (True, True, "superadmin@example.com")
    assert client.get(WHO, headers=bearer(make_token(cast.outsider))).status_code == 403
    assert client.get("/api/w/nowhere/users/whoami", headers=bearer(make_token(cast.admin))).status_code == 403
    assert client.get("/api/w/nowhere/users/whoami", headers=bearer(make_token(cast.superadmin))).status_code == 404


def test_the_instance_secret_is_a_superadmin(client, cast, secret):
    me = client.get(WHO, headers=bearer(secret)).json()
    assert (me["email"], me["username"], me["is_super_admin"]) == (
        "superadmin@windmill.dev",
        "superadmin_secret",
        True,
    )
    assert client.get("/api/users/list_as_super_admin", headers=bearer(secret)).status_code == 200
    made = {"id": "fresh", "name": "Fresh"}
    assert client.post("/api/workspaces/create", made, "application/json", headers=bearer(secret)).status_code == 201
    assert client.post("/api/users/tokens/create", {}, "application/json", headers=bearer(secret)).status_code == 403
    assert client.get(WHO, headers=bearer(secret + "x")).status_code == 401


def test_its_address_cannot_be_taken(client, cast):
    body = {"email": "Superadmin@windmill.dev", "password": PASSWORD}
    headers = bearer(make_token(cast.superadmin))
    assert client.post("/api/users/create", body, "application/json", headers=headers).status_code == 400


CROSS_SITE = [
    ({"Sec-Fetch-Site": "cross-site"}, 403),
    ({"Sec-Fetch-Site": "same-site"}, 403),
    ({"Origin": "https://evil.example"}, 403),
    ({"Origin": "null"}, 403),
    ({}, 403),
    ({"Sec-Fetch-Site": "same-origin", "Origin": "http://testserver"}, 201),
    ({"Origin": "http://testserver"}, 201),
    ({"Sec-Fetch-Site": "same-origin", "Sec-Purpose": "prefetch"}, 403),
]


@pytest.mark.parametrize(("headers", "status"), CROSS_SITE)
def test_another_site_cannot_use_the_cookie(cast, headers, status):
    browser = log_in(Client(enforce_csrf_checks=True), cast.developer)
    answer = browser.post("/api/users/tokens/create", {}, "application/json", headers=headers)
    assert answer.status_code == status, answer.content
    assert Token.objects.filter(kind="api").count() == (status == 201)


def test_bearers_need_no_proof_of_origin(cast):
    headers = {**bearer(make_token(cast.developer)), "Origin": "https://elsewhere.example"}
    client = Client(enforce_csrf_checks=True)
    assert client.post("/api/users/tokens/create", {}, "application/json", headers=headers).status_code == 201


def test_a_get_that_runs_something_is_refused_to_other_sites(cast):
    browser = log_in(Client(), cast.developer)
    url = "/api/w/test/jobs/run_wait_result/p/u/developer/x"
    assert browser.get(url, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert browser.get(url, headers={"Referer": "https://evil.example/"}).status_code == 403
    assert browser.get(url, headers={"Sec-Fetch-Site": "none"}).status_code == 404


def test_a_bare_cookie_is_enough_for_the_dependency_calls_of_clients(cast):
    client = Client()
    client.cookies["token"] = make_token(cast.developer)
    url = "/api/w/test/jobs/run/dependencies_async"
    assert client.post(url, {}, "application/json").status_code == 422
    assert client.post(url, {}, "application/json", headers={"Origin": "https://evil.example"}).status_code == 403


@pytest.mark.parametrize(
    ("method", "url", "body", "status"),
    [
        ("GET", "/api", "", 404),
        ("GET", "/api/", "", 404),
        ("GET", "/api/none", "", 404),
        ("GET", "/api/users/whoami/", "", 404),
        ("PUT", "/api/users/whoami", "", 405),
        ("POST", "/api/workspaces/exists", "{", 400),
        ("POST", "/api/workspaces/exists", "[]", 422),
        ("POST", "/api/workspaces/exists", '{"id": 1}', 422),
        ("POST", "/api/workspaces/exists", '{"id": NaN}', 400),
        ("POST", "/api/workspaces/exists", "[" * 600 + "]" * 600, 400),
        ("POST", "/api/workspaces/exists", b'{"id": "\xff"}', 400),
        ("POST", "/api/workspaces/exists", "", 422),
        ("GET", "/api/users/whoami?x=%00", "", 400),
        ("GET", "/api/w/test%00/users/whoami", "", 400),
        ("GET", "/api/users/tokens/list?page=x", "", 422),
    ],
)
def test_every_error_of_the_api_is_one_line_of_text(client, cast, method, url, body, status):
    answer = client.generic(method, url, body, "application/json", headers=bearer(make_token(cast.developer)))
    assert (answer.status_code, answer["Content-Type"]) == (status, "text/plain; charset=utf-8"), answer.content
    assert answer.content and b"\n" not in answer.content and b"<" not in answer.content
    assert "no-store" in answer["Cache-Control"]


def test_a_body_beyond_the_limit_and_a_foreign_host_are_told_so(cast):
    client = Client(headers=bearer(make_token(cast.developer)))
    big = client.post("/api/workspaces/exists", b'{"id": "' + b"x" * 17_000_000 + b'"}', "application/json")
    assert (big.status_code, big["Content-Type"]) == (413, "text/plain; charset=utf-8")
    foreign = client.get("/api/users/whoami", headers={"Host": "evil.example"})
    assert (foreign.status_code, foreign["Content-Type"]) == (400, "text/plain; charset=utf-8")
    page = Client().get("/user/login", headers={"Host": "evil.example"})
    assert page.status_code == 400 and b"evil" not in page.content


def test_a_failure_inside_shows_nothing_of_it(cast, monkeypatch):
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("secret detail")

    headers = bearer(make_token(cast.developer))
    monkeypatch.setattr("workspaces.tokens.create_token", fail)
    client = Client(raise_request_exception=False)
    answer = client.post("/api/users/tokens/create", {}, "application/json", headers=headers)
    assert answer.status_code == 500 and answer.content.startswith(b"Internal: ")
    assert b"secret" not in answer.content


def test_pages_answer_errors_as_pages_and_htmx_as_a_toast(client, cast):
    log_in(client, cast.operator)
    missing = client.get("/no/such/page")
    assert missing.status_code == 404 and b"Nothing is here" in missing.content
    refused = client.get("/w/other/runs")
    assert refused.status_code == 403 and b"not a member of workspace other" in refused.content
    part = client.get("/w/other/runs", headers={"HX-Request": "true"})
    assert (part.status_code, part["HX-Retarget"]) == (403, "#toasts") and b"<html" not in part.content
    gone = Client().get("/user/account", headers={"HX-Request": "true"})
    assert gone.status_code == 401 and gone["HX-Redirect"].startswith("/user/login?next=")


def test_the_site_refuses_a_route_without_a_permission(monkeypatch):
    assert every_route_has_a_permission(None) == []
    monkeypatch.setattr(urls, "urlpatterns", [path("open/<str:name>", lambda request, name: HttpResponse())])
    clear_url_caches()
    found = [error.msg for error in every_route_has_a_permission(None)]
    monkeypatch.undo()
    clear_url_caches()
    assert "* /open/{name} has no permission" in found
