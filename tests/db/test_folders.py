"""Folders, groups, access lists and members by API."""

import json

import pytest

from tests.factories import bearer, make_cast, make_folder, make_group, make_token
from vault.models import Variable
from workspaces.models import Folder, Group, Membership

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast():
    return make_cast()


class As:
    """The API of workspace `test` as one of the cast."""

    def __init__(self, client, user):
        self.client, self.headers = client, bearer(make_token(user))

    def get(self, path):
        return self.client.get(f"/api/w/test/{path}", headers=self.headers)

    def post(self, path, **body):
        return self.client.post(f"/api/w/test/{path}", json.dumps(body), "application/json", headers=self.headers)

    def delete(self, path):
        return self.client.delete(f"/api/w/test/{path}", headers=self.headers)


def test_the_maker_owns_a_folder_and_lets_others_in(client, cast):
    developer, operator = As(client, cast.developer), As(client, cast.operator)
    made = developer.post("folders/create", name="etl", summary="Loads", unknown_key=1)
    assert (made.status_code, made["Content-Type"]) == (200, "text/plain; charset=utf-8")
    assert developer.post("folders/create", name="etl").status_code == 400
    shape = developer.get("folders/get/etl").json()
    assert (shape["owners"], shape["extra_perms"]) == (["u/developer"], {"u/developer": True})
    assert operator.get("folders/get/etl").status_code == 404
    assert developer.post("acls/add/folder/etl", owner="u/operator", write=False).status_code == 200
    assert operator.get("folders/get/etl").status_code == 200
    assert operator.get("folders/exists/etl").json() is True
    assert [each["name"] for each in operator.get("folders/list").json()] == ["etl"]
    assert developer.post("acls/remove/folder/etl", owner="u/operator").status_code == 200
    assert operator.get("folders/list").json() == []
    assert developer.delete("folders/delete/etl").status_code == 200


@pytest.mark.parametrize("name", ["", "a b", "a/b", "..", "é", "a" * 61])
def test_bad_folder_names_are_refused(client, cast, name):
    assert As(client, cast.developer).post("folders/create", name=name).status_code == 400


def test_an_owner_cannot_leave_himself_out_and_nobody_else_changes_it(client, cast):
    developer = As(client, cast.developer)
    make_folder(cast.workspace, "mine", owners=("u/developer",))
    make_folder(cast.workspace, "theirs", extra_perms={"u/developer": True})
    assert developer.post("folders/update/mine", owners=["u/admin"]).status_code == 200
    assert Folder.objects.get(name="mine").owners == ["u/admin", "u/developer"]
    assert developer.post("folders/update/theirs", summary="x").status_code == 403
    assert developer.post("folders/addowner/theirs", owner="u/developer").status_code == 403
    assert developer.delete("folders/delete/theirs").status_code == 403
    assert As(client, cast.admin).post("folders/addowner/theirs", owner="u/developer").status_code == 200
    assert As(client, cast.admin).post("folders/addowner/theirs", owner="u/stranger").status_code == 400
    assert As(client, cast.admin).post("folders/addowner/theirs", owner="developer").status_code == 400
    assert developer.post("folders/removeowner/theirs", owner="u/developer", write=False).status_code == 200
    assert Folder.objects.get(name="theirs").extra_perms == {"u/developer": False}


def test_sharing_one_item_is_for_its_owner(client, cast):
    who = {"workspace": cast.workspace, "value": "", "created_by": "", "edited_by": ""}
    Variable.objects.create(path="u/developer/x", **who)
    developer, operator = As(client, cast.developer), As(client, cast.operator)
    assert operator.get("acls/get/variable/u/developer/x").status_code == 404
    assert developer.post("acls/add/variable/u/developer/x", owner="g/all").status_code == 200
    assert operator.get("acls/get/variable/u/developer/x").json() == {"g/all": False}
    assert developer.post("acls/add/variable/u/developer/x", owner="u/operator", write=True).status_code == 200
    assert operator.post("acls/add/variable/u/developer/x", owner="u/operator").status_code == 403
    assert developer.get("acls/get/nonsense/u/developer/x").status_code == 400
    assert developer.get("acls/get/flow/u/developer/x").status_code == 404
    Variable.objects.create(path="u/admin/y", extra_perms={"u/developer": True}, **who)
    assert developer.post("acls/add/variable/u/admin/y", owner="g/all").status_code == 403


