"""API tokens: shown once, kept as a hash, never wider than their maker, dead at once."""

from datetime import timedelta

import pytest

from tests.factories import bearer, log_in, make_cast, make_token, principal_of
from workspaces import clock, tokens
from workspaces.credentials import digest
from workspaces.models import AuditEntry, Token

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast():
    return make_cast()


def create(client, token, **body):
    return client.post("/api/users/tokens/create", body, "application/json", headers=bearer(token))


def test_a_token_is_made_listed_used_and_deleted(client, cast):
    made = create(client, make_token(cast.developer), label="ci", scopes=["users:read", "users:write"])
    assert (made.status_code, made["Content-Type"]) == (201, "text/plain; charset=utf-8")
    text = made.content.decode()
    assert text.startswith("wm_") and len(text) == 43
    row = Token.objects.get(label="ci")
    assert bytes(row.hash) == digest(text) and row.prefix == text[:10]
    listed = client.get("/api/users/tokens/list?exclude_ephemeral=true", headers=bearer(text)).json()
    shown = next(each for each in listed if each["label"] == "ci")
    assert shown.keys() >= {"token_prefix", "created_at", "last_used_at", "read_only", "email"}
    assert text not in str(listed)
    deleted = client.delete(f"/api/users/tokens/delete/{text[:10]}", headers=bearer(text))
    assert deleted.status_code == 200 and deleted["Content-Type"].startswith("text/plain")
    assert client.get("/api/users/whoami", headers=bearer(text)).status_code == 401
    assert set(AuditEntry.objects.values_list("operation", flat=True)) >= {"users.token.create", "users.token.delete"}


def test_an_empty_body_is_legal(client, cast):
    text = make_token(cast.developer)
    assert client.post("/api/users/tokens/create", "{}", "application/json", headers=bearer(text)).status_code == 201


def test_a_scoped_token_makes_no_wider_one(client, cast):
    narrow = make_token(cast.developer, scopes_wanted=["users:write", "scripts:read:f/a/*"])
    assert create(client, narrow).status_code == 403
    assert create(client, narrow, scopes=["scripts:read"]).status_code == 403
    assert create(client, narrow, scopes=["scripts:write:f/a/b"]).status_code == 403
    assert create(client, narrow, scopes=["scripts:read:f/a/b"]).status_code == 201
    reader = make_token(cast.developer, scopes_wanted=["scripts:read"])
    assert create(client, reader, scopes=["scripts:read"]).status_code == 403


def test_a_token_outlives_neither_its_maker_nor_its_workspace(client, cast):
    end = clock.now() + timedelta(hours=1)
    made = create(client, make_token(cast.developer, expires_at=end), label="child")
    assert made.status_code == 201 and Token.objects.get(label="child").expires_at == end
    bound = make_token(cast.developer, workspace_id="test")
    assert create(client, bound, label="kin").status_code == 201
    assert Token.objects.get(label="kin").workspace_id == "test"
    assert create(client, bound, workspace_id="other").status_code == 403
    assert create(client, make_token(cast.developer), workspace_id="other").status_code == 404


@pytest.mark.parametrize("scope", ["", "scripts", "nothing:read", "scripts:fly", "jobs:run:apps"])
def test_bad_scopes_are_refused(client, cast, scope):
    assert create(client, make_token(cast.developer), scopes=[scope]).status_code == 400


def test_a_past_end_is_refused_and_a_reached_one_shuts_out(client, cast):
    assert create(client, make_token(cast.developer), expiration="2020-01-01T00:00:00Z").status_code == 400
    assert create(client, make_token(cast.developer), expiration="2099-01-01T00:00:00").status_code == 400
    text = make_token(cast.developer)
    Token.objects.filter(hash=digest(text)).update(expires_at=clock.now() - timedelta(seconds=1))
    assert client.get("/api/users/whoami", headers=bearer(text)).status_code == 401


def test_one_deletes_only_ones_own(client, cast):
    text = make_token(cast.developer)
    answer = client.delete(f"/api/users/tokens/delete/{text[:10]}", headers=bearer(make_token(cast.admin)))
    assert answer.status_code == 404 and Token.objects.filter(hash=digest(text)).exists()


def test_a_locked_account_is_out_at_the_next_request(client, cast):
    text = make_token(cast.developer)
    cast.developer.is_active = False
    cast.developer.save()
    assert client.get("/api/users/whoami", headers=bearer(text)).status_code == 401


def test_a_disabled_member_keeps_the_account_and_loses_the_workspace(client, cast):
    text = make_token(cast.developer)
    cast.developer.memberships.update(is_disabled=True)
    assert client.get("/api/users/whoami", headers=bearer(text)).status_code == 200
    assert client.get("/api/w/test/users/whoami", headers=bearer(text)).status_code == 403


def test_a_login_lives_on_while_it_is_used_but_not_for_ever(client, cast):
    log_in(client, cast.developer)
    now = clock.now()
    used = {"last_used_at": now - timedelta(days=2), "expires_at": now + timedelta(days=1)}
    Token.objects.filter(kind="session").update(created_at=now - timedelta(days=5), **used)
    client.get("/user/account")
    assert Token.objects.get().expires_at > now + timedelta(days=2)
    Token.objects.filter(kind="session").update(created_at=now - timedelta(days=29, hours=12), **used)
    client.get("/user/account")
    assert Token.objects.get().expires_at < now + timedelta(days=1)


def test_finding_out_who_it_is_takes_one_query(client, cast, django_assert_num_queries):
    text = make_token(cast.developer)
    with django_assert_num_queries(1):
        assert client.get("/api/users/email", headers=bearer(text)).status_code == 200


def test_the_text_of_a_token_is_in_no_representation(cast):
    minted = tokens.create_token(by=principal_of(cast.developer))
    assert minted.text not in repr(minted)
