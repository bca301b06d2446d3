"""Variables and resources as the public clients use them."""

import base64
import json
import os

import pytest

from tests.factories import bearer, make_cast, make_folder, make_token, principal_of
from vault import references, rotation
from vault.models import Resource, Variable
from workspaces.errors import BadRequest, NotFound
from workspaces.models import AuditEntry, Folder

pytestmark = pytest.mark.django_db
W = "/api/w/test"


class Api:
    """The test client with a token."""

    def __init__(self, client, token):
        self.client, self.headers = client, bearer(token)

    def get(self, path, **query):
        return self.client.get(f"{W}/{path}", query, headers=self.headers)

    def post(self, path, body=None):
        return self.client.post(f"{W}/{path}", json.dumps(body), "application/json", headers=self.headers)

    def delete(self, path):
        return self.client.delete(f"{W}/{path}", headers=self.headers)


@pytest.fixture
def cast():
    return make_cast()


@pytest.fixture
def api(client, cast):
    return Api(client, make_token(cast.developer))


def make_secret(api, path="u/developer/key", value="s3cret-value"):
    answer = api.post("variables/create", {"path": path, "value": value, "is_secret": True, "description": ""})
    assert answer.status_code == 201, answer.content


def test_a_client_sets_a_variable_it_could_not_get(api):
    absent = api.get("variables/get/u/developer/x")
    assert (absent.status_code, absent["Content-Type"]) == (404, "text/plain; charset=utf-8")
    new = {"path": "u/developer/x", "value": "1", "is_secret": False, "description": ""}
    created = api.post("variables/create", new)
    assert created.status_code == 201 and created["Content-Type"].startswith("text/plain")
    assert api.get("variables/get_value/u/developer/x").json() == "1"
    assert api.post("variables/update/u/developer/x", {"value": "ü\n2"}).status_code == 200
    assert api.get("variables/get_value//u/developer/x").json() == "ü\n2"
    again = api.post("variables/create", new)
    assert again.status_code == 400 and b"already exists" in again.content
    assert api.get("variables/exists/u/developer/x").json() is True
    assert api.delete("variables/delete/u/developer/x").status_code == 200
    assert api.get("variables/exists/u/developer/x").json() is False


def test_a_secret_is_sealed_hidden_in_lists_and_its_reading_audited(api):
    make_secret(api)
    row = Variable.objects.get()
    assert "s3cret" not in row.value
    listed = api.get("variables/list").json()
    assert [(each["path"], each["value"]) for each in listed] == [("u/developer/key", None)]
    assert api.get("variables/get/u/developer/key", decrypt_secret="false").json()["value"] is None
    sealed = api.get("variables/get/u/developer/key", decrypt_secret="false", include_encrypted="true").json()["value"]
    assert sealed == row.value
    assert not AuditEntry.objects.filter(operation="variables.decrypt_secret").exists()
    assert api.get("variables/get/u/developer/key").json()["value"] == "s3cret-value"
    entry = AuditEntry.objects.get(operation="variables.decrypt_secret")
    assert (entry.resource, entry.username, entry.workspace_id) == ("u/developer/key", "developer", "test")


def test_an_unchanged_secret_keeps_its_ciphertext(api):
    make_secret(api)
    before = Variable.objects.get().value
    api.post("variables/update/u/developer/key", {"value": "s3cret-value", "description": "new"})
    assert Variable.objects.get().value == before
    api.client.post(
        f"{W}/variables/update/u/developer/key?already_encrypted=true",
        json.dumps({"value": before, "is_secret": True}),
        "application/json",
        headers=api.headers,
    )
    assert Variable.objects.get().value == before
    api.post("variables/update/u/developer/key", {"value": "other"})
    assert Variable.objects.get().value != before


def test_a_ciphertext_moved_to_another_row_does_not_open(api):
    make_secret(api)
    make_secret(api, "u/developer/other", "mine")
    stolen = Variable.objects.get(path="u/developer/key").value
    Variable.objects.filter(path="u/developer/other").update(value=stolen)
    answer = api.get("variables/get_value/u/developer/other")
    assert answer.status_code == 500 and b"s3cret" not in answer.content
    made = api.client.post(
        f"{W}/variables/create?already_encrypted=true",
        json.dumps({"path": "u/developer/copy", "value": stolen, "is_secret": True, "description": ""}),
        "application/json",
        headers=api.headers,
    )
    assert made.status_code == 400


def test_a_secret_survives_a_move_and_a_rotation(api, cast):
    make_secret(api)
    api.post("variables/update/u/developer/key", {"path": "u/developer/moved"})
    before = Variable.objects.get().value
    assert rotation.rotate("test", by=principal_of(cast.admin, cast.workspace)) == 1
    assert Variable.objects.get().value != before
    assert rotation.finish("test") == 0
    assert api.get("variables/get_value/u/developer/moved").json() == "s3cret-value"


