"""Lists of jobs: who sees what, filters, order, and what a full table costs."""

import json
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode
from uuid import uuid4

import pytest
from django.db import connection

from tests.db.asgi_kit import Api, empty_job_tables, serving_loop
from tests.factories import make_cast, make_folder, make_token, principal_of
from workers import job_lists, visibility
from workers.answers import Call, parse_query
from workers.job_rows import fetch_sync
from workers.push import NewJob, push_job
from workspaces.ids import uuid7

pytestmark = pytest.mark.django_db(transaction=True)
NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def cast(transactional_db):
    empty_job_tables()
    cast = make_cast()
    make_folder(cast.workspace, "etl", owners=("u/admin",), extra_perms={"u/developer": False})
    make_folder(cast.workspace, "etl2", owners=("u/admin",))
    return cast


def make_job(path="f/etl/load", *, status="", running=False, age_s=0.0, result="1", worker="wk-1", **fields):
    """A queued, running or completed job, `age_s` old."""
    job = NewJob(**{
        "workspace_id": "test", "kind": "script", "tag": "python3", "created_by": "admin", "permissioned_as": "u/admin",
        "permissioned_as_email": "admin@example.com", "runnable_path": path, **fields,
    })  # fmt: skip
    push_job(job)
    with connection.cursor() as cursor:
        at = NOW - timedelta(seconds=age_s)
        cursor.execute("UPDATE job SET created_at = %s WHERE id = %s", [at, job.id])
        if status:
            cursor.execute("DELETE FROM job_queue WHERE id = %s", [job.id])
            cursor.execute(
                "INSERT INTO job_completed (id, workspace_id, status, result, started_at, completed_at, worker)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s)",
                [job.id, job.workspace_id, status, result, at, at + timedelta(seconds=1), worker],
            )
        elif running:
            cursor.execute(
                "UPDATE job_queue SET running = true, ready = false, worker = %s, started_at = now() WHERE id = %s",
                [worker, job.id],
            )
    return str(job.id)


def listed(user, cast, of="", **query):
    """Ids that the API's list answers, in its order."""
    principal = principal_of(user, cast.workspace)
    call = Call("GET", "", "test", principal, query=parse_query(urlencode(query)))
    found = job_lists.api_list(call, of=of)
    return [str(row.id) for row in fetch_sync(found.sql, found.parameters)]


def test_people_see_their_own_runs_and_those_of_their_folders(cast):
    by_folder, other_folder = make_job("f/etl/load"), make_job("f/etl2/load")
    hidden = make_job("f/etl/secret", visible_to_owner=False)
    mine = make_job("f/etl2/mine", permissioned_as="u/developer")
    my_path = make_job("u/developer/x")
    elsewhere = make_job("f/etl/load", workspace_id="other")
    assert set(listed(cast.developer, cast)) == {by_folder, mine, my_path}
    assert listed(cast.operator, cast) == []
    assert set(listed(cast.admin, cast)) == {by_folder, other_folder, hidden, mine, my_path}
    assert elsewhere not in listed(cast.superadmin, cast, all_workspaces="true")


def test_the_rule_for_one_job_is_the_rule_of_lists(cast):
    fields = [
        {"path": path, "permissioned_as": as_, "visible_to_owner": visible, "created_by": "x", "tag": tag}
        for path in ("f/etl/a", "f/etlx/a", "u/developer/a", "u/developer2/a", "g/all/a", "")
        for as_ in ("u/developer", "g/all", "developer@example.com", "u/other")
        for visible in (True, False)
        for tag in ("python3", "bash")
    ]
    ids = {make_job(**each): each for each in fields}
    for user in (cast.developer, cast.operator, cast.admin, cast.superadmin):
        sight = visibility.sight_of(principal_of(user, cast.workspace))
        expected = {
            job_id
            for job_id, each in ids.items()
            if sight.allows(
                created_by=each["created_by"],
                permissioned_as=each["permissioned_as"],
                runnable_path=each["path"],
                visible_to_owner=each["visible_to_owner"],
                tag=each["tag"],
            )
        }
        assert set(listed(user, cast, per_page=1000)) == expected


def test_newest_first_whatever_ids_callers_chose(cast):
    chosen_old = make_job(age_s=100, id=uuid4(), status="success")
    newer, newest = make_job(age_s=50, status="success"), make_job(age_s=1)
    assert listed(cast.admin, cast) == [newest, newer, chosen_old]
    assert listed(cast.admin, cast, order_desc="false") == [chosen_old, newer, newest]


