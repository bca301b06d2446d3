"""Cancelling: what waits ends at once, what runs is asked, everything below goes too."""

from uuid import UUID, uuid4

import pytest

from tests.db.asgi_kit import Api, Hand, empty_job_tables, serving_loop, sql
from tests.db.script_factories import make_script
from tests.factories import make_cast, make_folder, make_token, principal_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def api(transactional_db):
    empty_job_tables()
    cast = make_cast()
    make_folder(cast.workspace, "etl", owners=("u/developer",))
    make_script("f/etl/load", by=principal_of(cast.developer, cast.workspace), lock="")
    return Api(make_token(cast.developer))


async def run(api, **query):
    return UUID((await api.post("jobs/run/p/f/etl/load", {}, **query)).text)


async def test_a_waiting_job_ends_at_once(api):
    async with serving_loop():
        job_id = await run(api)
        answer = await api.post(f"jobs_u/queue/cancel/{job_id}", {"reason": "wrong day"})
        result = (await api.get(f"jobs_u/completed/get_result_maybe/{job_id}")).json
        again = await api.post(f"jobs_u/queue/cancel/{job_id}", {})
        unknown = await api.post(f"jobs_u/queue/cancel/{uuid4()}", {})
    assert (answer.status, answer.text) == (200, str(job_id))
    assert result["result"]["error"] | {
        "name": "Canceled", "reason": "wrong day", "canceler": "developer",
        "message": "Job canceled: wrong day by developer",
    } == result["result"]["error"]  # fmt: skip
    assert (again.status, again.text) == (200, f"queued job id {job_id} is already completed")
    assert unknown.status == 404


async def test_a_running_job_is_asked_and_its_late_success_does_not_count(api):
    hand = Hand()
    async with serving_loop():
        job_id = await run(api)
        await hand.claim()
        await api.post(f"jobs_u/queue/cancel/{job_id}", {})
        asked = (await api.get(f"jobs_u/get/{job_id}")).json
        await hand.complete(job_id, 1)
        ended = (await api.get(f"jobs_u/get/{job_id}")).json
    assert (asked["type"], asked["running"], asked["canceled"]) == ("QueuedJob", True, True)
    assert (ended["canceled"], ended["success"], ended["canceled_by"]) == (True, False, "developer")


async def test_force_ends_a_running_job_and_its_worker_loses_the_lease(api):
    hand = Hand()
    async with serving_loop():
        job_id = await run(api)
        await hand.claim()
        answer = await api.post(f"jobs_u/queue/force_cancel/{job_id}", {})
        assert not await hand.complete(job_id, 1)
        ended = (await api.get(f"jobs_u/get/{job_id}")).json
    assert (answer.status, ended["canceled"]) == (200, True)


async def test_children_go_with_their_parent_and_force_begins_at_the_top(api):
    hand = Hand()
    async with serving_loop():
        for force in (False, True):
            parent = await run(api)
            await hand.claim()
            inside = Api(hand.held[parent].token)
            child = await run(inside, parent_job=str(parent))
            what = f"force_cancel/{child}" if force else f"cancel/{parent}"
            await api.post(f"jobs_u/queue/{what}", {})
            ends = dict(await sql("SELECT id, status FROM job_completed WHERE id = ANY(%s)", [parent, child]))
            assert ends == ({parent: "canceled", child: "canceled"} if force else {child: "canceled"})


async def test_a_selection_and_a_path_are_cancelled_together(api):
    async with serving_loop():
        first, second, third = [await run(api) for _ in range(3)]
        chosen = await api.post("jobs/queue/cancel_selection", [str(first), str(second), str(uuid4())])
        rest = await api.post("jobs_u/queue/cancel_persistent/f/etl/load", {"reason": "stop"})
        wrong = await api.post("jobs/queue/cancel_selection", {"ids": []})
        assert await sql("SELECT count(*) FROM job_completed WHERE status = 'canceled'") == [(3,)]
    assert sorted(chosen.json) == sorted([str(first), str(second)])
    assert (rest.status, wrong.status) == (200, 400)
    assert third
