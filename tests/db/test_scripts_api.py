"""The API of scripts and drafts, with the shapes clients rely on."""

import json

import pytest

from scripts_app.models import Script, ScriptVersion
from tests.db.script_factories import PYTHON
from tests.factories import bearer, make_cast, make_folder, make_token
from workers.models import Job

pytestmark = pytest.mark.django_db
URL = "/api/w/test/scripts"


@pytest.fixture
def cast(db):
    cast = make_cast()
    make_folder(cast.workspace, "etl", owners=("u/developer",))
    return cast


class Caller:
    def __init__(self, client, user):
        self.client, self.headers = client, bearer(make_token(user))

    def get(self, path: str):
        return self.client.get(f"/api/w/test/{path}", headers=self.headers)

    def post(self, path: str, body=None):
        text = json.dumps({} if body is None else body)
        return self.client.post(f"/api/w/test/{path}", text, content_type="application/json", headers=self.headers)

    def delete(self, path: str, body=None):
        text = "" if body is None else json.dumps(body)
        return self.client.delete(f"/api/w/test/{path}", text, content_type="application/json", headers=self.headers)

    def deploy(self, path: str = "f/etl/load", content: str = PYTHON, **fields) -> str:
        body = {"path": path, "content": content, "language": "python3", "summary": "", "auto_parent": True, **fields}
        answer = self.post("scripts/create", body)
        assert answer.status_code == 201, answer.content
        assert answer["Content-Type"].startswith("text/plain")
        return answer.content.decode()


@pytest.fixture
def developer(client, cast):
    return Caller(client, cast.developer)


@pytest.fixture
def admin(client, cast):
    return Caller(client, cast.admin)


def test_create_answers_201_and_the_bare_hash(developer):
    found = developer.deploy()
    assert len(found) == 16
    assert int(found, 16) >= 0


def test_a_script_reads_back_as_it_was_sent(developer):
    sent = {"summary": "Load", "description": "Loads", "tag": "bash", "timeout": 60, "priority": 5, "labels": ["a"],
            "envs": ["A=b"], "concurrency_key": "k", "deployment_message": "first"}  # fmt: skip
    deployed = developer.deploy(**sent)
    script = developer.get("scripts/get/p/f/etl/load").json()
    del sent["deployment_message"]
    assert {name: script[name] for name in sent} == sent
    assert script["hash"] == deployed
    assert script["ws_error_handler_muted"] is False
    assert (script["archived"], script["deleted"], script["lock"]) == (False, False, "")
    assert script["schema"]["properties"]["n"]["type"] == "integer"
    assert "parent_hashes" not in script


def test_a_no_op_answers_201_and_the_hash_that_is_there(developer):
    first = developer.deploy()
    body = {"path": "f/etl/load", "content": PYTHON, "language": "python3", "summary": "", "parent_hash": first}
    again = developer.post("scripts/create?skip_if_noop=true", body)
    assert (again.status_code, again.content.decode()) == (201, first)


def test_earlier_versions_are_archived_but_readable(developer):
    first, second = developer.deploy(), developer.deploy(content=PYTHON + "# 2\n")
    old = developer.get(f"scripts/get/h/{first}").json()
    assert (old["archived"], old["content"]) == (True, PYTHON)
    assert developer.get(f"scripts/get/h/{second}").json()["parent_hashes"] == [first]
    assert developer.get(f"scripts/raw/h/{first}.py").content.decode() == PYTHON
    assert developer.get("scripts/raw/p/f/etl/load.py").content.decode() == PYTHON + "# 2\n"


def test_history_is_newest_first_and_its_messages_can_be_rewritten(developer):
    first = developer.deploy(deployment_message="one")
    second = developer.deploy(content=PYTHON + "# 2\n")
    answer = developer.post(f"scripts/history_update/h/{first}/p/f/etl/load", {"deployment_msg": "uno"})
    assert answer.status_code == 200
    history = developer.get("scripts/history/p/f/etl/load").json()
    assert [(each["script_hash"], each["deployment_msg"]) for each in history] == [(second, None), (first, "uno")]
    assert history[0]["created_by"] == "developer"
    assert developer.get("scripts/history/p/f/etl/load?per_page=1&page=2").json()[0]["script_hash"] == first
    assert developer.get("scripts/get_latest_version/f/etl/load").json()["script_hash"] == second
    assert developer.get("scripts/list_paths").json() == ["f/etl/load"]


def test_exists_is_a_json_boolean(developer):
    developer.deploy()
    answers = [developer.get(f"scripts/exists/p/{path}") for path in ("f/etl/load", "f/etl/other")]
    assert [each.content for each in answers] == [b"true", b"false"]
    assert answers[0]["Content-Type"].startswith("application/json")


