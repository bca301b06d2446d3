"""Pages of scripts, by the test client: what they show, what they refuse, what they cost."""

import json
import re

import pytest

from scripts_app.deploy import create_version
from scripts_app.drafts import find_draft, save_draft
from scripts_app.models import Script
from scripts_app.new_script import NewScript
from tests.db.script_factories import PYTHON
from tests.factories import log_in, make_cast, make_folder, principal_of
from vault.models import Resource

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


@pytest.fixture
def cast(db):
    cast = make_cast()
    make_folder(cast.workspace, "etl", owners=("u/developer",))
    return cast


@pytest.fixture
def developer(cast):
    return principal_of(cast.developer, cast.workspace)


@pytest.fixture
def visitor(client, cast):
    return log_in(client, cast.developer)


def deploy(by, path="f/etl/load", content=PYTHON, **fields):
    new = NewScript(path=path, content=content, **{"language": "python3", "auto_parent": True, **fields})
    return create_version(new, by=by).version


def edited(content=PYTHON, **fields):
    return {"language": "python3", "owner": "f/etl", "name": "load", "content": content, "schema": "{}"} | fields


def test_home_lists_scripts_and_ones_own_new_drafts(visitor, developer):
    deploy(developer, summary="Load the data")
    save_draft("f/etl/started", {"language": "bash", "summary": "Begun"}, by=developer)
    html = visitor.get("/w/test/").content.decode()
    assert "Load the data" in html
    assert "/w/test/scripts/edit/f/etl/started" in html


def test_home_filters_by_words_folder_and_language(visitor, developer):
    deploy(developer, summary="Load the data")
    deploy(developer, "u/developer/other", "echo", language="bash")
    found = {
        "q=load+etl": ("f/etl/load",),
        "q=nothing": (),
        "place=u/developer": ("u/developer/other",),
        "language=bash": ("u/developer/other",),
    }
    for query, paths in found.items():
        html = visitor.get(f"/w/test/?{query}", headers=HTMX).content.decode()
        assert [path for path in ("f/etl/load", "u/developer/other") if f"/scripts/{path}" in html] == list(paths), (
            query
        )
        assert "<html" not in html


def test_home_costs_the_same_for_many_scripts(visitor, developer, django_assert_max_num_queries):
    for number in range(8):
        deploy(developer, f"f/etl/s{number}")
    with django_assert_max_num_queries(6):  # who, scripts, runs, drafts, folders, workspaces
        visitor.get("/w/test/")


def test_the_editor_of_a_new_script_has_the_starters_form(visitor):
    html = visitor.get("/w/test/scripts/new?language=python3").content.decode()
    assert 'name="arg.name"' in html
    assert "Greet somebody." in html


def test_the_form_follows_the_signature_and_keeps_what_was_typed(visitor):
    schema = json.dumps(
        {"properties": {"name": {"type": "string", "default": "world"}, "n": {"type": "integer", "default": 1}}}
    )
    body = edited("def main(name: str = 'world', n: int = 2, more: bool = True): ...", schema=schema)
    html = visitor.post(
        "/w/test/scripts/source", body | {"arg.name": "Ana", "arg.n": "1"}, headers=HTMX
    ).content.decode()
    assert "Ana" in html
    assert 'name="arg.n" value="2"' in html  # it was still the old default, so it follows the new one
    assert 'name="arg.more"' in html


def test_a_syntax_error_is_told_at_its_line_and_the_form_stays(visitor):
    schema = json.dumps({"properties": {"kept": {"type": "string"}}})
    html = visitor.post(
        "/w/test/scripts/source", edited("\ndef main(a b): ...", schema=schema), headers=HTMX
    ).content.decode()
    assert "Line 2:" in html
    assert "&quot;line&quot;: 2" in html
    assert 'name="arg.kept"' in html


def test_another_language_brings_its_starter_unless_something_was_written(visitor):
    body = edited("", language="bash", start_language="1")
    assert "content=" in visitor.post("/w/test/scripts/source", body, headers=HTMX).content.decode()
    body = edited("echo mine", language="bash", start_language="1")
    assert "content=" not in visitor.post("/w/test/scripts/source", body, headers=HTMX).content.decode()


