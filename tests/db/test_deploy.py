"""Deploying scripts: lineage, names, what is refused."""

import pytest

from scripts_app.archive import wipe_version
from scripts_app.deploy import InvalidSource, StaleParent, create_version
from scripts_app.drafts import find_draft, save_draft
from scripts_app.models import Reference, Script, ScriptVersion
from scripts_app.new_script import NewScript, read_new_script
from tests.db.script_factories import ANA, PYTHON, a_principal, make_script, make_workspace
from workspaces.errors import BadRequest, Forbidden, Unprocessable
from workspaces.models import AuditEntry

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def workspace(db):
    return make_workspace()


def new(path: str = "f/etl/load", content: str = PYTHON, **fields):
    return NewScript(path=path, content=content, **{"language": "python3", **fields})


def test_a_first_version_is_live_at_once_when_nothing_is_to_be_installed():
    version = create_version(new(summary="Load"), by=ANA).version
    script = Script.objects.get(path="f/etl/load")
    assert (script.head, script.live, script.summary) == (version, version, "Load")
    assert version.lock == ""
    assert version.schema["properties"]["n"]["default"] == 1
    assert len(version.hash_text) == 16


def test_the_next_version_names_its_parent_and_becomes_head():
    first = make_script()
    second = create_version(new(content=PYTHON + "# more\n", parent_hash=first.hash), by=ANA).version
    script = Script.objects.get(path="f/etl/load")
    assert (script.head, second.parent_hash, second.number) == (second, first.hash, 2)


def test_a_stale_parent_is_refused_with_who_and_when():
    first = make_script()
    make_script(content=PYTHON + "# bob\n", by=a_principal("bob"))
    with pytest.raises(StaleParent, match=r"lineage must be linear.*deployed by bob") as refused:
        create_version(new(content=PYTHON + "# ana\n", parent_hash=first.hash), by=ANA)
    assert refused.value.head.created_by == "bob"


def test_auto_parent_takes_whatever_is_head():
    make_script()
    second = create_version(new(content=PYTHON + "# more\n", auto_parent=True), by=ANA).version
    assert second.number == 2


def test_an_unknown_parent_is_refused():
    with pytest.raises(BadRequest, match="lineage must be linear: no script has the version"):
        create_version(new(parent_hash=5), by=ANA)


def test_a_taken_path_is_refused_without_a_parent():
    held = make_script()
    with pytest.raises(BadRequest, match=f"Path conflict for f/etl/load.*{held.hash_text}"):
        create_version(new(), by=ANA)


def test_nothing_happens_when_nothing_changed_and_the_caller_asks_so():
    first = make_script(summary="Load", settings={"ws_error_handler_muted": True})
    same = new(summary="Load", settings={"ws_error_handler_muted": True}, parent_hash=first.hash)
    again = create_version(same, by=ANA, skip_if_noop=True)
    assert (again.version, again.is_new) == (first, False)
    assert ScriptVersion.objects.count() == 1


def test_a_changed_setting_is_a_change():
    first = make_script()
    changed = create_version(new(timeout_s=60, parent_hash=first.hash), by=ANA, skip_if_noop=True)
    assert changed.is_new


def test_a_rename_moves_the_script_and_keeps_its_id():
    first = make_script(content="def main(): return wmill.get_variable('f/etl/key')")
    before = Script.objects.get(path="f/etl/load")
    create_version(new("f/etl/renamed", parent_hash=first.hash), by=ANA)
    script = Script.objects.get(path="f/etl/renamed")
    assert script.id == before.id
    assert not Script.objects.filter(path="f/etl/load").exists()
    assert not Reference.objects.filter(from_path="f/etl/load").exists()


def test_a_rename_onto_a_live_script_is_refused():
    first = make_script()
    make_script("f/etl/other")
    with pytest.raises(BadRequest, match="Path conflict for f/etl/other"):
        create_version(new("f/etl/other", parent_hash=first.hash), by=ANA)


def test_only_an_owner_moves_a_script():
    first = make_script()
    writer = a_principal("bob", folders_owned=set(), folders_write={"etl"})
    with pytest.raises(Forbidden, match="bob may not move f/etl/load"):
        create_version(new("u/bob/mine", parent_hash=first.hash), by=writer)