def test_an_unknown_script_is_404_as_one_line_of_text(developer):
    answer = developer.get("scripts/get/p/f/etl/none")
    assert (answer.status_code, answer.content) == (404, b"Not found: script not found at path f/etl/none")
    assert developer.get("scripts/get/h/zzz").status_code == 404


def test_a_stale_parent_is_400(developer):
    first = developer.deploy()
    developer.deploy(content=PYTHON + "# 2\n")
    body = {"path": "f/etl/load", "content": "#", "language": "python3", "summary": "", "parent_hash": first}
    answer = developer.post("scripts/create", body)
    assert answer.status_code == 400
    assert "lineage must be linear" in answer.content.decode()


def test_a_syntax_error_is_400_with_its_line(developer):
    body = {"path": "f/etl/load", "content": "\ndef main(a b): ...", "language": "python3", "summary": ""}
    answer = developer.post("scripts/create", body)
    assert answer.status_code == 400
    assert "line 2" in answer.content.decode()


def test_archive_hides_and_frees_the_path(developer):
    first = developer.deploy()
    assert developer.post("scripts/archive/p/f/etl/load").status_code == 200
    assert developer.get("scripts/get/p/f/etl/load").status_code == 404
    assert developer.get(f"scripts/get/h/{first}").json()["archived"] is True
    assert [row["hash"] for row in developer.get("scripts/list?show_archived=true").json()] == [first]
    assert developer.deploy() != first


def test_an_archived_script_can_be_continued(developer):
    first = developer.deploy()
    developer.post(f"scripts/archive/h/{first}")
    body = {"path": "f/etl/load", "content": "#", "language": "bash", "summary": "", "parent_hash": first}
    assert developer.post("scripts/create", body).status_code == 201
    assert developer.get("scripts/get/p/f/etl/load").json()["parent_hashes"] == [first]


def test_unarchive_is_refused_when_the_path_is_taken(developer):
    first = developer.deploy()
    developer.post(f"scripts/archive/h/{first}")
    assert developer.post(f"scripts/unarchive/h/{first}").json()["archived"] is False
    developer.post(f"scripts/archive/h/{first}")
    developer.deploy()
    answer = developer.post(f"scripts/unarchive/h/{first}")
    assert (answer.status_code, b"Path conflict" in answer.content) == (400, True)


def test_only_admins_delete(developer, admin):
    first = developer.deploy()
    assert developer.post("scripts/delete/p/f/etl/load").status_code == 403
    assert developer.post(f"scripts/delete/h/{first}").status_code == 403
    assert admin.post(f"scripts/delete/h/{first}").json()["deleted"] is True
    assert ScriptVersion.objects.get().content == ""
    assert admin.post("scripts/delete/p/f/etl/load").status_code == 200
    assert not Script.objects.exists()


def test_bulk_delete_answers_what_was_there(developer, admin):
    developer.deploy()
    answer = admin.delete("scripts/delete_bulk", {"paths": ["f/etl/load", "f/etl/none"]})
    assert answer.json() == ["f/etl/load"]


def test_lists_filter_and_leave_long_texts_out(developer):
    developer.deploy(labels=["nightly"], summary="Load")
    developer.deploy("f/etl/lib", content="def helper(): ...")
    developer.deploy("u/developer/own", content="echo", language="bash")
    rows = developer.get("scripts/list").json()
    assert [row["path"] for row in rows] == ["u/developer/own", "f/etl/load"]
    assert not {"content", "schema", "lock"} & rows[0].keys()
    paths = {
        "languages=bash,deno": ["u/developer/own"],
        "label=nightly": ["f/etl/load"],
        "path_start=f/etl&include_without_main=true": ["f/etl/lib", "f/etl/load"],
        "path_exact=f/etl/load": ["f/etl/load"],
        "per_page=1&page=2": ["f/etl/load"],
        "order_desc=false": ["f/etl/load", "u/developer/own"],
        "is_template=true": [],
        "kinds=approval": [],
    }
    assert {query: [row["path"] for row in developer.get(f"scripts/list?{query}").json()] for query in paths} == paths


def test_a_list_costs_the_same_for_one_script_and_for_many(developer, django_assert_max_num_queries):
    for number in range(5):
        developer.deploy(f"f/etl/s{number}")
    with django_assert_max_num_queries(2):  # who, and the rows
        assert len(developer.get("scripts/list").json()) == 5


def test_what_one_may_not_read_does_not_exist(client, cast, developer):
    other = Caller(client, cast.operator)
    first = developer.deploy()
    assert other.get("scripts/get/p/f/etl/load").status_code == 404
    assert other.get(f"scripts/get/h/{first}").status_code == 404
    assert other.get("scripts/list").json() == []
    assert other.get("scripts/exists/p/f/etl/load").json() is False