def test_a_draft_is_kept_and_found_again(visitor, developer):
    answer = visitor.post("/w/test/scripts/draft", edited("# typed", draft_at=""), headers=HTMX)
    assert answer["HX-Replace-Url"] == "/w/test/scripts/edit/f/etl/load"
    assert "Draft saved" in answer.content.decode()
    assert "# typed" in visitor.get("/w/test/scripts/edit/f/etl/load").content.decode()
    visitor.post("/w/test/scripts/draft", edited("# typed", name="renamed", draft_at="f/etl/load"), headers=HTMX)
    assert find_draft("f/etl/load", by=developer) is None
    visitor.delete("/w/test/scripts/draft?at=f/etl/renamed", headers=HTMX)
    assert find_draft("f/etl/renamed", by=developer) is None


def test_deploying_goes_to_the_scripts_page(visitor):
    answer = visitor.post("/w/test/scripts/versions", edited(summary="Load", message="first"), headers=HTMX)
    assert answer["HX-Redirect"] == "/w/test/scripts/f/etl/load"
    script = Script.objects.get()
    assert (script.head.deployment_message, script.summary) == ("first", "Load")


def test_a_stale_editor_is_told_who_was_faster(visitor, cast, developer):
    first = deploy(developer)
    deploy(principal_of(cast.admin, cast.workspace), content=PYTHON + "# admin\n")
    answer = visitor.post("/w/test/scripts/versions", edited(parent=first.hash_text), headers=HTMX)
    assert answer.status_code == 409
    assert "admin deployed version" in answer.content.decode()


def test_deploying_from_the_page_keeps_settings_it_does_not_show(visitor, developer):
    first = deploy(developer, settings={"concurrency_key": "k"}, visible_to_runner_only=True)
    visitor.post("/w/test/scripts/versions", edited(PYTHON + "#\n", parent=first.hash_text), headers=HTMX)
    head = Script.objects.get().head
    assert (head.number, head.settings, head.visible_to_runner_only) == (2, {"concurrency_key": "k"}, True)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"content": "def main(a b): ..."}, "line 1"),
        ({"name": "a b"}, "not a valid path"),
        ({"timeout": "soon"}, "not a whole number"),
        ({"envs": "WM_TOKEN=x"}, "belongs to the platform"),
    ],
)
def test_what_cannot_be_deployed_is_said_in_the_dialog(visitor, fields, words):
    answer = visitor.post("/w/test/scripts/versions", edited(**fields), headers=HTMX)
    assert answer.status_code == 422
    assert words in answer.content.decode()


def test_a_scripts_page_has_its_form_and_costs_little(visitor, developer, django_assert_max_num_queries):
    source = 'def main(username: str, notify: bool = True):\n    """Make an account."""'
    deploy(developer, content=source, description="*Who* asks <script>alert(1)</script>")
    with django_assert_max_num_queries(6):
        html = visitor.get("/w/test/scripts/f/etl/load").content.decode()
    assert "<em>Who</em> asks <script>" not in html
    assert "<em>Who</em> asks" in html
    assert "Make an account." in html
    assert 'name="arg.username"' in html


def test_arguments_turn_into_json_and_back(visitor, developer):
    deploy(developer, content="def main(name: str, n: int = 1): ...")
    url = "/w/test/scripts/arguments/f/etl/load"
    html = visitor.post(url, {"to": "json", "arg.name": "Ana", "arg.n": "3"}, headers=HTMX).content.decode()
    assert "&quot;name&quot;: &quot;Ana&quot;" in html
    html = visitor.post(url, {"to": "form", "args_json": '{"name": "Bea", "n": 4}'}, headers=HTMX).content.decode()
    assert "Bea" in html
    assert visitor.post(url, {"to": "form", "args_json": "{"}, headers=HTMX).status_code == 422


def test_arguments_that_do_not_fit_bring_the_form_back(visitor, developer):
    deploy(developer, content="def main(name: str, n: int = 1): ...")
    answer = visitor.post("/w/test/scripts/runs/f/etl/load", {"arg.n": "many"}, headers=HTMX)
    assert answer.status_code == 422
    assert "This is required" in answer.content.decode()
    assert "not a number" in answer.content.decode()


def test_a_version_that_waits_for_its_lock_says_so(visitor, developer):
    deploy(developer, content="import yaml\ndef main(): ...")
    assert (
        "dependencies are being resolved"
        in visitor.get("/w/test/scripts/state/f/etl/load", headers=HTMX).content.decode()
    )


