"""Pages of runs, jobs and workers by the test client: what they show, what they refuse, what they cost."""

import json
from uuid import UUID, uuid4

import pytest
from asgiref.sync import async_to_sync
from django.db import connection

from tests.db.asgi_kit import empty_job_tables
from tests.db.script_factories import make_script
from tests.db.test_jobs_api_lists import make_job
from tests.factories import log_in, make_cast, make_folder, principal_of

pytestmark = pytest.mark.django_db(transaction=True)
HTMX = {"HX-Request": "true"}


@pytest.fixture
def cast(transactional_db):
    empty_job_tables()
    cast = make_cast()
    make_folder(cast.workspace, "etl", owners=("u/developer",))
    return cast


@pytest.fixture
def visitor(client, cast):
    return log_in(client, cast.developer)


def page(visitor, address, **more):
    response = visitor.get(f"/w/test/{address}", **more)
    assert response.status_code == 200, response
    return response.content.decode()


def write_log(job_id, *texts):
    start = 0
    with connection.cursor() as cursor:
        for seq, text in enumerate(texts):
            cursor.execute("INSERT INTO job_log VALUES (%s, %s, %s, %s)", [job_id, seq, start, text])
            start += len(text)


def test_runs_show_states_and_link_to_jobs(visitor, cast):
    done = make_job("f/etl/load", status="success")
    make_job("f/etl/broken", status="failure", age_s=5)
    make_job("f/etl/wait", age_s=9)
    html = page(visitor, "runs")
    assert f"/w/test/runs/{done}" in html
    assert all(word in html for word in ("Success", "Failed", "f/etl/wait"))


def test_runs_of_others_are_not_shown(client, cast):
    make_job("f/etl/load", status="success")
    html = page(log_in(client, cast.operator), "runs")
    assert "f/etl/load" not in html and "No runs yet" in html


def test_filters_are_in_the_address(visitor):
    make_job("f/etl/load", status="success")
    make_job("f/etl/other", status="failure")
    make_job("", kind="preview", status="success", permissioned_as="u/developer")
    assert "f/etl/other" not in page(visitor, "runs?path=f/etl/load")
    assert "f/etl/load" not in page(visitor, "runs?status=failure")
    assert "No run fits" in page(visitor, "runs?user=nobody")
    assert "preview" in page(visitor, "runs?job_kinds=previews&path=", headers=HTMX)
    assert page(visitor, "runs?status=odd&before=x&job_kinds=%27")


def test_looking_for_news_costs_nothing_when_there_are_none(visitor):
    make_job("f/etl/load", status="success")
    html = page(visitor, "runs")
    address = html.split('hx-get="/w/test/runs?')[1].split('"')[0].replace("&amp;", "&")
    assert visitor.get(f"/w/test/runs?{address}", headers=HTMX).status_code == 204
    make_job("f/etl/new")
    assert "f/etl/new" in page(visitor, f"runs?{address}", headers=HTMX)


def test_pages_of_runs(visitor):
    for age in range(60):
        make_job(f"f/etl/s{age}", status="success", age_s=age)
    first = page(visitor, "runs")
    older = first.split('rel="next"')[0].rsplit('href="', 1)[1].split('"')[0].replace("&amp;", "&")
    second = visitor.get(older).content.decode()
    assert "f/etl/s49<" in first and "f/etl/s50<" not in first
    assert "f/etl/s59<" in second and "f/etl/s49<" not in second
    newer = second.split('rel="prev"')[0].rsplit('href="', 1)[1].split('"')[0].replace("&amp;", "&")
    assert "f/etl/s0<" in visitor.get(newer).content.decode()


def test_the_list_takes_as_many_queries_for_many_as_for_one(visitor, django_assert_num_queries):
    for age in range(20):
        make_job(f"f/etl/s{age}", status="success", age_s=age)
    with django_assert_num_queries(3):  # who asks, the list, the workspaces to switch to
        page(visitor, "runs")
    with django_assert_num_queries(2):
        page(visitor, "runs", headers=HTMX)


def test_a_finished_job_shows_everything_and_has_no_socket(visitor, cast, django_assert_num_queries):
    make_script("f/etl/load", "def main(n):\n    return n\n", by=principal_of(cast.developer, cast.workspace), lock="")
    with connection.cursor() as cursor:
        cursor.execute("SELECT hash FROM scripts_app_scriptversion")
        number = cursor.fetchone()[0]
    job_id = make_job(
        "f/etl/load", status="success", args='{"n": 41}', result='{"rows": [1, 2]}', runnable_hash=number,
        language="python3",
    )  # fmt: skip
    write_log(job_id, "first\n", "\x1b[31mred\x1b[0m <b>\n")
    with django_assert_num_queries(7):
        html = page(visitor, f"runs/{job_id}")
    assert all(part in html for part in ("Success", "first", '<span class="a31">red</span> &lt;b&gt;', "rows", "41"))
    assert "def" in html and "main" in html
    assert "hx-ws:connect" not in html and "Run again" in html


def test_an_error_marks_its_line(visitor):
    stack = 'Traceback\n  File "/tmp/a.py", line 2, in main\n  File "/lib/x.py", line 90, in f\nKeyError'
    error = json.dumps({"error": {"name": "KeyError", "message": "'<z>'", "stack": stack}})
    job_id = make_job("", status="failure", result=error, kind="preview", language="python3",
        raw_code="def main():\n    boom()\n", permissioned_as="u/developer")  # fmt: skip
    html = page(visitor, f"runs/{job_id}")
    assert "KeyError" in html and "&#x27;&lt;z&gt;&#x27;" in html
    marked = html.split('class="hll"')[1].split("</span></span>")[0]
    assert "boom" in marked