def test_a_secret_cannot_be_made_readable_without_a_new_value(api):
    make_secret(api)
    assert api.post("variables/update/u/developer/key", {"is_secret": False}).status_code == 400
    assert api.post("variables/update/u/developer/key", {"is_secret": False, "value": "open"}).status_code == 200
    assert Variable.objects.get().value == "open"


def test_encrypted_text_has_the_form_the_command_line_recognises_and_opens_for_its_maker_only(api, client, cast):
    sealed = api.post("variables/encrypt", "hush").content.decode()
    assert len(base64.b64decode(sealed)) % 16 == 0
    body = {"path": "u/developer/e", "value": sealed, "is_secret": True, "description": ""}
    url = f"{W}/variables/create?already_encrypted=true"
    assert client.post(url, json.dumps(body), "application/json", headers=api.headers).status_code == 201
    assert api.get("variables/get_value/u/developer/e").json() == "hush"
    admin = bearer(make_token(cast.admin))
    body["path"] = "u/admin/e"
    assert client.post(url, json.dumps(body), "application/json", headers=admin).status_code == 400


@pytest.mark.parametrize(
    "path",
    [
        "",
        "x",
        "u/developer",
        "u/developer/a b",
        "u/developer/..",
        "f/x/é",
        "u/developer/" + "a" * 300,
        "u/dev\u043eper/a",
    ],
)
def test_bad_paths_are_refused_with_the_form_of_a_good_one(api, path):
    answer = api.post("variables/create", {"path": path, "value": "", "is_secret": False, "description": ""})
    assert answer.status_code == 400 and answer.content.startswith(b"Bad request: ")


def test_writing_in_a_folder_needs_the_right_to(api, cast):
    body = {"path": "f/etl/x", "value": "1", "is_secret": False, "description": ""}
    assert api.post("variables/create", body).status_code == 403
    make_folder(cast.workspace, "etl", extra_perms={"u/developer": False})
    assert api.post("variables/create", body).status_code == 403
    Folder.objects.update(extra_perms={"g/all": True})
    assert api.post("variables/create", body).status_code == 201
    Folder.objects.update(extra_perms={})
    assert api.get("variables/get/f/etl/x").status_code == 404


def test_operators_neither_write_nor_read_secrets(client, cast, api):
    make_folder(cast.workspace, "etl", extra_perms={"g/all": True})
    make_secret(api, "f/etl/key")
    operator = Api(client, make_token(cast.operator))
    assert operator.get("variables/get_value/f/etl/key").status_code == 403
    assert operator.get("variables/get/f/etl/key").status_code == 403
    body = {"path": "u/operator/x", "value": "1", "is_secret": False, "description": ""}
    assert operator.post("variables/create", body).status_code == 403
    api.post("resources/create", {"path": "f/etl/db", "value": {"a": 1}, "resource_type": "postgresql"})
    assert operator.get("resources/get/f/etl/db").json()["value"] is None
    assert operator.get("resources/get_value/f/etl/db").status_code == 403


def test_a_resource_round_trips_and_resolves_its_references(api):
    make_secret(api)
    value = {"z": 1, "a": [None, 1.5, "$var:u/developer/key"], "me": "$WM_EMAIL", "free": "$other"}
    assert api.get("resources/get/u/developer/db").status_code == 404
    made = api.post("resources/create", {"path": "u/developer/db", "value": value, "resource_type": "c_db"})
    assert made.status_code == 201 and made["Content-Type"].startswith("text/plain")
    assert list(api.get("resources/get_value/u/developer/db").json().items()) == list(value.items())
    full = api.get("resources/get_value_interpolated/u/developer/db").json()
    expected = {"z": 1, "a": [None, 1.5, "s3cret-value"], "me": "developer@example.com", "free": "$other"}
    assert full == expected
    assert api.post("resources/update_value/u/developer/db", {"value": None}).status_code == 200
    assert api.get("resources/get_value/u/developer/db").content == b"null"


def test_state_is_a_resource_created_on_404_and_updated(api):
    path = "u/developer/tmp_state"
    assert api.get(f"resources/get/{path}").status_code == 404
    api.post("resources/create", {"path": path, "value": {"n": 1}, "resource_type": "state"})
    api.client.post(
        f"{W}/resources/create?update_if_exists=true",
        json.dumps({"path": path, "value": {"n": 2}, "resource_type": "state"}),
        "application/json",
        headers=api.headers,
    )
    assert api.get(f"resources/get_value_interpolated/{path}").json() == {"n": 2}


