"""Login, set-up and account as a browser sees them."""

import pytest
from django.test import Client

from tests.factories import PASSWORD, log_in, make_member, make_user, make_workspace
from workspaces import login_limits, setup
from workspaces.models import Token, User, Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def no_tries_before():
    login_limits.clear()


def test_a_right_password_opens_the_page_that_was_asked_for(client):
    user = make_user("ana@example.com", password=PASSWORD)
    asked = client.get("/user/account?x=1")
    assert asked.status_code == 302 and asked["Location"] == "/user/login?next=%2Fuser%2Faccount%3Fx%3D1"
    answer = client.post("/user/login", {"email": " ANA@example.com", "password": PASSWORD, "next": "/user/account"})
    assert (answer.status_code, answer["Location"]) == (302, "/user/account")
    assert answer.cookies["token"]["httponly"] and answer.cookies["token"]["samesite"] == "Lax"
    assert b"ana@example.com" in client.get("/user/account").content
    assert Token.objects.get(user=user).kind == "session"


@pytest.mark.parametrize("email", ["ana@example.com", "nobody@example.com"])
def test_a_wrong_pair_is_refused_with_the_same_words(client, email):
    make_user("ana@example.com", password=PASSWORD)
    answer = client.post("/user/login", {"email": email, "password": "wrong"})
    assert answer.status_code == 422
    assert b"The e-mail or the password is wrong" in answer.content


@pytest.mark.parametrize("target", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)"])
def test_login_never_leads_to_another_site(client, target):
    make_user("ana@example.com", password=PASSWORD)
    answer = client.post("/user/login", {"email": "ana@example.com", "password": PASSWORD, "next": target})
    assert answer["Location"] == "/"


def test_ten_tries_on_an_account_within_a_minute_are_enough(client):
    for _ in range(10):
        assert client.post("/user/login", {"email": "ana@example.com", "password": "x"}).status_code == 422
    assert client.post("/user/login", {"email": "ana@example.com", "password": "x"}).status_code == 429


def test_right_passwords_count_for_nobody(client):
    make_user("ana@example.com", password=PASSWORD)
    for _ in range(login_limits.PER_ACCOUNT + 2):
        answer = client.post("/user/login", {"email": "ana@example.com", "password": PASSWORD})
        assert answer.status_code == 302
    assert all(not tries for tries in login_limits._tries.values())


def test_logout_ends_the_login_everywhere():
    user = make_user()
    browser, copy = log_in(Client(), user), Client()
    copy.cookies["token"] = browser.cookies["token"].value
    browser.post("/user/logout")
    assert copy.get("/user/account").status_code == 302


def test_forms_need_the_csrf_token():
    browser = log_in(Client(enforce_csrf_checks=True), make_user())
    answer = browser.post("/user/account/tokens", {"label": "x"})
    assert answer.status_code == 403 and b"reload the page" in answer.content
    assert not Token.objects.filter(kind="api").exists()


def test_the_setup_link_makes_the_first_admin_once(client):
    link = setup.setup_link("http://localhost")
    path = link.removeprefix("http://localhost")
    # not no-referrer: browsers then send `Origin: null` with the form, which the CSRF check refuses
    assert client.get(path)["Referrer-Policy"] == "same-origin"
    given = {"email": "boss@example.com", "password": "short", "workspace_name": "Acme Ops"}
    assert client.post(path, given).status_code == 422
    answer = client.post(path, {**given, "password": PASSWORD})
    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert User.objects.get(email="boss@example.com").is_superadmin
    assert Workspace.objects.get(pk="acme-ops").memberships.get().is_admin
    assert client.get(path).status_code == 404
    assert setup.setup_link("http://localhost") is None


def test_a_new_setup_link_kills_the_old_one(client):
    old, new = setup.setup_link("http://h"), setup.setup_link("http://h")
    assert client.get(old.removeprefix("http://h")).status_code == 404
    assert client.get(new.removeprefix("http://h")).status_code == 200


def test_first_admin_from_the_environment_gets_a_workspace():
    setup.ensure_first_admin("Boss@example.com", PASSWORD)
    setup.ensure_first_admin("boss@example.com", "another password")
    assert User.objects.get().check_password(PASSWORD)
    assert User.objects.get().memberships.get().workspace_id == "main"


def test_a_token_is_shown_once_and_can_be_deleted(client):
    log_in(client, make_member(make_workspace(), "ana").user)
    made = client.post("/user/account/tokens", {"label": "ci", "life": "7"})
    text = made.context["minted"].text
    assert text in made.content.decode() and "no-store" in made["Cache-Control"]
    assert text not in client.get("/user/account").content.decode()
    client.post(f"/user/account/tokens/{text[:10]}/delete")
    assert not Token.objects.filter(kind="api").exists()


def test_a_new_password_ends_other_logins():
    user = make_user(password=PASSWORD)
    here, there = log_in(Client(), user), log_in(Client(), user)
    assert here.post("/user/account/password", {"old": "no", "new": "another good one"}).status_code == 422
    assert here.post("/user/account/password", {"old": PASSWORD, "new": "another good one"}).status_code == 302
    assert here.get("/user/account").status_code == 200
    assert there.get("/user/account").status_code == 302


def test_an_account_without_a_workspace_is_told_so(client):
    log_in(client, make_user())
    assert client.get("/")["Location"] == "/user/account"
    assert b"no workspace yet" in client.get("/user/account").content


def test_only_superadmins_make_workspaces(client):
    log_in(client, make_member(make_workspace(), "ana", is_admin=True).user)
    assert client.get("/user/workspaces/new").status_code == 403
    log_in(client, make_user("root@example.com", is_superadmin=True))
    assert client.post("/user/workspaces/new", {"id": "a..b", "name": "X"}).status_code == 422
    assert client.post("/user/workspaces/new", {"id": "ops", "name": "Ops"}).status_code == 302
    assert Workspace.objects.get(pk="ops").memberships.get().username == "root"
