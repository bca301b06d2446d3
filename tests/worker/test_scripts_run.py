"""Deployed scripts on a real worker: locks, what runs by path and by hash, settings, imports, kept results."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from asgiref.sync import async_to_sync
from django.conf import settings
from django.db import connection
from django.test import Client

from scripts_app.deploy import create_version
from scripts_app.models import KeptResult, Script, ScriptVersion
from scripts_app.new_script import NewScript
from scripts_app.result_cache import drop_expired
from tests.db.script_factories import make_script
from tests.factories import log_in, make_folder, make_member, make_token, make_workspace, principal_of
from tests.postgres_server import PostgresServer, temporary_data_dir
from tests.waiting import eventually
from tests.worker.worker_kit import Jobs, running_worker
from workers.answers import Call
from workers.operations import run
from workspaces.errors import BadRequest
from workspaces.models import User
from workspaces.principal import Principal

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def worker_here(postgres_server: PostgresServer, django_db_setup: None, package_cache: Path) -> Iterator[None]:
    """A worker on the database that the ORM of these tests uses."""
    from tests.conftest import TEST_DATABASE

    directory = temporary_data_dir()
    directory.chmod(0o711)
    (directory / "cache").symlink_to(package_cache)
    with running_worker(postgres_server.url(TEST_DATABASE), directory, INSTANCE_KEY=settings.INSTANCE_KEY):
        yield


@pytest.fixture
def jobs(database_url: str, worker_here: None) -> Jobs:
    return Jobs(database_url)


@pytest.fixture
def ana(jobs: Jobs) -> Principal:
    """A developer who owns the folder etl."""
    workspace = make_workspace("ops")
    make_folder(workspace, "etl", owners=("u/ana",))
    return principal_of(make_member(workspace, "ana").user, workspace)


def start(by: Principal, path: str, args: dict[str, Any] | None = None, **query: str) -> UUID:
    asked = {name: [value] for name, value in query.items()}
    call = Call("POST", path, "ops", by, query=asked, body=json.dumps(args or {}).encode())
    return UUID(async_to_sync(run.run_script_by_path)(call).body.decode())


def start_hash(by: Principal, version: ScriptVersion) -> UUID:
    call = Call("POST", version.hash_text, "ops", by, body=b"{}")
    return UUID(async_to_sync(run.run_script_by_hash)(call).body.decode())


def locked(version: ScriptVersion) -> ScriptVersion:
    """The version once its lock job has ended."""

    def look() -> bool:
        version.refresh_from_db()
        return version.lock is not None or version.lock_error is not None

    eventually(look, within_s=60)
    return version


def test_a_deploy_resolves_its_requirements_and_goes_live(ana: Principal, jobs: Jobs) -> None:
    version = locked(make_script(content="# requirements: six\nimport six\ndef main(): return six.__name__", by=ana))
    assert version.lock and "six==" in version.lock
    assert Script.objects.get().live_id == version.hash
    assert version.lock_job_id is not None
    assert "six==" in jobs.log(version.lock_job_id)
    assert jobs.ended(version.lock_job_id).value == {"lock": version.lock}
    assert jobs.ended(start(ana, "f/etl/load"), within_s=60).value == "six"


def test_an_unresolvable_requirement_shows_the_resolvers_words(ana: Principal, jobs: Jobs) -> None:
    source = "# requirements: no-such-package-by-anyone-9171\ndef main(): ..."
    version = locked(make_script(content=source, by=ana))
    assert version.lock is None
    assert version.lock_error and "no-such-package-by-anyone-9171" in version.lock_error
    assert version.lock_job_id is not None
    ended = jobs.ended(version.lock_job_id)
    assert (ended.status, ended.error["name"]) == ("failure", "LockFailed")
    assert "no-such-package-by-anyone-9171" in jobs.log(version.lock_job_id)


def test_by_path_runs_the_newest_version_with_a_lock_and_by_hash_exactly_that_one(ana: Principal, jobs: Jobs) -> None:
    first = make_script(content="def main(): return 'first'", by=ana)
    broken = locked(make_script(content="# requirements: no-such-package-by-anyone-9171\ndef main(): ...", by=ana))
    assert jobs.ended(start(ana, "f/etl/load")).value == "first"
    assert jobs.ended(start_hash(ana, broken), within_s=60).status == "failure"
    second = make_script(content="def main(): return 'second'", by=ana)
    assert jobs.ended(start(ana, "f/etl/load")).value == "second"
    assert jobs.ended(start_hash(ana, first)).value == "first"
    assert second.number == 3


def test_a_late_lock_never_replaces_a_newer_version(ana: Principal, jobs: Jobs) -> None:
    slow = make_script(content="# requirements: six\ndef main(): return 'slow'", by=ana)
    with jobs.connect() as conn, conn.transaction():  # its lock cannot be stored before the newer version is live
        conn.execute("SELECT 1 FROM scripts_app_scriptversion WHERE hash = %s FOR UPDATE", (slow.hash,))
        newer = make_script(content="def main(): return 'newer'", by=ana)
    assert locked(slow).lock is not None
    assert Script.objects.get().live_id == newer.hash
    assert jobs.ended(start(ana, "f/etl/load")).value == "newer"


def test_environment_variables_and_the_script_path_reach_the_job(ana: Principal, jobs: Jobs) -> None:
    source = "import os\ndef main(): return [os.environ['MODE'], os.environ['WM_JOB_PATH'], __name__]"
    make_script(content=source, envs=("MODE=a=b",), by=ana)
    assert jobs.ended(start(ana, "f/etl/load")).value == ["a=b", "f/etl/load", "f.etl.load"]


def test_a_timeout_of_the_script_ends_its_runs(ana: Principal, jobs: Jobs) -> None:
    make_script(content="import time\ndef main(): time.sleep(60)", timeout_s=1, by=ana)
    ended = jobs.ended(start(ana, "f/etl/load"))
    assert "timeout" in ended.error["message"]


def test_labels_and_tag_of_the_script_are_on_its_runs(ana: Principal, jobs: Jobs) -> None:
    make_script(content="def main(): ...", labels=("nightly",), tag="bash", priority=7, by=ana)
    job_id = start(ana, "f/etl/load")
    assert jobs.ended(job_id).labels == ["nightly"]
    assert jobs.sql("SELECT tag, priority FROM job WHERE id = %s", job_id) == [("bash", 7)]


def test_defaults_of_a_bash_script_apply(ana: Principal, jobs: Jobs) -> None:
    make_script(content='name="${1:-nobody}"\nmore="$2"\necho "$name,$more"', language="bash", by=ana)
    assert jobs.ended(start(ana, "f/etl/load", {"more": "x"})).value == "nobody,x"


def test_scripts_import_each_other_with_the_rights_of_the_run(ana: Principal, jobs: Jobs) -> None:
    make_script("f/etl/deep-est", "def ten(): return 10", by=ana)
    make_script("f/etl/shared", "from f.etl.deep_est import ten\ndef twice(x): return ten() * x", by=ana)
    make_script(
        "f/etl/user", "from .shared import twice\nimport f.etl.shared as s\ndef main(): return twice(2)", by=ana
    )
    locked(ScriptVersion.objects.get(path="f/etl/user"))
    assert jobs.ended(start(ana, "f/etl/user")).value == 20
    make_folder(make_workspace("ops"), "hidden", owners=("u/eve",))
    eve = principal_of(make_member(make_workspace("ops"), "eve").user, make_workspace("ops"))
    make_script("f/hidden/secret", "WORD = 'hush'", by=eve, lock="")
    make_script("f/etl/curious", "from f.hidden.secret import WORD\ndef main(): return WORD", by=ana, lock="")
    assert jobs.ended(start(ana, "f/etl/curious")).error["name"] == "ModuleNotFoundError"


def test_a_library_fails_clearly(ana: Principal, jobs: Jobs) -> None:
    make_script(content="def helper(): ...", by=ana)
    assert "main function is missing" in jobs.ended(start(ana, "f/etl/load")).error["message"]


def test_kept_results_answer_equal_runs_of_the_same_identity(ana: Principal, jobs: Jobs) -> None:
    make_script(content="import time\ndef main(n=1): return [n, time.time_ns()]", cache_ttl_s=600, by=ana)
    first = jobs.ended(start(ana, "f/etl/load", {"n": 1})).value
    again = start(ana, "f/etl/load", {"n": 1})
    assert jobs.ended(again).value == first
    assert "Nothing ran" in jobs.log(again)
    assert jobs.ended(start(ana, "f/etl/load", {"n": 2})).value != first
    admin = principal_of(make_member(make_workspace("ops"), "boss", is_admin=True).user, make_workspace("ops"))
    assert jobs.ended(start(admin, "f/etl/load", {"n": 1})).value != first
    jobs.sql("UPDATE scripts_app_keptresult SET expires_at = now() - interval '1 second'")
    assert jobs.ended(start(ana, "f/etl/load", {"n": 1})).value != first
    jobs.sql("UPDATE scripts_app_keptresult SET expires_at = now() - interval '1 second'")
    assert drop_expired() == 3
    assert not KeptResult.objects.exists()


def test_failures_are_not_kept(ana: Principal, jobs: Jobs) -> None:
    make_script(content="def main(): 1 / 0", cache_ttl_s=600, by=ana)
    assert jobs.ended(start(ana, "f/etl/load")).status == "failure"
    assert not KeptResult.objects.exists()


def test_a_run_that_waits_for_a_deleted_version_fails_clearly(ana: Principal, jobs: Jobs) -> None:
    version = make_script(content="def main(): return 1", by=ana)
    job_id = start(ana, "f/etl/load", scheduled_in_secs="1")
    ScriptVersion.objects.filter(pk=version.pk).update(is_deleted=True, content="")
    assert "was deleted" in jobs.ended(job_id).error["message"]


def test_a_password_of_the_form_is_sealed_in_the_row_and_plain_in_the_job(
    client: Client, ana: Principal, jobs: Jobs
) -> None:
    key = {"type": "string", "format": "password"}
    schema = {"type": "object", "properties": {"key": key}, "required": ["key"]}
    make_script(content="def main(key: str): return len(key)", schema=schema, by=ana)
    visitor = log_in(client, User.objects.get(email=ana.email))
    answer = visitor.post("/w/ops/scripts/runs/f/etl/load", {"arg.key": "hunter2!", "key": "once"})
    job_id = UUID(answer["Location"].rsplit("/", 1)[1])
    assert jobs.ended(job_id).value == len("hunter2!")
    ((args,),) = jobs.sql("SELECT args FROM job WHERE id = %s", job_id)
    assert args["key"].startswith("$encrypted:")


def test_a_form_that_is_sent_twice_starts_one_run(client: Client, ana: Principal, jobs: Jobs) -> None:
    make_script(content="def main(n: int): return n", by=ana)
    visitor = log_in(client, User.objects.get(email=ana.email))
    url, form = "/w/ops/scripts/runs/f/etl/load", {"arg.n": "3", "key": "abc"}
    first, second = (visitor.post(url, form)["Location"] for _ in range(2))
    third = visitor.post(url, form | {"key": "another"})["Location"]
    assert first == second != third
    assert jobs.ended(UUID(first.rsplit("/", 1)[1])).value == 3


def test_a_run_can_be_planned_from_the_form(client: Client, ana: Principal, jobs: Jobs) -> None:
    make_script(content="def main(): return 1", by=ana)
    visitor = log_in(client, User.objects.get(email=ana.email))
    answer = visitor.post("/w/ops/scripts/runs/f/etl/load", {"scheduled_for": "2030-01-02T03:04"})
    job_id = answer["Location"].rsplit("/", 1)[1]
    assert jobs.sql("SELECT scheduled_for, ready FROM job_queue WHERE id = %s", job_id) == [
        (datetime(2030, 1, 2, 3, 4, tzinfo=UTC), False)
    ]
    assert visitor.post("/w/ops/scripts/runs/f/etl/load", {"tag": "gpu"}).status_code == 422


def test_a_clients_own_files_get_their_lock(client: Client, ana: Principal, jobs: Jobs) -> None:
    client.cookies["token"] = make_token(
        User.objects.get(email=ana.email)
    )  # as the command line sends it: cookie alone
    script = {"raw_code": "import six\ndef main(): ...", "language": "python3", "script_path": "f/etl/mine"}
    body = {"raw_scripts": [script], "entrypoint": "f/etl/mine"}
    url = "/api/w/ops/jobs/run/dependencies"
    answer = client.post(url, body, content_type="application/json")
    assert (answer.status_code, "six==" in answer.json()["lock"]) == (201, True)
    answer = client.post(f"{url}_async", body, content_type="application/json")
    assert answer.status_code == 201
    assert "six==" in jobs.ended(UUID(answer.content.decode()), within_s=60).value["lock"]
    script["raw_code"] = "# requirements: no-such-package-by-anyone-9171"
    answer = client.post(url, body, content_type="application/json")
    assert (answer.status_code, answer.json()["error"]["name"]) == (422, "LockFailed")


def test_a_preview_gets_the_requirements_of_what_it_imports(ana: Principal, jobs: Jobs) -> None:
    make_script("f/etl/shared", "# requirements: six\nimport six\ndef name(): return six.__name__", by=ana)
    body = {"language": "python3", "content": "from f.etl.shared import name\ndef main(): return name()"}
    call = Call("POST", "", "ops", ana, body=json.dumps(body).encode())
    job_id = UUID(async_to_sync(run.run_preview)(call).body.decode())
    assert jobs.ended(job_id, within_s=60).value == "six"


def test_an_import_that_needs_more_than_it_did_is_resolved_again(ana: Principal, jobs: Jobs) -> None:
    make_script("f/etl/shared", "def name(): return 'plain'", by=ana)
    user = make_script("f/etl/user", "from f.etl.shared import name\ndef main(): return name()", by=ana)
    assert locked(user).lock == ""
    changed = make_script("f/etl/shared", "import six\ndef name(): return six.__name__", by=ana)
    locked(changed)
    assert jobs.ended(start(ana, "f/etl/user"), within_s=60).value == "six"


def test_of_many_deploys_on_one_parent_one_wins(ana: Principal) -> None:
    first = make_script(by=ana)
    assert all_at_once(ana, parent_hash=first.hash) == ["StaleParent"] * 5 + ["deployed"]
    assert ScriptVersion.objects.count() == 2


def test_of_many_first_deploys_at_one_path_one_wins(ana: Principal) -> None:
    assert all_at_once(ana, parent_hash=None) == ["BadRequest"] * 5 + ["deployed"]
    assert Script.objects.count() == ScriptVersion.objects.count() == 1


def all_at_once(by: Principal, *, parent_hash: int | None) -> list[str]:
    """What came of six deploys at the same time."""
    outcomes: list[str] = []

    def deploy(number: int) -> None:
        new = NewScript("f/etl/load", f"def main(): return {number}", "python3", parent_hash=parent_hash)
        try:
            create_version(new, by=by)
            outcomes.append("deployed")
        except BadRequest as refused:
            outcomes.append(type(refused).__name__)
        finally:
            connection.close()

    threads = [threading.Thread(target=deploy, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return sorted(outcomes)