def test_filters_narrow(cast):
    load = make_job("f/etl/load", status="success", age_s=10, result='{"rows": 3, "ok": true}')
    failed = make_job("f/etl/load_all", status="failure", age_s=20, tag="gpu-1", worker="wk-2")
    skipped = make_job("f/etl/skip", status="skipped", age_s=30, labels=("night",))
    tick = make_job("f/etl/tick", trigger_kind="schedule", trigger_path="f/etl/daily", age_s=40)
    running = make_job("u/admin/now", running=True, age_s=50, args='{"day": "monday", "n": [1, 2]}')
    child = make_job("f/etl/step", parent_id=uuid7(), kind="preview", age_s=60, created_by="developer")
    everything = [load, failed, skipped, tick, running, child]
    cases = {
        (): everything,
        ("script_path_exact=f/etl/load",): [load],
        ("script_path_start=f/etl/load",): [load, failed],
        ("script_path_start=f/etl/load_",): [failed],
        ("script_path_exact=!f/etl/load,!u/admin/now",): [failed, skipped, tick, child],
        ("created_by=developer,nobody",): [child],
        ("running=true",): [running],
        ("running=false",): [load, failed, skipped, tick, child],
        ("success=true",): [load, skipped],
        ("success=false",): [failed],
        ("status=failure",): [failed],
        ("is_skipped=true",): [skipped],
        ("label=night",): [skipped],
        ("label=n*ght", "allow_wildcards=true"): [skipped],
        ("tag=gpu*", "allow_wildcards=true"): [failed],
        ("tag=gpu*",): [],
        ("worker=wk-2",): [failed],
        ("job_kinds=preview",): [child],
        ("schedule_path=f/etl/daily",): [tick],
        ("is_not_schedule=true",): [load, failed, skipped, running, child],
        ("has_null_parent=true",): [load, failed, skipped, tick, running],
        ("is_flow_step=true",): [child],
        ("created_before=" + (NOW - timedelta(seconds=45)).isoformat(),): [running, child],
        ("created_after=" + (NOW - timedelta(seconds=15)).isoformat(),): [load],
        ('args={"day": "monday"}',): [running],
        ('result={"rows": 3}',): [load],
        ("broad_filter=LOAD_",): [failed],
        ("per_page=2", "page=2"): [skipped, tick],
        ("per_page=2", "page=0"): [load, failed],
    }
    for parts, expected in cases.items():
        query = dict(part.split("=", 1) for part in parts)
        assert listed(cast.admin, cast, **query) == expected, parts
    assert listed(cast.admin, cast, of="queue") == [tick, running, child]
    assert listed(cast.admin, cast, of="completed") == [load, failed, skipped]


def test_pages_by_key_meet_without_gap(cast):
    jobs = [make_job(age_s=age) for age in range(7)]
    principal = principal_of(cast.admin, cast.workspace)

    def page(move=None, row=None):
        query = job_lists.visible_jobs(principal)
        query.limit = 3
        if move:
            move(query, row.created_at, row.id)
        return fetch_sync(query.sql, query.parameters)

    first = page()
    second = page(job_lists.add_before, first[-1])
    back = page(job_lists.add_after, second[0])
    assert [str(row.id) for row in first + second] == jobs[:6]
    assert [row.id for row in back] == [row.id for row in reversed(first)]


@pytest.fixture
def api(cast):
    """The admin by API, two jobs being there."""
    make_job(status="success", result='"heavy result"', args='{"a": "heavy args"}', raw_code="heavy code")
    make_job(running=True)
    return Api(make_token(cast.admin))


async def test_the_api_lists_objects_without_anything_heavy(api):  # R5
    async with serving_loop():
        answer = await api.get("jobs/list")
        with_args = await api.get("jobs/list", include_args="true")
        queue_count = (await api.get("jobs/queue/count")).json
        done_count = (await api.get("jobs/completed/count")).json
        wrong = await api.get("jobs/list", status="odd")
        mixed = await api.get("jobs/list", tag="a,!b")
    assert "heavy" not in answer.text
    assert "heavy args" in with_args.text
    assert {each["type"] for each in answer.json} == {"QueuedJob", "CompletedJob"}
    assert (queue_count, done_count) == ({"database_length": 1, "suspended": 0}, {"database_length": 1})
    assert [wrong.status, mixed.status] == [400, 400]


def test_a_page_of_a_full_table_reads_an_index_and_stops(cast):
    """Plans on 60,000 jobs: nothing is sorted, nothing is read beyond the page."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO job (id, workspace_id, kind, created_by, permissioned_as, permissioned_as_email, tag,"
            " scheduled_for, runnable_path, created_at)"
            " SELECT md5(n::text)::uuid, 'test', 'script', 'u' || mod(n, 50), 'u/admin', '', 'python3', now(),"
            " 'f/etl/s' || mod(n, 200), now() - n * interval '1 s' FROM generate_series(1, 60000) AS n"
        )
        cursor.execute(
            "INSERT INTO job_completed (id, workspace_id, status)"
            " SELECT id, workspace_id, 'success' FROM job WHERE tag = 'python3'"
        )
        cursor.execute("ANALYZE job, job_completed, job_queue")
    for query in ({}, {"script_path_exact": "f/etl/s7"}, {"created_by": "u7"}):
        call = Call("GET", "", "test", principal_of(cast.admin, cast.workspace), query=parse_query(urlencode(query)))
        found = job_lists.api_list(call)
        found.limit = 50
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {found.sql}", found.parameters)
            plan = cursor.fetchone()[0]
        plan = plan if isinstance(plan, list) else json.loads(plan)
        nodes = list(_nodes(plan[0]["Plan"]))
        assert not [node for node in nodes if node["Node Type"] in ("Sort", "Seq Scan") and node["Actual Rows"] > 100]
        read = sum(node["Actual Rows"] * node["Actual Loops"] for node in nodes if "Index" in node["Node Type"])
        assert read < 1000, (query, read)


def _nodes(plan):
    yield plan
    for inner in plan.get("Plans", ()):
        yield from _nodes(inner)