def test_groups_are_changed_by_their_admins(client, cast):
    developer, admin = As(client, cast.developer), As(client, cast.admin)
    assert developer.post("groups/create", name="crew", summary="The crew").status_code == 200
    assert developer.get("groups/get/crew").json()["members"] == ["developer"]
    assert developer.post("groups/adduser/crew", username="operator").status_code == 200
    assert developer.get("groups/get/crew").json()["members"] == ["developer", "operator"]
    assert developer.post("groups/adduser/crew", username="nobody").status_code == 404
    make_group(cast.workspace, "board")
    assert developer.post("groups/adduser/board", username="developer").status_code == 403
    assert admin.post("groups/update/board", summary="x").status_code == 200
    assert admin.delete("groups/delete/all").status_code == 400
    assert admin.post("groups/removeuser/all", username="developer").status_code == 400
    assert set(developer.get("groups/get/all").json()["members"]) == {"admin", "developer", "operator"}
    assert set(developer.get("groups/listnames").json()) == {"all", "crew", "board"}
    assert developer.get("groups/listnames?only_member_of=true").json() == ["all", "crew"]
    assert developer.delete("groups/delete/crew").status_code == 200
    assert not Group.objects.filter(name="crew").exists()


def test_admins_change_members_but_keep_one_admin(client, cast):
    admin = As(client, cast.admin)
    added = admin.post("workspaces/add_user", email="New.Person@example.com", is_admin=False, operator=True)
    assert added.status_code == 200
    assert Membership.objects.get(username="NewPerson".lower()).is_operator
    assert admin.post("workspaces/add_user", email="new.person@example.com").status_code == 400
    assert admin.post("users/update/developer", is_admin=True).status_code == 200
    assert admin.post("users/update/developer", is_admin=False).status_code == 200
    assert admin.post("users/update/admin", disabled=True).status_code == 400
    assert not Membership.objects.get(username="admin").is_disabled
    assert admin.delete("users/delete/developer").status_code == 200
    assert admin.get("users/username_to_email/operator").content == b"operator@example.com"
    assert {each["username"] for each in admin.get("users/list").json()} == {"admin", "newperson", "operator"}


def test_existence_answers_are_json_booleans(client, cast):
    headers = bearer(make_token(cast.developer))

    def ask(path, **body):
        return client.post(f"/api/workspaces/{path}", json.dumps(body), "application/json", headers=headers)

    assert ask("exists", id="test").content == b"true"
    assert ask("exists", id="none").content == b"false"
    assert ask("exists_username", id="test", username="admin").json() is True
    assert ask("exists_username", id="other", username="other_admin").status_code == 403
    unknown = client.get("/api/settings/global/automate_username_creation", headers=headers)
    assert (unknown.status_code, unknown.content) == (200, b"null")


def test_workspace_lists_show_ones_own(client, cast):
    def places(user):
        return [each["id"] for each in client.get("/api/workspaces/list", headers=bearer(make_token(user))).json()]

    assert places(cast.developer) == ["test"]
    assert places(cast.outsider) == []
    mine = client.get("/api/workspaces/users", headers=bearer(make_token(cast.developer))).json()
    assert (mine["email"], mine["workspaces"][0]["username"]) == ("developer@example.com", "developer")


@pytest.mark.parametrize("workspace_id", ["", "a b", "a..b", "-a", "a-", "a" * 51, "é", "test", "admins"])
def test_bad_or_taken_workspace_ids_are_refused(client, cast, workspace_id):
    body = {"id": workspace_id, "name": "X"}
    headers = bearer(make_token(cast.superadmin))
    assert client.post("/api/workspaces/create", body, "application/json", headers=headers).status_code == 400


def test_the_audit_log_shows_admins_everything_and_others_their_own(client, cast):
    As(client, cast.developer).post("folders/create", name="a")
    As(client, cast.admin).post("folders/create", name="b")
    seen = As(client, cast.admin).get("audit/list?operation=folder.").json()
    assert [(each["username"], each["resource"], each["action_kind"]) for each in seen] == [
        ("admin", "b", "Created"),
        ("developer", "a", "Created"),
    ]
    own = As(client, cast.developer).get("audit/list").json()
    assert {each["username"] for each in own} == {"developer"}
    entry = next(each for each in seen if each["username"] == "admin")
    assert As(client, cast.developer).get(f"audit/get/{entry['id']}").status_code == 404
