"""Starting jobs past Django: what is answered, what is stored, what is refused."""

import asyncio
import json
from uuid import UUID, uuid4

import pytest

from tests.db.asgi_kit import Api, Hand, empty_job_tables, serving_loop, sql
from tests.db.script_factories import make_script
from tests.factories import make_cast, make_folder, make_token, principal_of
from workspaces import settings_store

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def people(transactional_db):
    empty_job_tables()
    cast = make_cast()
    make_folder(cast.workspace, "etl", owners=("u/developer",), extra_perms={"g/all": False})
    make_folder(cast.workspace, "closed", owners=("u/admin",))
    by = principal_of(cast.admin, cast.workspace)
    make_script("f/etl/load", by=by, tag="", lock="")
    make_script("f/closed/pay", by=by, lock="")
    return cast


@pytest.fixture
def tokens(people):
    return {
        name: make_token(getattr(people, name))
        for name in ("developer", "operator", "admin", "superadmin", "outsider", "other_admin")
    }


@pytest.fixture
def api(tokens):
    return Api(tokens["developer"])


async def job(job_id):
    rows = await sql(
        "SELECT j.args::text, j.tag, j.created_by, j.permissioned_as, j.runnable_path, j.kind, j.timeout_s,"
        " j.parent_id, j.root_id, j.visible_to_owner, q.ready, j.trigger_kind"
        " FROM job j JOIN job_queue q USING (id) WHERE id = %s",
        UUID(str(job_id)),
    )
    names = "args tag created_by permissioned_as path kind timeout_s parent_id root_id visible ready trigger".split()
    return dict(zip(names, rows[0], strict=True)) if rows else None


async def test_a_run_by_path_answers_the_id_of_a_stored_job(api):  # J1
    async with serving_loop():
        answer = await api.post("jobs/run/p/f/etl/load", {"n": 3})
        assert (answer.status, answer.headers["content-type"]) == (201, "text/plain; charset=utf-8")
        stored = await job(answer.text)
    assert stored | {"args": '{"n": 3}', "kind": "script", "tag": "python3", "ready": True} == stored
    assert (stored["created_by"], stored["permissioned_as"]) == ("developer", "u/developer")
    assert stored["trigger"] == "webhook"


async def test_a_leading_slash_in_the_path_is_tolerated(api):
    async with serving_loop():
        answer = await api.post("jobs/run/p//f/etl/load", {})
    assert answer.status == 201


async def test_arguments_keep_their_spelling(api):
    async with serving_loop():
        answer = await api.send(
            "POST", "jobs/run/p/f/etl/load", raw=b'{"b":1.50,"a":12345678901234567890}', headers={"X-Trace": "t1"},
            include_header="X-Trace", include_query="day,token", day="monday",
        )  # fmt: skip
        stored = await job(answer.text)
    assert stored["args"] == '{"b":1.50,"a":12345678901234567890,"x_trace":"t1","day":"monday"}'


async def test_a_run_by_hash_runs_that_version(api):
    async with serving_loop():
        ((number, text),) = await sql(
            "SELECT hash, lpad(to_hex(hash), 16, '0') FROM scripts_app_scriptversion WHERE path = 'f/etl/load'"
        )
        answer = await api.post(f"jobs/run/h/{text}", {})
        assert answer.status == 201
        assert await sql("SELECT runnable_hash FROM job WHERE id = %s", UUID(answer.text)) == [(number,)]
        unknown = await api.post("jobs/run/h/0123456789abcdef", {})
        malformed = await api.post("jobs/run/h/load", {})
    assert [unknown.status, malformed.status] == [404, 404]


async def test_a_preview_runs_the_given_code_as_the_caller(api):
    async with serving_loop():
        body = {"content": "def main(): return 1", "language": "python3", "args": {"x": 1}, "path": "f/closed/mine"}
        answer = await api.post("jobs/run/preview", body)
        stored = await job(answer.text)
        refused = [
            await api.post("jobs/run/preview", wrong)
            for wrong in (
                {"language": "python3"},
                {"content": "x", "language": "cobol"},
                {"content": "x", "language": "python3", "args": [1]},
                {"content": "x", "language": "python3", "path": "f/../x"},
                {"content": "x", "language": "python3", "kind": "http"},
            )
        ]
    assert (answer.status, stored["kind"], stored["args"]) == (201, "preview", '{"x":1}')
    assert stored["visible"] is False, "owners of a folder its author may not write to do not see it"
    assert [each.status for each in refused] == [400] * 5