def test_a_waiting_job_says_why_and_follows_by_socket(visitor):
    job_id = make_job("f/etl/load", tag="gpu")
    html = page(visitor, f"runs/{job_id}")
    assert "No live worker serves the tag &quot;gpu&quot;" in html
    assert f'hx-ws:connect="/ws/w/test/jobs/{job_id}?state=queued&amp;after=0"' in html


def test_a_long_log_shows_its_end_and_says_so(visitor):
    job_id = make_job("f/etl/load", status="success")
    parts = range(0, 60_000, 10_000)
    write_log(job_id, *("".join(f"line {n}\n" for n in range(part, part + 10_000)) for part in parts))
    html = page(visitor, f"runs/{job_id}")
    assert "line 59999<" in html and "line 0<" not in html
    assert 'data-n="60000"' in html and "earlier lines are not shown" in html
    log = async_to_sync(_whole)(visitor.get(f"/w/test/runs/{job_id}/log"))
    assert log.startswith("line 0\n") and log.endswith("line 59999\n")


async def _whole(response):
    return b"".join([part async for part in response.streaming_content]).decode()


def test_a_huge_result_is_offered_for_download(visitor):
    job_id = make_job("f/etl/load", status="success", result=json.dumps("x" * 3_000_000))
    html = page(visitor, f"runs/{job_id}")
    assert len(html) < 100_000 and "Download it" in html
    response = visitor.get(f"/w/test/runs/{job_id}/result")
    assert len(response.content) == 3_000_002 and "attachment" in response["Content-Disposition"]


def test_more_of_a_level_of_the_result(visitor):
    job_id = make_job("f/etl/load", status="success", result=json.dumps({"many": list(range(1000, 1400))}))
    html = visitor.get(f"/w/test/runs/{job_id}/result/more", {"at": '["many"]', "from": "200"}).content.decode()
    assert ">1200<" in html and ">1199<" not in html
    assert visitor.get(f"/w/test/runs/{job_id}/result/more", {"at": "{", "from": "1"}).status_code == 400


def test_a_job_one_may_not_see_is_not_there(client, cast):
    job_id = make_job("f/etl/load", status="success")
    visitor = log_in(client, cast.operator)
    for address in ("", "/log", "/result", "/result/more"):
        assert visitor.get(f"/w/test/runs/{job_id}{address}").status_code == 404
    for deed in ("cancel", "again"):
        assert visitor.post(f"/w/test/runs/{job_id}/{deed}").status_code == 404
    assert log_in(client, cast.developer).get(f"/w/test/runs/{uuid4()}").status_code == 404


def test_cancel_ends_a_waiting_job(visitor):
    job_id = make_job("f/etl/load")
    response = visitor.post(f"/w/test/runs/{job_id}/cancel")
    assert response.status_code == 302
    html = page(visitor, f"runs/{job_id}")
    assert "Cancelled by developer" in html


def test_run_again_starts_the_same_version_with_the_same_inputs(visitor, cast):
    version = make_script("f/etl/load", by=principal_of(cast.developer, cast.workspace), lock="")
    job_id = make_job(
        "f/etl/load", status="success", args='{"n": 1.50}', runnable_hash=version.hash, language="python3"
    )
    response = visitor.post(f"/w/test/runs/{job_id}/again", headers=HTMX)
    new_id = UUID(response["HX-Redirect"].rsplit("/", 1)[1])
    with connection.cursor() as cursor:
        cursor.execute("SELECT args::text, runnable_hash, created_by FROM job WHERE id = %s", [new_id])
        assert cursor.fetchone() == ('{"n": 1.50}', version.hash, "developer")


def test_a_preview_runs_again_only_for_those_who_may_write_code(client, cast):
    job_id = make_job("", kind="preview", status="success", language="bash", raw_code="echo", permissioned_as="g/all")
    assert log_in(client, cast.operator).post(f"/w/test/runs/{job_id}/again").status_code == 403
    assert log_in(client, cast.developer).post(f"/w/test/runs/{job_id}/again").status_code == 302


def test_workers_show_who_is_there_and_what_nobody_serves(visitor, django_assert_num_queries):
    with connection.cursor() as cursor:
        for name, age, problem in (("wk-alive", 1, ""), ("wk-gone", 60, ""), ("wk-weak", 1, "no user namespaces")):
            cursor.execute(
                "INSERT INTO worker (name, host, worker_group, tags, slots, version, sandbox_level, sandbox_problem,"
                " last_ping) VALUES (%s, 'h', 'default', '{python3}', 2, '1', 'namespaces', %s,"
                " now() - make_interval(secs => %s))",
                [name, problem, age],
            )
    make_job("f/etl/load", tag="gpu")
    with django_assert_num_queries(4):
        html = page(visitor, "workers")
    assert all(word in html for word in ("wk-alive", "Alive", "wk-gone", "Gone", "no user namespaces"))
    assert "1 job waits for a worker of the tag gpu" in html


def test_pages_without_anything_lead_somewhere(visitor):
    assert "No runs yet" in page(visitor, "runs")
    assert "No worker is there" in page(visitor, "workers")
