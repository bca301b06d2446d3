"""Reading jobs: shapes that clients rely on, logs by offset, events."""

import asyncio
import gzip
import json
from uuid import UUID, uuid4

import pytest

from tests.db.asgi_kit import Api, Hand, empty_job_tables, serving_loop, sql
from tests.db.script_factories import make_script
from tests.factories import make_cast, make_folder, make_token, principal_of
from workers.operations import updates

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def cast(transactional_db):
    empty_job_tables()
    cast = make_cast()
    make_folder(cast.workspace, "etl", owners=("u/developer",))
    make_script("f/etl/load", by=principal_of(cast.developer, cast.workspace), lock="")
    return cast


@pytest.fixture
def api(cast):
    return Api(make_token(cast.developer))


async def run(api, **args):
    return UUID((await api.post("jobs/run/p/f/etl/load", args)).text)


async def test_a_job_changes_its_type_when_it_ends(api):  # J13
    hand = Hand()
    async with serving_loop():
        job_id = await run(api, n=1)
        queued = (await api.get(f"jobs_u/get/{job_id}")).json
        await hand.claim()
        running = (await api.get(f"jobs_u/get/{job_id}")).json
        await hand.complete(job_id, {"x": 1})
        done = (await api.get(f"jobs_u/get/{job_id}")).json
    assert (queued["type"], queued["running"], queued["waiting"]["code"]) == ("QueuedJob", False, "no_worker")
    assert (running["type"], running["running"], running["worker"]) == ("QueuedJob", True, "hand")
    assert "waiting" not in running and running["started_at"].endswith("Z")
    assert (done["type"], done["success"], done["result"], done["args"]) == ("CompletedJob", True, {"x": 1}, {"n": 1})
    assert "running" not in done and isinstance(done["duration_ms"], int)
    assert (done["script_path"], done["job_kind"], done["email"]) == ("f/etl/load", "script", "developer@example.com")
    assert "parent_job" not in done


async def test_what_is_not_finished_is_no_completed_job(api):
    hand = Hand()
    async with serving_loop():
        job_id = await run(api)
        early = [
            (await api.get(f"{part}/completed/{what}/{job_id}")).status
            for part in ("jobs", "jobs_u")
            for what in ("get", "get_result")
        ]
        maybe = (await api.get(f"jobs_u/completed/get_result_maybe/{job_id}")).json
        await hand.run_one(text="null")
        result = await api.get(f"jobs/completed/get_result/{job_id}")
        ended = (await api.get(f"jobs_u/completed/get_result_maybe/{job_id}")).json
    assert early == [404] * 4
    assert maybe == {"started": False, "completed": False, "success": None, "result": None}
    assert (result.status, result.body, result.headers["content-type"]) == (200, b"null", "application/json")
    assert ended == {"started": True, "completed": True, "success": True, "result": None}


async def test_a_part_of_a_result_is_named_by_its_path(api):
    hand = Hand()
    async with serving_loop():
        job_id = await run(api)
        await hand.run_one({"rows": [{"id": 7}]})
        found = await api.get(f"jobs_u/completed/get_result/{job_id}", json_path="rows[0].id")
        missing = await api.get(f"jobs_u/completed/get_result/{job_id}", json_path="rows[9].id")
    assert (found.json, missing.json) == (7, None)


async def test_small_reads(api):
    hand = Hand()
    async with serving_loop():
        job_id = await run(api, n=1)
        await hand.run_one(1)
        args = (await api.get(f"jobs_u/get_args/{job_id}")).json
        timing = (await api.get(f"jobs_u/completed/get_timing/{job_id}")).json
        root = (await api.get(f"jobs_u/get_root_job_id/{job_id}")).json
        clock = (await Api().get("/api/jobs/db_clock")).json
        draining = (await api.get(f"jobs/worker_is_draining/{job_id}")).json
    assert (args, root, draining) == ({"n": 1}, str(job_id), False)
    assert timing.keys() == {"created_at", "started_at", "duration_ms"}
    assert isinstance(clock, int)


async def test_progress_never_goes_back(api):
    hand = Hand()
    async with serving_loop():
        job_id = await run(api)
        await hand.claim()
        inside = Api(hand.held[job_id].token)
        none = (await api.get(f"job_metrics/get_progress/{job_id}")).json
        told = [
            (await inside.post(f"job_metrics/set_progress/{job_id}", {"percent": percent})).status
            for percent in (40, 20, 400)
        ]
        seen = (await api.get(f"job_metrics/get_progress/{job_id}")).json
        unknown = await api.get(f"job_metrics/get_progress/{uuid4()}")
    assert (none, told, seen, unknown.status) == (None, [200] * 3, 99, 404)


async def write_log(hand, job_id):
    """A log of three rows and a gzipped one, with characters of several bytes."""
    texts = ["ünö\n", "two\nthr", "ee\n", "four\n🙂five\n"]
    start = 0
    for seq, text in enumerate(texts[:3]):
        await hand.write(job_id, seq, start, text)
        start += len(text)
    await sql(
        "INSERT INTO job_log_blob (job_id, seq, start, length, content) VALUES (%s, 3, %s, %s, %s)",
        job_id, start, len(texts[3]), gzip.compress(texts[3].encode()),
    )  # fmt: skip
    return "".join(texts)