def test_the_schema_keeps_what_the_user_customised():
    schema = {"type": "object", "properties": {"n": {"type": "integer", "description": "How many"}}}
    first = make_script(schema=schema)
    assert first.schema == schema
    second = make_script(content="def main(n: int = 2, s: str = ''): ...")
    assert second.schema["properties"]["n"]["description"] == "How many"
    assert list(second.schema["properties"]) == ["n", "s"]


def test_the_schema_keeps_the_order_of_the_arguments():
    make_script(content="def main(zebra: int, a: str, middle: bool = True): ...")
    stored = ScriptVersion.objects.get().schema
    assert list(stored["properties"]) == ["zebra", "a", "middle"]
    assert list(stored) == ["$schema", "type", "properties", "required"]


def test_a_source_that_cannot_be_read_is_refused_at_its_line():
    with pytest.raises(InvalidSource, match="f/etl/load cannot be deployed: line 2") as refused:
        create_version(new(content="import os\ndef main(a: int b): ..."), by=ANA)
    assert refused.value.line == 2


def test_a_library_may_be_anything_its_author_calls_one():
    version = create_version(new(content="def main(a b): ...", is_library=True, lock=""), by=ANA).version
    assert version.auto_kind == "lib"
    assert not Script.objects.get(path="f/etl/load").has_main


def test_a_given_lock_is_used_as_it_is():
    version = make_script(content="import yaml\ndef main(): ...", lock="pyyaml==6.0\n")
    assert version.lock == "pyyaml==6.0\n"
    assert Script.objects.get().live == version


@pytest.mark.parametrize(
    "path",
    [
        "f/etl/../x",
        "f/etl/a b",
        "f/etl",
        "x/etl/a",
        "f/etl/é",
        "f/etl/a\x00",
        f"f/etl/{'a' * 300}",
        "/f/etl/a",
        "f/ｅtl/a",
    ],
)
def test_a_path_that_breaks_the_rules_is_refused(path):
    with pytest.raises(BadRequest, match="path"):
        new(path)


def test_a_folder_must_exist_and_be_writable():
    with pytest.raises(BadRequest, match="no folder f/nowhere"):
        create_version(new("f/nowhere/x"), by=a_principal(is_admin=True))
    with pytest.raises(Forbidden, match="eve may not write to f/etl/load"):
        create_version(new(), by=a_principal("eve", folders_owned=set(), folders_write=set()))


def test_whom_a_script_was_shared_with_for_writing_may_deploy_it_in_place():
    first = make_script()
    Script.objects.update(extra_perms={"u/eve": True, "u/bob": False})
    eve, bob = (a_principal(name, folders_owned=set(), folders_write=set()) for name in ("eve", "bob"))
    assert create_version(new(content="# eve", parent_hash=first.hash), by=eve).version.number == 2
    with pytest.raises(Forbidden, match="bob may not change f/etl/load"):
        create_version(new(content="# bob", auto_parent=True), by=bob)
    with pytest.raises(Forbidden, match="eve may not move f/etl/load"):
        create_version(new("u/eve/mine", auto_parent=True, parent_hash=first.hash), by=eve)


@pytest.mark.parametrize(
    "setting",
    [
        {"concurrent_limit": 1},
        {"debounce_delay_s": 5},
        {"dedicated_worker": True},
        {"restart_unless_cancelled": True},
        {"delete_after_secs": 0},
        {"delete_after_use": True},
        {"codebase": "abc"},
        {"modules": {"a.py": {"content": "", "language": "python3"}}},
    ],
)
def test_a_setting_nobody_honours_is_refused_by_name(setting):
    body = {"path": "f/etl/load", "content": PYTHON, "language": "python3", "summary": "", **setting}
    with pytest.raises(BadRequest, match=f'"{next(iter(setting))}" of f/etl/load is not supported'):
        read_new_script(body)


