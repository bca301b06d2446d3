"""The admin site: for superadmins who logged in, without secrets."""

import pytest
from django.test import Client

from tests.factories import PASSWORD, bearer, log_in, make_cast, make_token
from vault.models import Resource, Variable
from workspaces.models import AuditEntry, Token, User

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast():
    return make_cast()


@pytest.fixture
def root(cast):
    return log_in(Client(), cast.superadmin)


MODELS = (
    "workspaces/user",
    "workspaces/workspace",
    "workspaces/group",
    "workspaces/folder",
    "workspaces/token",
    "workspaces/auditentry",
    "vault/variable",
    "vault/resource",
    "vault/resourcetype",
)


@pytest.mark.parametrize("model", MODELS)
def test_a_superadmin_sees_every_list(root, model):
    assert root.get(f"/admin/{model}/").status_code == 200


def test_nobody_else_comes_in(client, cast):
    assert client.get("/admin/", follow=True).redirect_chain[-1][0].startswith("/user/login?next=%2Fadmin%2F")
    assert log_in(Client(), cast.admin).get("/admin/", follow=True).status_code == 403
    token = bearer(make_token(cast.superadmin))
    assert Client().get("/admin/", headers=token).status_code == 302


def test_values_are_nowhere(root, cast):
    who = {"workspace": cast.workspace, "created_by": "", "edited_by": ""}
    variable = Variable.objects.create(path="u/a/b", value="canary-value", **who)
    resource = Resource.objects.create(path="u/a/b", value={"k": "canary-value"}, resource_type="c", **who)
    for url in (f"/admin/vault/variable/{variable.pk}/change/", f"/admin/vault/resource/{resource.pk}/change/"):
        answer = root.get(url)
        assert answer.status_code == 200 and b"canary-value" not in answer.content
    token = Token.objects.get(user=cast.superadmin)
    assert bytes(token.hash).hex().encode() not in root.get(f"/admin/workspaces/token/?q={token.prefix}").content


def test_locking_an_account_out_ends_its_logins_and_is_audited(root, cast):
    theirs = log_in(Client(), cast.developer)
    form = {"email": cast.developer.email, "name": "", "company": "", "memberships-TOTAL_FORMS": 0}
    form |= {"memberships-INITIAL_FORMS": 0, "memberships-MIN_NUM_FORMS": 0, "memberships-MAX_NUM_FORMS": 1000}
    answer = root.post(f"/admin/workspaces/user/{cast.developer.pk}/change/", form)
    assert answer.status_code == 302, answer.content.decode()[-2000:]
    assert theirs.get("/user/account").status_code == 302
    assert AuditEntry.objects.filter(operation="users.update", resource=cast.developer.email).exists()


def test_a_new_account_gets_its_password(root):
    form = {"email": "New@Example.com", "is_active": "on", "new_password": "short", "memberships-TOTAL_FORMS": 0}
    form |= {"memberships-INITIAL_FORMS": 0, "memberships-MIN_NUM_FORMS": 0, "memberships-MAX_NUM_FORMS": 1000}
    assert root.post("/admin/workspaces/user/add/", form).status_code == 200
    assert root.post("/admin/workspaces/user/add/", form | {"new_password": PASSWORD}).status_code == 302
    assert User.objects.get(email="new@example.com").check_password(PASSWORD)


def test_logging_out_of_the_admin_site_logs_out_everywhere(root):
    assert root.post("/admin/logout/").status_code == 302
    assert root.get("/admin/").status_code == 302
