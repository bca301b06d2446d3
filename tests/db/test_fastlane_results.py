"""Waiting for a result past Django: what the job's end becomes, and what becomes of a caller that does not wait."""

import asyncio
import base64
import json
from dataclasses import replace
from uuid import UUID

import pytest

from tests.db.asgi_kit import Api, Hand, empty_job_tables, serving_loop, sql
from tests.db.script_factories import make_script
from tests.factories import make_cast, make_folder, make_token, principal_of

pytestmark = pytest.mark.django_db(transaction=True)
RUN = "jobs/run_wait_result/p/f/etl/load"


@pytest.fixture
def api(transactional_db):
    empty_job_tables()
    cast = make_cast()
    make_folder(cast.workspace, "etl", owners=("u/developer",))
    make_script("f/etl/load", by=principal_of(cast.developer, cast.workspace), lock="")
    return Api(make_token(cast.developer))


async def result_of(api, value=None, *, status="success", text="", method="POST", **more):
    """The answer of a run whose job ends as said."""
    hand = Hand()
    exchange = api.start(method, RUN, {} if method == "POST" else None, **more)
    await hand.run_one(value, status=status, text=text)
    return await exchange.answer()


async def test_the_result_is_the_answer(api):
    async with serving_loop():
        answer = await result_of(api, text='{"b": 1.0, "a": 10000000000000000000000}')
        null = await result_of(api, None)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert answer.text == '{"b": 1.0, "a": 10000000000000000000000}'
    assert (null.status, null.text) == (200, "null")


async def test_it_comes_as_soon_as_the_job_ends(api):
    async with serving_loop():
        loop = asyncio.get_running_loop()
        hand = Hand()
        exchange = api.start("POST", RUN, {})
        job_id = None
        while not job_id:
            job_id = next(iter(await hand.claim(1)), None)
        begin = loop.time()
        await hand.complete(job_id, 1)
        await exchange.answer()
    # The safety net looks once a second: a quick answer came by notification.
    assert loop.time() - begin < 0.5


async def test_a_failed_job_answers_422_with_its_error(api):
    async with serving_loop():
        answer = await result_of(api, {"error": {"name": "KeyError", "message": "'z'"}}, status="failure")
    assert (answer.status, answer.json["error"]["name"]) == (422, "KeyError")


async def test_get_carries_its_arguments_as_payload(api):
    payload = base64.urlsafe_b64encode(json.dumps({"n": 7, "text": "ÿ?>"}).encode()).decode().rstrip("=")
    async with serving_loop():
        answer = await result_of(api, 1, method="GET", payload=payload)
        stored = await sql("SELECT args::text FROM job")
    assert answer.status == 200 and json.loads(stored[0][0]) == {"n": 7, "text": "ÿ?>"}


async def test_a_result_may_choose_status_type_and_headers(api):
    async with serving_loop():
        created = await result_of(
            api,
            {
                "windmill_status_code": 201,
                "windmill_content_type": "text/csv",
                "windmill_headers": {"X-Rows": "2", "Set-Cookie": "token=stolen", "Location": "https://evil.example"},
                "result": "a,b\n1,2",
            },
        )
        empty = await result_of(api, {"windmill_headers": {"X-A": "b"}})
        wrong = await result_of(api, {"windmill_status_code": 9, "result": 1})
        split = await result_of(api, {"windmill_headers": {"X-A": "b\r\nX-C: d"}, "result": 1})
    assert (created.status, created.text, created.headers["content-type"]) == (201, "a,b\n1,2", "text/csv")
    assert created.headers["x-rows"] == "2"
    assert not {"set-cookie", "location"} & created.headers.keys()
    assert created.headers["content-security-policy"] == "sandbox"
    assert (empty.status, empty.body) == (204, b"")
    assert [wrong.status, split.status] == [500, 500]


async def test_waiting_has_a_limit_and_the_job_goes_on(api, settings):
    settings.ENV = replace(settings.ENV, timeout_wait_result=1)
    async with serving_loop():
        answer = await api.post(RUN, {})
        queued = await sql("SELECT canceled_at FROM job_queue")
    assert answer.status == 500 and "timeout after 1s" in answer.text
    assert queued == [(None,)]


async def test_a_caller_that_hangs_up_cancels_its_own_job(api):  # J19
    async with serving_loop():
        exchange = api.start("POST", RUN, {})
        other = (await api.post("jobs/run/p/f/etl/load", {})).text
        while await sql("SELECT count(*) FROM job_queue") != [(2,)]:
            await asyncio.sleep(0.01)
        exchange.hang_up()
        await exchange.answer()
        assert await sql("SELECT status FROM job_completed") == [("canceled",)]
        assert await sql("SELECT id FROM job_queue") == [(UUID(other),)]


async def test_a_job_others_may_wait_for_is_left_alone(api):  # J19
    hand = Hand()
    async with serving_loop():
        first = api.start("POST", RUN, {}, idempotency_key="k")
        second = api.start("POST", RUN, {}, idempotency_key="k")
        while await sql("SELECT count(*) FROM idempotency_key") != [(1,)]:
            await asyncio.sleep(0.01)
        first.hang_up()
        await first.answer()
        await hand.run_one({"n": 1})
        assert (await second.answer()).json == {"n": 1}
        assert await sql("SELECT count(*) FROM job") == [(1,)]


async def test_a_finished_job_under_the_key_answers_at_once(api):
    hand = Hand()
    async with serving_loop():
        run = await api.post("jobs/run/p/f/etl/load", {}, idempotency_key="k")
        await hand.run_one(5)
        await sql("SELECT 1")
        other = await api.post(RUN, {}, idempotency_key="k")
    assert run.status == 201
    assert (other.status, other.json) == (200, 5)


async def test_a_queue_that_is_too_long_is_told(api):
    async with serving_loop():
        for _ in range(3):
            await api.post("jobs/run/p/f/etl/load", {})
        answer = await api.post(RUN, {}, queue_limit=2)
        assert await sql("SELECT count(*) FROM job") == [(3,)]
    assert answer.status == 500 and "Number of queued job is too high: 3 > 2" in answer.text


async def test_a_preview_can_be_waited_for(api):
    hand = Hand()
    async with serving_loop():
        exchange = api.start("POST", "jobs/run_wait_result/preview", {"content": "echo 1", "language": "bash"})
        await hand.run_one("1")
        answer = await exchange.answer()
    assert (answer.status, answer.json) == (200, "1")