def test_versions_show_the_code_of_each(visitor, developer):
    first = deploy(developer, deployment_message="the first")
    deploy(developer, content="def main(): return 'second'")
    html = visitor.get(f"/w/test/scripts/versions/f/etl/load?hash={first.hash_text}").content.decode()
    assert "the first" in html
    assert first.hash_text in html


def test_versions_show_what_each_changed(visitor, developer):
    deploy(developer, content="def main():\n    return 1")
    second = deploy(developer, content="def main():\n    return 2")
    html = visitor.get(f"/w/test/scripts/versions/f/etl/load?hash={second.hash_text}&view=changes").content.decode()
    assert re.findall(r'diff-line (\w+)".*?<code>(.*?)</code>', html) == [
        ("same", "def main():"),
        ("removed", "    return 1"),
        ("added", "    return 2"),
    ]


def test_archiving_goes_home(visitor, developer):
    deploy(developer)
    answer = visitor.post("/w/test/scripts/archive/f/etl/load", headers=HTMX)
    assert answer["HX-Redirect"] == "/w/test/"
    assert visitor.get("/w/test/scripts/f/etl/load").status_code == 404


def test_an_archived_script_can_be_brought_back(visitor, developer):
    deploy(developer)
    visitor.post("/w/test/scripts/archive/f/etl/load", headers=HTMX)
    script = Script.objects.get()
    address = f"/w/test/scripts/archived/{script.pk}"
    assert address in visitor.get("/w/test/?archived=1").content.decode()
    assert visitor.post(address, headers=HTMX)["HX-Redirect"] == "/w/test/scripts/f/etl/load"
    assert visitor.get("/w/test/scripts/f/etl/load").status_code == 200
    visitor.post("/w/test/scripts/archive/f/etl/load", headers=HTMX)
    deploy(developer)
    answer = visitor.post(address, headers=HTMX)
    assert (answer.status_code, "another script lives there" in answer.content.decode()) == (400, True)


def test_deploying_what_is_there_already_makes_no_version(visitor, developer):
    first = deploy(developer)
    visitor.post("/w/test/scripts/versions", edited(parent=first.hash_text), headers=HTMX)
    assert Script.objects.get().head == first


def test_a_draft_older_than_the_newest_version_warns(visitor, cast, developer):
    first = deploy(developer)
    save_draft("f/etl/load", {"content": "# mine"}, by=developer, base_hash=first.hash)
    deploy(principal_of(cast.admin, cast.workspace), content=PYTHON + "# theirs\n")
    html = visitor.get("/w/test/scripts/edit/f/etl/load").content.decode()
    assert "Your draft began before admin deployed" in html
    assert "# mine" in html


def test_an_earlier_version_can_be_deployed_again(visitor, developer, django_assert_max_num_queries):
    first = deploy(developer, content="# one")
    second = deploy(developer, content="# two")
    with django_assert_max_num_queries(6):  # who, script, version, folders, messages, workspaces
        html = visitor.get(f"/w/test/scripts/edit/f/etl/load?from={first.hash_text}").content.decode()
    assert "# one" in html
    assert f'name="parent" value="{second.hash_text}"' in html


def test_a_resource_is_chosen_among_those_one_may_read(visitor, developer, cast):
    Resource.objects.create(workspace=cast.workspace, path="f/etl/db", resource_type="postgresql", value={})
    Resource.objects.create(workspace=cast.workspace, path="u/admin/own", resource_type="postgresql", value={})
    deploy(developer, content="def main(db: postgresql): ...")
    html = visitor.get("/w/test/scripts/f/etl/load").content.decode()
    assert '<option value="f/etl/db"' in html
    assert "u/admin/own" not in html


def test_operators_run_and_do_not_edit(client, cast, developer):
    deploy(developer)
    make_folder(cast.workspace, "open", extra_perms={"g/all": False}, owners=("u/developer",))
    deploy(principal_of(cast.developer, cast.workspace), "f/open/hello")
    operator = log_in(client, cast.operator)
    html = operator.get("/w/test/scripts/f/open/hello").content.decode()
    assert "/scripts/edit/" not in html
    assert operator.get("/w/test/scripts/edit/f/open/hello").status_code == 403
    assert operator.get("/w/test/scripts/new").status_code == 403
    assert operator.get("/w/test/scripts/f/etl/load").status_code == 404
