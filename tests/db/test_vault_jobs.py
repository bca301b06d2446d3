"""References of jobs, keys, and two writers at once."""

import asyncio
import threading
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from django.test import override_settings

from tests.factories import make_cast, make_folder, principal_of
from vault import keys, references, sealing, variables
from vault.models import Resource, Variable, WorkspaceKey
from vault.variables import NewVariable, create_variable
from workspaces import clock
from workspaces.errors import BadRequest, Internal, NotFound
from workspaces.models import AuditEntry


@dataclass(frozen=True)
class Job:
    args: str
    permissioned_as: str = "u/developer"
    permissioned_as_email: str = "developer@example.com"
    workspace_id: str = "test"
    id: UUID = field(default_factory=uuid4)


@pytest.fixture
def cast(transactional_db):
    cast = make_cast()
    make_folder(cast.workspace, "etl", owners=("u/admin",), extra_perms={"g/all": False})
    by = principal_of(cast.admin, cast.workspace)
    create_variable(NewVariable("f/etl/key", "s3cret-value", is_secret=True), by=by)
    create_variable(NewVariable("f/etl/json", '{"a": [1]}', is_secret=True), by=by)
    create_variable(NewVariable("u/admin/own", "hidden", is_secret=True), by=by)
    return cast


def resolve(job: Job, **context: str) -> references.Resolution:
    async def run() -> references.Resolution:
        async with await psycopg.AsyncConnection.connect(settings.DATABASE_URL, autocommit=True) as conn:
            return await references.resolution_for_job(conn, job, context=context)

    return asyncio.run(run())


def test_arguments_of_a_job_are_filled_in_and_what_was_secret_is_told(cast):
    job = Job('{"k":"$var:f/etl/key","j":{"deep":["$jsonvar:f/etl/json"]},"me":"$WM_JOB_ID","dollar":"$5","n":1.50}')
    found = resolve(job, WM_JOB_ID="the id")
    assert found.text == '{"k":"s3cret-value","j":{"deep":[{"a":[1]}]},"me":"the id","dollar":"$5","n":1.5}'
    assert found.secrets == {"s3cret-value", '{"a": [1]}'}
    entries = AuditEntry.objects.filter(operation="variables.decrypt_secret")
    assert set(entries.values_list("resource", "username")) == {("f/etl/key", "developer"), ("f/etl/json", "developer")}
    assert {entry.parameters["job_id"] for entry in entries} == {str(job.id)}


def test_operators_use_secrets_in_jobs(cast):
    job = Job('{"k":"$var:f/etl/key"}', "u/operator", "operator@example.com")
    assert resolve(job).text == '{"k":"s3cret-value"}'


@pytest.mark.parametrize("who", [("u/developer", "developer@example.com"), ("g/all", "developer@example.com")])
def test_what_the_identity_may_not_read_is_not_there(cast, who):
    with pytest.raises(NotFound, match="Variable u/admin/own not found for `k`"):
        resolve(Job('{"k":"$var:u/admin/own"}', *who))


def test_an_identity_that_lost_its_place_reads_nothing(cast):
    cast.developer.memberships.update(is_disabled=True)
    with pytest.raises(NotFound):
        resolve(Job('{"k":"$var:f/etl/key"}'))


def test_an_encrypted_argument_opens_only_for_the_identity_it_was_made_for(cast):
    sealed = sealing.seal_argument("test", "developer@example.com", "hush hush")
    args = f'{{"p":"$encrypted:{sealed}"}}'
    assert resolve(Job(args)).text == '{"p":"hush hush"}'
    with pytest.raises(BadRequest, match="does not open here"):
        resolve(Job(args, "u/operator", "operator@example.com"))


def test_an_expired_variable_is_gone(cast):
    Variable.objects.filter(path="f/etl/key").update(expires_at=clock.now() - timedelta(seconds=1))
    with pytest.raises(NotFound):
        resolve(Job('{"k":"$var:f/etl/key"}'))
    assert variables.delete_expired() == 1


def test_a_resource_in_arguments_brings_what_it_refers_to(cast):
    who: dict[str, Any] = {"workspace": cast.workspace, "created_by": "", "edited_by": "", "resource_type": "c_x"}
    Resource.objects.create(path="f/etl/db", value={"user": "x", "password": "$var:f/etl/key"}, **who)
    Resource.objects.create(path="f/etl/both", value={"one": "$res:f/etl/db", "two": "$res:f/etl/db"}, **who)
    db = '{"user":"x","password":"s3cret-value"}'
    assert resolve(Job('{"db":"$res:f/etl/both"}')).text == f'{{"db":{{"one":{db},"two":{db}}}}}'


def test_without_references_the_text_stays_and_nothing_is_asked(cast):
    class NoConnection:
        def __getattr__(self, name: str) -> Any:
            raise AssertionError(f"asked for {name}")

    job = Job('{"a": 1.50, "b": "$"}'.replace('"$"', '"x"'))
    found = asyncio.run(references.resolution_for_job(NoConnection(), job))  # type: ignore[arg-type]
    assert found.text is job.args


def test_another_instance_key_is_told_and_shows_nothing(cast):
    with override_settings(INSTANCE_KEY="the key of some other instance"):
        keys.opened.cache_clear()
        with pytest.raises(Internal, match="set INSTANCE_KEY"):
            resolve(Job('{"k":"$var:f/etl/key"}'))
    keys.opened.cache_clear()
    assert resolve(Job('{"k":"$var:f/etl/key"}')).text == '{"k":"s3cret-value"}'


def test_two_at_once_make_one_variable_and_one_key(cast):
    WorkspaceKey.objects.all().delete()
    Variable.objects.all().delete()
    by = principal_of(cast.admin, cast.workspace)
    start = threading.Barrier(2)
    outcomes: list[str] = []

    def write() -> None:
        start.wait()
        try:
            create_variable(NewVariable("f/etl/same", "v", is_secret=True), by=by)
            outcomes.append("made")
        except BadRequest:
            outcomes.append("taken")
        finally:
            connection.close()

    threads = [threading.Thread(target=write) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["made", "taken"]
    assert WorkspaceKey.objects.count() == 1
    assert variables.read_value(Variable.objects.get(), by=by) == "v"