def test_settings_that_are_off_round_trip():
    body = {"path": "f/etl/load", "content": PYTHON, "language": "python3", "summary": "", "dedicated_worker": None,
            "concurrency_key": "x", "assets": [{"kind": "s3object", "path": "a"}]}  # fmt: skip
    version = create_version(read_new_script(body), by=ANA).version
    assert version.settings == {
        "dedicated_worker": None,
        "concurrency_key": "x",
        "assets": [{"kind": "s3object", "path": "a"}],
    }


def test_missing_and_mistyped_fields_are_named():
    with pytest.raises(Unprocessable, match="missing field `content`"):
        read_new_script({"path": "f/etl/load", "language": "python3", "summary": ""})
    with pytest.raises(Unprocessable, match="`timeout` must be a whole number"):
        read_new_script({"path": "f/etl/load", "language": "bash", "content": "", "summary": "", "timeout": "5"})


@pytest.mark.parametrize("line", ["WM_TOKEN=x", "LD_PRELOAD=x", "PYTHONPATH=/x", "1A=x", "novalue"])
def test_environment_variables_of_the_platform_are_refused(line):
    with pytest.raises(BadRequest, match=line.split("=")[0]):
        new(envs=(line,))


def test_a_tag_must_be_allowed_in_the_workspace():
    with pytest.raises(BadRequest, match='"gpu" is not allowed in workspace ops'):
        create_version(new(tag="gpu"), by=ANA)
    assert create_version(new(tag="gpu"), by=a_principal(is_superadmin=True)).version.tag == "gpu"


def test_content_with_nul_is_refused_with_its_line():
    with pytest.raises(BadRequest, match="line 2"):
        new(content="def main():\n  return '\x00'")


def test_a_deploy_drops_the_authors_draft_and_nobody_elses():
    bob = a_principal("bob")
    for who in (ANA, bob):
        save_draft("f/etl/load", {"content": "x"}, by=who)
    make_script()
    assert find_draft("f/etl/load", by=ANA) is None
    assert find_draft("f/etl/load", by=bob) is not None


def test_what_a_script_uses_is_known():
    make_script(
        content="from f.etl.shared import x\ndef main(): return wmill.get_resource('f/db/main'), '$var:f/etl/key'"
    )
    used = Reference.objects.filter(from_path="f/etl/load").values_list("to_kind", "to_path")
    assert set(used) == {("script", "f/etl/shared"), ("resource", "f/db/main"), ("variable", "f/etl/key")}


def test_a_deploy_is_audited():
    make_script()
    make_script(content=PYTHON + "#\n")
    assert list(AuditEntry.objects.order_by("id").values_list("operation", "resource")) == [
        ("scripts.create", "f/etl/load"),
        ("scripts.update", "f/etl/load"),
    ]


def test_another_identity_is_kept_for_those_who_may_only(django_user_model):
    from workspaces.models import Membership

    boss = django_user_model.objects.create_user("boss@example.com")
    Membership.objects.create(workspace_id="ops", user=boss, username="boss")
    wish = {"on_behalf_of_email": "boss@example.com", "preserve_on_behalf_of": True}
    assert make_script(**wish).on_behalf_of_email == "ana@example.com"
    assert (
        make_script("f/etl/b", by=a_principal(groups={"wm_deployers"}), **wish).on_behalf_of_email == "boss@example.com"
    )


def test_erasing_the_live_version_falls_back_to_the_one_before():
    first = make_script()
    second = make_script(content=PYTHON + "# 2\n")
    waiting = make_script(content="import yaml\ndef main(): ...")
    wipe_version(second, by=ANA)
    script = Script.objects.get()
    assert (script.head, script.live, script.archived_at) == (waiting, first, None)
    assert (ScriptVersion.objects.get(pk=second.pk).content, second.is_deleted) == ("", True)


def test_erasing_the_head_archives_the_script():
    wipe_version(make_script(), by=ANA)
    assert Script.objects.get().archived_at is not None


def test_a_draft_is_stored_without_what_the_database_cannot_keep():
    save_draft("f/etl/load", {"content": "a\x00b\ud800"}, by=ANA)
    draft = find_draft("f/etl/load", by=ANA)
    assert draft is not None and draft.value == {"content": "ab\ufffd"}