async def test_every_offset_reads_the_same_log(api):  # L1, L2
    hand = Hand()
    async with serving_loop():
        job_id = await run(api)
        await hand.claim()
        whole = await write_log(hand, job_id)
        logs = await api.get(f"jobs_u/get_logs/{job_id}")
        tails = [
            (await api.get(f"jobs_u/getupdate/{job_id}", log_offset=offset)).json for offset in range(len(whole) + 1)
        ]
    assert (logs.text, logs.headers["content-type"]) == (whole, "text/plain; charset=utf-8")
    assert [each.get("new_logs", "") for each in tails] == [whole[offset:] for offset in range(len(whole) + 1)]
    assert {each["log_offset"] for each in tails} == {len(whole)}


@pytest.mark.parametrize("offset", ["-5", "99999999999999", "x", "1" * 400])
async def test_odd_offsets_read_nothing_or_are_refused(api, offset):
    async with serving_loop():
        job_id = await run(api)
        answer = await api.get(f"jobs_u/getupdate/{job_id}", log_offset=offset)
    assert answer.status == (400 if offset == "x" else 200), answer.text


async def test_an_update_tells_state_and_end(api):
    hand = Hand()
    async with serving_loop():
        job_id = await run(api)
        waiting = (await api.get(f"jobs_u/getupdate/{job_id}", running="false", log_offset=0)).json
        await hand.claim()
        running = (await api.get(f"jobs_u/getupdate/{job_id}", running="false", log_offset=0)).json
        await hand.complete(job_id, 1)
        done = (await api.get(f"jobs_u/getupdate/{job_id}", running="true", log_offset=0)).json
    assert (waiting, running["running"], done["completed"]) == ({"log_offset": 0}, True, True)


async def test_the_end_is_not_told_before_the_whole_log_is(api, monkeypatch):
    monkeypatch.setattr(updates, "MAX_CHARS", 5)
    hand = Hand()
    async with serving_loop():
        job_id = await run(api)
        await hand.claim()
        whole = await write_log(hand, job_id)
        await hand.complete(job_id, 1)
        seen, update = "", {}
        while not update.get("completed"):
            update = (await api.get(f"jobs_u/getupdate/{job_id}", log_offset=len(seen))).json
            seen += update.get("new_logs", "")
    assert seen == whole


def events_of(answer):
    return [json.loads(part.removeprefix("data: ")) for part in answer.text.strip().split("\n\n")]


async def test_events_follow_a_job_to_its_end(api):
    hand = Hand()
    async with serving_loop():
        job_id = await run(api)
        exchange = api.start("GET", f"jobs_u/getupdate_sse/{job_id}", only_result="true", log_offset=0)
        await hand.claim()
        whole = await write_log(hand, job_id)
        await hand.complete(job_id, {"x": 1})
        answer = await exchange.answer()
    events = events_of(answer)
    assert answer.headers["content-type"] == "text/event-stream"
    assert {each["type"] for each in events} == {"update"}
    assert "".join(each.get("new_logs", "") for each in events) == whole
    assert (events[-1]["completed"], events[-1]["only_result"]) == (True, {"x": 1})


async def test_a_stream_ends_after_its_share_and_goes_on_by_offset(api, monkeypatch):  # N1, N2
    monkeypatch.setattr(updates, "MAX_CHARS", 6)
    monkeypatch.setattr(updates, "MAX_STREAM_BYTES", 100)
    hand = Hand()
    async with serving_loop():
        job_id = await run(api)
        await hand.claim()
        whole = await write_log(hand, job_id)
        seen, last = "", {"type": "timeout"}
        await hand.complete(job_id, 1)
        while last["type"] == "timeout":
            events = events_of(await api.get(f"jobs_u/getupdate_sse/{job_id}", log_offset=len(seen)))
            seen, last = seen + "".join(each.get("new_logs", "") for each in events), events[-1]
    assert (seen, last["completed"]) == (whole, True)


async def test_a_stream_of_nothing_says_so(api):
    async with serving_loop():
        events = events_of(await api.get(f"jobs_u/getupdate_sse/{uuid4()}"))
    assert [each["type"] for each in events] == ["notfound"]


async def test_a_stream_stops_when_its_client_hangs_up(api):
    async with serving_loop():
        job_id = await run(api)
        exchange = api.start("GET", f"jobs_u/getupdate_sse/{job_id}", running="true")
        while not exchange.sent:
            await asyncio.sleep(0.01)
        exchange.hang_up()
        await exchange.answer(within_s=2)


@pytest.fixture
def others(cast):
    stranger = Api(make_token(cast.other_admin), workspace="other")
    return {"operator": Api(make_token(cast.operator)), "admin": Api(make_token(cast.admin)), "stranger": stranger}


async def test_jobs_of_others_do_not_exist(api, others):
    reads = ("get", "get_logs", "get_args", "getupdate", "completed/get_result_maybe", "completed/get_timing")
    async with serving_loop():
        job_id = await run(api)
        seen = {
            name: {(await who.get(f"jobs_u/{read}/{job_id}")).status for read in reads} for name, who in others.items()
        }
        unseeing = (others["operator"], others["stranger"])
        cancels = [(await who.post(f"jobs_u/queue/cancel/{job_id}", {})).status for who in unseeing]
        progress = await others["operator"].post(f"job_metrics/set_progress/{job_id}", {"percent": 1})
        assert await sql("SELECT canceled_at FROM job_queue") == [(None,)]
    assert seen == {"operator": {404}, "admin": {200}, "stranger": {404}}
    assert (cancels, progress.status) == ([404, 404], 404)