def test_references_that_go_in_a_circle_or_too_deep_end_with_a_message(api, cast):
    def make(name, value):
        api.post("resources/create", {"path": f"u/developer/{name}", "value": value, "resource_type": "c_x"})

    make("a", "$res:u/developer/b")
    make("b", {"back": "$res:u/developer/a"})
    answer = api.get("resources/get_value_interpolated/u/developer/a")
    assert answer.status_code == 400 and b"circle" in answer.content
    for depth in range(12):
        make(f"d{depth}", f"$res:u/developer/d{depth + 1}")
    answer = api.get("resources/get_value_interpolated/u/developer/d0")
    assert answer.status_code == 400 and b"deeper than 8" in answer.content
    by = principal_of(cast.developer, cast.workspace)
    with pytest.raises(NotFound, match="Variable u/developer/none not found for `token`"):
        references.resolve_sync(by, "test", '{"token": "$var:u/developer/none"}')


def test_resources_that_would_fill_in_gigabytes_are_refused(api, cast):
    who = {"workspace": cast.workspace, "resource_type": "c_x", "created_by": "", "edited_by": ""}
    Resource.objects.create(path="u/developer/r0", value="x" * 100_000, **who)
    for number in range(1, 6):
        value = [f"$res:u/developer/r{number - 1}"] * 10
        Resource.objects.create(path=f"u/developer/r{number}", value=value, **who)
    with pytest.raises(BadRequest, match="fill in more than"):
        references.resolve_sync(principal_of(cast.developer, cast.workspace), "test", '{"a": "$res:u/developer/r5"}')


def test_a_scoped_token_reads_only_the_paths_of_its_scopes(client, cast, api):
    make_secret(api, "u/developer/key")
    make_secret(api, "u/developer/in/key")
    narrow = Api(client, make_token(cast.developer, scopes_wanted=["variables:read:u/developer/in/*"]))
    assert narrow.get("variables/get_value/u/developer/in/key").status_code == 200
    refused = narrow.get("variables/get_value/u/developer/key")
    assert (refused.status_code, refused.content) == (
        403,
        b"Permission denied: Access denied. Required scope: variables:read:u/developer/key",
    )
    assert narrow.get("variables/list").status_code == 403
    assert narrow.post("variables/update/u/developer/in/key", {"value": "x"}).status_code == 403
    writer = Api(client, make_token(cast.developer, scopes_wanted=["variables:write:u/developer/in/*"]))
    body = {"path": "u/developer/in/new", "value": "1", "is_secret": False, "description": ""}
    assert writer.post("variables/create", body).status_code == 201
    assert writer.post("variables/create", {**body, "path": "u/developer/out"}).status_code == 403
    assert writer.post("variables/update/u/developer/in/new", {"path": "u/developer/out"}).status_code == 403


def test_types_of_admins_are_seen_everywhere_and_own_ones_win(api, cast, client):
    names = api.get("resources/type/listnames").json()
    assert {"postgresql", "mysql", "s3", "smtp", "slack"} <= set(names)
    schema = api.get("resources/type/get/postgresql").json()["schema"]
    assert schema["properties"]["password"]["password"] is True
    own = {"name": "c_thing", "schema": {"type": "object", "properties": {}}, "description": "mine"}
    assert api.post("resources/type/create", own).status_code == 201
    assert api.post("resources/type/create", own).status_code == 400
    assert api.get("resources/type/exists/c_thing").json() is True
    admin = Api(client, make_token(cast.admin))
    assert admin.post("resources/type/update/c_thing", {"description": "ours"}).status_code == 200
    assert admin.post("resources/type/update/postgresql", {"description": "ours"}).status_code == 404
    assert api.delete("resources/type/delete/c_thing").status_code == 403
    assert admin.delete("resources/type/delete/c_thing").status_code == 200


def test_lists_filter_and_page(api):
    for number in range(5):
        body = {
            "path": f"u/developer/r{number}",
            "value": {"n": number},
            "resource_type": "state" if number % 2 else "c_x",
        }
        api.post("resources/create", body)
    assert len(api.get("resources/list", resource_type="c_x,other").json()) == 3
    assert len(api.get("resources/list", resource_type_exclude="state").json()) == 3
    assert [each["path"] for each in api.get("resources/list", per_page=2, page=2).json()] == [
        "u/developer/r2",
        "u/developer/r3",
    ]
    assert len(api.get("resources/list", page=0, per_page=2).json()) == 2
    encoded = base64.b64encode(b'{"n": 3}').decode()
    assert [each["path"] for each in api.get("resources/list", value=encoded).json()] == ["u/developer/r3"]


def test_no_value_is_in_the_audit_log(api):
    canary = os.urandom(8).hex()
    make_secret(api, value=canary)
    api.post("variables/update/u/developer/key", {"value": canary + "2"})
    api.get("variables/get_value/u/developer/key")
    for entry in AuditEntry.objects.all():
        assert canary not in f"{entry.resource}{entry.parameters}"