async def test_options_shape_the_job(api):
    chosen = uuid4()
    async with serving_loop():
        answer = await api.post(
            "jobs/run/p/f/etl/load", {}, scheduled_in_secs=60, job_id=str(chosen), tag="bash", timeout=7,
            invisible_to_owner="true",
        )  # fmt: skip
        stored = await job(answer.text)
        again = await api.post("jobs/run/p/f/etl/load", {}, job_id=str(chosen))
    assert answer.text == str(chosen)
    assert (stored["tag"], stored["timeout_s"], stored["ready"], stored["visible"]) == ("bash", 7, False, False)
    assert again.status == 400 and "exists already" in again.text


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"timeout": "-1"}, "timeout"),
        ({"scheduled_for": "tomorrow"}, "scheduled_for"),
        ({"scheduled_in_secs": "nan"}, "scheduled_in_secs"),
        ({"job_id": "abc"}, "job_id"),
        ({"retry": "{}"}, "retry"),
        ({"tag": "not-listed"}, "custom_tags"),
        ({"idempotency_key": "k" * 256}, "idempotency key"),
    ],
)
async def test_wrong_options_are_named(api, query, said):
    async with serving_loop():
        answer = await api.post("jobs/run/p/f/etl/load", {}, **query)
        assert await sql("SELECT count(*) FROM job") == [(0,)]
    assert answer.status == 400 and said in answer.text and "\n" not in answer.text


@pytest.fixture
def custom_tags(people):
    settings_store.put("custom_tags", ["gpu", "lab(other)"], by=principal_of(people.superadmin))


@pytest.mark.usefixtures("custom_tags")
async def test_custom_tags_are_given_to_workspaces(api, tokens):
    async with serving_loop():
        gpu = await api.post("jobs/run/p/f/etl/load", {}, tag="gpu")
        lab = await api.post("jobs/run/p/f/etl/load", {}, tag="lab")
        superadmins = await Api(tokens["superadmin"]).post("jobs/run/p/f/etl/load", {}, tag="anything")
    assert [gpu.status, lab.status, superadmins.status] == [201, 400, 201]


async def test_only_a_job_calls_itself_a_parent(api):
    hand = Hand()
    async with serving_loop():
        parent = (await api.post("jobs/run/p/f/etl/load", {})).text
        forged = await api.post("jobs/run/p/f/etl/load", {}, parent_job=parent, root_job=parent)
        await hand.claim()
        inside = Api(hand.held[UUID(parent)].token)
        child = await inside.post("jobs/run/p/f/etl/load", {}, parent_job=parent, root_job=str(uuid4()))
        stored = await job(child.text)
    assert forged.status == 403
    assert (str(stored["parent_id"]), str(stored["root_id"])) == (parent, parent)
    assert stored["permissioned_as"] == "u/developer"


async def test_the_token_of_a_job_is_dead_when_it_ends(api):
    hand = Hand()
    async with serving_loop():
        job_id = UUID((await api.post("jobs/run/p/f/etl/load", {})).text)
        await hand.claim()
        inside = Api(hand.held[job_id].token)
        before = await inside.get(f"jobs_u/get/{job_id}")
        await hand.complete(job_id, 1)
        after = await inside.get(f"jobs_u/get/{job_id}")
    assert [before.status, after.status] == [200, 401]


async def test_fifty_posts_with_one_key_make_one_job(api):  # J3
    async with serving_loop():
        posts = [
            api.send("POST", "jobs/run/p/f/etl/load", {"n": 1}, headers={"Idempotency-Key": "k1"}) for _ in range(50)
        ]
        answers = await asyncio.gather(*posts)
        assert {each.status for each in answers} == {201}
        assert len({each.text for each in answers}) == 1
        assert await sql("SELECT count(*) FROM job") == [(1,)]
        other_body = await api.post("jobs/run/p/f/etl/load", {"n": 2}, idempotency_key="k1")
        other_time = await api.post("jobs/run/p/f/etl/load", {"n": 1}, idempotency_key="k1", scheduled_in_secs=9)
    assert [other_body.status, other_time.status] == [409, 409]


async def test_keys_of_two_people_are_two_keys(api, tokens):
    async with serving_loop():
        mine = await api.post("jobs/run/p/f/etl/load", {}, idempotency_key="k")
        theirs = await Api(tokens["admin"]).post("jobs/run/p/f/etl/load", {}, idempotency_key="k")
    assert mine.text != theirs.text


async def test_who_may_run_what(tokens):
    async with serving_loop():
        statuses = {
            name: [
                (await Api(token).post(f"jobs/run/{what}", body)).status
                for what, body in (
                    ("p/f/etl/load", {}),
                    ("p/f/closed/pay", {}),
                    ("preview", {"content": "", "language": "bash"}),
                )
            ]
            for name, token in [*tokens.items(), ("nobody", ""), ("wrong", "wm_wrong")]
        }
    assert statuses == {
        "developer": [201, 404, 201],
        "operator": [201, 404, 403],
        "admin": [201, 201, 201],
        "superadmin": [201, 201, 201],
        "outsider": [403, 403, 403],
        "other_admin": [403, 403, 403],
        "nobody": [401, 401, 401],
        "wrong": [401, 401, 401],
    }


@pytest.fixture
def narrow(people):
    """A token for some paths, one that only reads, one for another workspace."""
    return (
        make_token(people.developer, scopes_wanted=("jobs:run:scripts:f/etl/*",)),
        make_token(people.developer, is_read_only=True),
        make_token(people.superadmin, workspace_id="other"),
    )


