"""The item rule as a filter gives the same answer as the rule for one item, and rights come from today's rows."""

import asyncio
import itertools
from uuid import uuid4

import psycopg
import pytest
from django.conf import settings

from tests.factories import make_cast, make_folder, make_group, make_member, make_token, make_workspace, principal_of
from vault.models import Variable
from workspaces import policy, principals
from workspaces.credentials import Credential
from workspaces.errors import Forbidden, NotFound
from workspaces.principal import ANONYMOUS
from workspaces.principal_cache import PrincipalCache

PATHS = [
    "u/ana/x",
    "u/anabel/x",
    "u/bob/x",
    "f/read/x",
    "f/write/x",
    "f/own/x",
    "f/none/x",
    "f/rea/x",
    "g/crew/x",
    "g/no/x",
]
PERMS = [{}, {"u/ana": False}, {"u/ana": True}, {"g/crew": False}, {"g/all": True}, {"u/bob": True}]


@pytest.mark.django_db
@pytest.mark.parametrize("role", ["developer", "operator", "admin", "outsider"])
def test_the_filter_and_the_rule_agree_on_every_row(role):
    workspace, other = make_workspace("test"), make_workspace("other")
    place = other if role == "outsider" else workspace
    ana = make_member(place, "ana", is_operator=role == "operator", is_admin=role == "admin")
    if role != "outsider":
        make_group(workspace, "crew", members=(ana,))
    make_folder(workspace, "read", extra_perms={"u/ana": False})
    make_folder(workspace, "write", extra_perms={"g/crew": True, "u/ana": False})
    make_folder(workspace, "own", owners=("u/ana",))
    make_folder(workspace, "none", extra_perms={"u/bob": True})
    for number, (path, perms) in enumerate(itertools.product(PATHS, PERMS)):
        for each in (workspace, other):
            Variable.objects.create(
                workspace=each, path=f"{path}{number}", extra_perms=perms, created_by="", edited_by="", value=""
            )
    by = principal_of(ana.user, workspace)
    seen = set(policy.visible(by, Variable.objects.all()).values_list("workspace_id", "path"))
    expected = {
        ("test", row.path)
        for row in Variable.objects.filter(workspace=workspace)
        if policy.may(by, "read", row.path, row.extra_perms)
    }
    assert seen == expected
    assert (len(seen) > 0) == (role != "outsider")


@pytest.mark.django_db
def test_unseen_is_not_found_and_seen_is_forbidden():
    workspace = make_workspace()
    by = principal_of(make_member(workspace, "ana").user, workspace)
    Variable.objects.create(workspace=workspace, path="u/bob/x", value="", created_by="", edited_by="")
    with pytest.raises(NotFound):
        policy.find(by, "read", Variable.objects.all(), "u/bob/x")
    Variable.objects.update(extra_perms={"g/all": False})
    assert policy.find(by, "read", Variable.objects.all(), "u/bob/x")
    with pytest.raises(Forbidden):
        policy.find(by, "write", Variable.objects.all(), "u/bob/x")


@pytest.mark.django_db
def test_a_job_has_the_rights_its_identity_has_today():
    cast = make_cast()
    developer = cast.developer.memberships.get()
    make_group(cast.workspace, "crew")
    make_folder(cast.workspace, "etl", extra_perms={"g/crew": True})

    def identity(permissioned_as, email="developer@example.com", workspace="test"):
        return principals.principal_of_identity(workspace, permissioned_as, email, job_id=uuid4())

    as_user = identity("u/developer")
    assert (as_user.kind, as_user.username, as_user.is_admin) == ("job", "developer", False)
    developer.is_admin = True
    developer.save()
    assert identity("u/developer").is_admin
    as_group = identity("g/crew")
    assert (as_group.username, as_group.groups, as_group.folders_write) == ("group-crew", {"crew"}, {"etl"})
    assert not as_group.may_all
    assert identity("superadmin@example.com", "superadmin@example.com").is_superadmin
    outsider = identity("outsider@example.com", "outsider@example.com")
    assert outsider.is_authenticated and not outsider.is_member
    assert identity("u/developer", workspace="other") is ANONYMOUS
    assert identity("u/nobody") is ANONYMOUS
    assert identity("superadmin@windmill.dev", "superadmin@windmill.dev") is ANONYMOUS
    assert not identity("g/crew", "superadmin@windmill.dev").is_superadmin
    developer.is_disabled = True
    developer.save()
    assert identity("u/developer") is ANONYMOUS
    cast.superadmin.is_active = False
    cast.superadmin.save()
    assert identity("superadmin@example.com", "superadmin@example.com") is ANONYMOUS


@pytest.mark.django_db(transaction=True)
def test_the_fast_lane_finds_the_same_principal(database_url):
    cast = make_cast()
    make_folder(cast.workspace, "etl", extra_perms={"u/developer": True})
    texts = {name: make_token(getattr(cast, name)) for name in ("developer", "operator", "outsider", "superadmin")}

    async def ask(text, workspace_id):
        async with await psycopg.AsyncConnection.connect(settings.DATABASE_URL, autocommit=True) as conn:
            return await principals.principal_for(conn, Credential(text, "header"), workspace_id)

    for text, workspace_id in itertools.product([*texts.values(), "wrong"], ["test", "other", "nowhere", None]):
        fast = asyncio.run(ask(text, workspace_id))
        assert fast == principals.resolve(Credential(text, "header"), workspace_id).principal


@pytest.mark.django_db(transaction=True)
def test_the_cache_forgets_a_token_when_told(database_url):
    cast = make_cast()
    text = make_token(cast.developer)
    credential = Credential(text, "header")

    async def story():
        cache = PrincipalCache()

        async def ask():
            return await cache.get(
                await psycopg.AsyncConnection.connect(settings.DATABASE_URL, autocommit=True), credential, "test"
            )

        async with await psycopg.AsyncConnection.connect(settings.DATABASE_URL, autocommit=True) as conn:
            assert (await ask()).username == "developer"
            await conn.execute("DELETE FROM workspaces_token")
            assert (await ask()).is_authenticated
            cache.forget(text[:10])
            assert not (await ask()).is_authenticated

    asyncio.run(story())