def test_a_narrowed_token_acts_on_its_paths_only(client, cast, developer):
    first = developer.deploy()
    narrow = bearer(make_token(cast.developer, scopes_wanted=["scripts:read:f/etl/other"]))
    assert client.get(f"{URL}/get/p/f/etl/load", headers=narrow).status_code == 403
    assert client.get(f"{URL}/get/h/{first}", headers=narrow).status_code == 403


def test_requirements_make_a_dependency_job_of_the_deployer(developer):
    found = developer.deploy(content="import yaml\ndef main(): ...")
    status = developer.get(f"scripts/deployment_status/h/{found}").json()
    job = Job.objects.get()
    assert status == {"job_id": str(job.id)}
    assert (job.kind, job.tag, job.permissioned_as) == ("dependencies", "dependency", "u/developer")
    assert "lock" not in developer.get("scripts/get/p/f/etl/load").json()


def test_signature_keeps_what_the_user_customised(developer):
    body = {"language": "python3", "content": "def main(n: int): ..."}
    first = developer.post("scripts/signature", body).json()
    assert (first["valid"], first["schema"]["required"]) == (True, ["n"])
    first["schema"]["properties"]["n"]["description"] = "How many"
    again = developer.post("scripts/signature", {**body, "schema": first["schema"]}).json()
    assert again["schema"]["properties"]["n"]["description"] == "How many"
    broken = developer.post("scripts/signature", {**body, "content": "def main(n: int"}).json()
    assert (broken["valid"], "line 1" in broken["error"]) == (False, True)


def test_drafts_are_ones_own(client, cast, developer, admin):
    draft = {"path": "f/etl/load", "typ": "script", "value": {"content": "x", "summary": "s"}}
    assert developer.post("drafts/create", draft).status_code == 201
    only = developer.get("scripts/get/draft/f/etl/load").json()
    assert (only["draft_only"], only["draft"]) == (True, draft["value"])
    assert admin.get("scripts/get/draft/f/etl/load").status_code == 404
    developer.deploy(skip_draft_deletion=True)
    assert developer.get("scripts/get/draft/f/etl/load").json()["draft"] == draft["value"]
    assert developer.get("scripts/list").json()[0]["has_draft"] is True
    assert developer.delete("drafts/delete/script/f/etl/load").status_code == 200
    assert developer.delete("drafts/delete/script/f/etl/load").status_code == 404


def test_operators_see_and_do_not_write(client, cast):
    operator = Caller(client, cast.operator)
    body = {"path": "u/operator/x", "content": PYTHON, "language": "python3", "summary": ""}
    assert operator.post("scripts/create", body).status_code == 403
    assert operator.get("scripts/list").status_code == 200


@pytest.mark.parametrize(
    ("body", "status"), [("{", 400), ("[]", 422), ('{"path": 1}', 422), ('{"a":' * 600 + "1" + "}" * 600, 400)]
)
def test_malformed_bodies_are_refused_in_words(client, developer, body, status):
    answer = client.post(f"{URL}/create", body, content_type="application/json", headers=developer.headers)
    assert (answer.status_code, answer["Content-Type"][:10]) == (status, "text/plain")
    assert answer.content.startswith(b"Bad request: ")


def test_a_script_is_shared_by_its_access_list(client, cast, developer):
    developer.deploy("u/developer/own")
    operator = Caller(client, cast.operator)
    assert operator.get("scripts/get/p/u/developer/own").status_code == 404
    assert developer.post("acls/add/script/u/developer/own", {"owner": "u/operator"}).status_code == 200
    assert developer.get("acls/get/script/u/developer/own").json() == {"u/operator": False}
    assert operator.get("scripts/get/p/u/developer/own").status_code == 200
    assert operator.post("acls/remove/script/u/developer/own", {"owner": "u/operator"}).status_code == 403
    assert developer.post("acls/remove/script/u/developer/own", {"owner": "u/operator"}).status_code == 200
    assert operator.get("scripts/get/p/u/developer/own").status_code == 404


def test_a_source_beyond_the_limit_is_not_read(developer):
    long = f"def main(): pass\n{'a = 1' + chr(10)}" * 50_000
    body = {"path": "f/etl/long", "content": long, "language": "python3", "summary": ""}
    refused = developer.post("scripts/create", body)
    assert (refused.status_code, b"at most 1,000,000" in refused.content) == (400, True)
    answer = developer.post("scripts/signature", {"content": long, "language": "python3"}).json()
    assert (answer["valid"], "at most 1,000,000" in answer["error"]) == (False, True)
    assert developer.post("jobs/run/preview", {"content": long, "language": "python3"}).status_code == 400