async def test_tokens_are_kept_to_their_scopes(narrow):
    only_etl, read_only, elsewhere = narrow
    async with serving_loop():
        run = await Api(only_etl).post("jobs/run/p/f/etl/load", {})
        poll = await Api(only_etl).get(f"jobs_u/get/{run.text}")
        preview = await Api(only_etl).post("jobs/run/preview", {"content": "", "language": "bash"})
        listing = await Api(only_etl).get("jobs/list")
        reading = await Api(read_only).get("jobs/list")
        running = await Api(read_only).post("jobs/run/p/f/etl/load", {})
        sly = await Api(read_only).get("jobs/run_wait_result/p/f/etl/load")
        away = await Api(elsewhere).post("jobs/run/p/f/etl/load", {})
    assert [run.status, poll.status, preview.status] == [201, 200, 403]
    assert listing.status == 403, "other paths would show in it"
    assert [reading.status, running.status, sly.status, away.status] == [200, 403, 403, 401]


async def test_a_token_in_the_query_is_a_credential_and_no_argument(api):
    async with serving_loop():
        answer = await Api().send("POST", "jobs/run/p/f/etl/load", {}, token=api.token, include_query="token")
        assert (await job(answer.text))["args"] == "{}"


async def test_unknown_places_are_404_in_one_line(api, tokens):
    async with serving_loop():
        answers = [
            await api.post("jobs/run/p/f/etl/nothing", {}),
            await Api(tokens["superadmin"], workspace="nowhere").post("jobs/run/p/f/etl/load", {}),
            await api.get(f"jobs_u/get/{uuid4()}"),
            await api.get("jobs_u/get/not-a-uuid"),
        ]
    assert [each.status for each in answers] == [404] * 4
    assert all(each.text.startswith("Not found: ") and "\n" not in each.text for each in answers)


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"{", 400),
        (b'{"a": NaN}', 400),
        (b"[" * 3000 + b"]" * 3000, 400),
        (b'{"a": "\xff"}', 400),
        (b'{"a": ' + b"9" * 2000 + b"}", 400),
        (b'{"a": "' + b"x" * (8 * 1024 * 1024) + b'"}', 413),
        (b'{"nul": "a\\u0000b", "lone": "\\ud800"}', 201),
        (b"[1,2]", 201),
        (b"", 201),
    ],
)
async def test_bodies_that_cannot_be_kept_are_refused(api, raw, status):
    async with serving_loop():
        answer = await api.send("POST", "jobs/run/p/f/etl/load", raw=raw, headers={"Content-Type": "application/json"})
    assert answer.status == status, answer.text


async def test_hostile_addresses_start_nothing(api):
    async with serving_loop():
        answers = [
            await api.send("POST", "jobs/run/p/f/etl/load\x00", {}),
            await api.send("POST", "jobs/run/p/f/etl/../etl/load", {}),
            await api.send("POST", f"jobs/run/p/f/etl/{'x' * 300}", {}),
            await api.send("POST", "jobs/run/p/f/etl/lоad", {}),  # a Cyrillic o
        ]
        assert await sql("SELECT count(*) FROM job") == [(0,)]
    assert [each.status for each in answers] == [400, 404, 404, 404]


async def test_browsers_of_other_sites_may_call_with_a_token(api):
    async with serving_loop():
        preflight = await Api().send("OPTIONS", "jobs/run/p/f/etl/load")
        head = await Api().send("HEAD", "jobs/run_wait_result/p/f/etl/load")
        run = await api.post("jobs/run/p/f/etl/load", {})
        listing = await api.get("jobs/list")
        assert await sql("SELECT count(*) FROM job") == [(1,)]
    for answer in (preflight, head):
        assert (answer.status, answer.body, answer.headers["access-control-allow-origin"]) == (200, b"", "*")
    assert "Authorization" in preflight.headers["access-control-allow-headers"]
    assert run.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in run.headers
    assert "access-control-allow-origin" not in listing.headers


async def test_a_cookie_goes_through_django_and_its_same_site_rules(people, tokens):
    cookie = {"Cookie": f"token={tokens['developer']}"}
    async with serving_loop():
        ours = await Api().send(
            "POST", "jobs/run/p/f/etl/load", {"n": 1}, headers={**cookie, "Origin": "http://localhost"}
        )
        theirs = await Api().send(
            "POST", "jobs/run/p/f/etl/load", {}, headers={**cookie, "Sec-Fetch-Site": "cross-site"}
        )
        link = await Api().send(
            "GET", "jobs/run_wait_result/p/f/etl/load", headers={**cookie, "Sec-Fetch-Site": "cross-site"}
        )
        stored = await job(ours.text)
        assert await sql("SELECT count(*) FROM job") == [(1,)]
    assert (ours.status, stored["args"]) == (201, '{"n": 1}')
    assert [theirs.status, link.status] == [403, 403]


async def test_queued_arguments_hold_no_secret_of_the_request(api):
    async with serving_loop():
        answer = await api.post(
            "jobs/run/p/f/etl/load", {"n": 1}, headers={"X-Api-Key": "hush"}, include_header="Authorization,Cookie"
        )
        rows = await sql("SELECT row_to_json(j)::text FROM job j WHERE id = %s", UUID(answer.text))
    assert "hush" not in rows[0][0] and api.token not in rows[0][0]
    assert json.loads(rows[0][0])["raw_code"] is None
