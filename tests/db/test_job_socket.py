"""The websocket of a job's page: who may open it, what it sends, how it bounds a slow browser."""

import asyncio
import re
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import pytest
from channels.testing import WebsocketCommunicator
from django.test import Client

from tests.db.asgi_kit import Api, Hand, empty_job_tables, serving_loop, sql
from tests.db.script_factories import make_script
from tests.factories import log_in, make_cast, make_folder, make_token, principal_of
from windmill_site.asgi import application
from workers import consumers

pytestmark = pytest.mark.django_db(transaction=True)
OURS = "http://localhost"


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


@pytest.fixture
def cookies(cast):
    users = {name: getattr(cast, name) for name in ("developer", "operator", "other_admin")}
    return {name: f"token={log_in(Client(), user).cookies['token'].value}" for name, user in users.items()}


@pytest.fixture
def cookie(cookies):
    return cookies["developer"]


def socket_of(job_id, cookie, *, origin=OURS, workspace="test", query="state=queued&after=0"):
    headers = [(b"host", b"localhost"), (b"cookie", cookie.encode())]
    if origin:
        headers.append((b"origin", origin.encode()))
    return WebsocketCommunicator(application, f"/ws/w/{workspace}/jobs/{job_id}?{query}", headers)


@asynccontextmanager
async def opened(*args, **more):
    """A socket that is open, closed in the end."""
    socket = socket_of(*args, **more)
    assert (await socket.connect(timeout=5))[0]
    try:
        yield socket
    finally:
        await socket.disconnect()


async def told(socket, *, until, seen=True, within_s=5):
    """All messages up to one that holds `until`."""
    html = ""
    async with asyncio.timeout(within_s):
        while until not in html:
            html += await socket.receive_from(timeout=within_s)
            if seen:
                await socket.send_to("seen")
    return html


async def run(api):
    return UUID((await api.post("jobs/run/p/f/etl/load", {})).text)


def lines_of(html):
    return re.findall(r'data-n="(\d+)"><span>(.*?)</span>', html)


async def test_a_page_hears_of_start_log_and_end(api, cookie):
    hand = Hand()
    async with serving_loop():
        job_id = await run(api)
        async with opened(job_id, cookie) as socket:
            await hand.claim()
            await sql("SELECT pg_notify('job_events', %s)", f"s:{job_id}")
            await told(socket, until="Running")
            await hand.write(job_id, 0, 0, "one\ntw")
            html = await told(socket, until="tw")
            await hand.write(job_id, 1, 6, "o\n<b>three\n")
            html += await told(socket, until="three")
            await hand.complete(job_id, {"sum": 42})
            end = await told(socket, until="job-outcome")
            assert (await socket.receive_output(timeout=5))["type"] == "websocket.close"
    assert lines_of(html) == [("1", "one"), ("2", "tw"), ("2", "o"), ("3", "&lt;b&gt;three")]
    assert "Success" in end and "42" in end and "Run again" in end


async def test_a_page_that_comes_back_gets_the_rest(api, cookie):  # N2
    hand = Hand()
    async with serving_loop():
        job_id = await run(api)
        await hand.claim()
        await hand.write(job_id, 0, 0, "one\ntwo\nthr")
        await hand.write(job_id, 1, 11, "ee\nfour\n")
        async with opened(job_id, cookie, query="state=running&after=99999999999") as socket:
            assert await socket.receive_nothing(timeout=0.2)
        for offset, first in ((0, ("1", "one")), (4, ("2", "two")), (9, ("3", "hree")), (14, ("4", "four"))):
            async with opened(job_id, cookie, query=f"state=running&after={offset}") as socket:
                html = await told(socket, until="four")
            assert lines_of(html)[0][0] == first[0] and lines_of(html)[0][1] in first[1]
            assert 'data-seq="19"' in html


async def test_a_job_that_is_over_is_told_at_once(api, cookie):
    hand = Hand()
    async with serving_loop():
        job_id = await run(api)
        await hand.run_one(1)
        async with opened(job_id, cookie) as socket:
            await told(socket, until="Success")


async def test_only_our_pages_and_those_who_see_the_job_get_in(api, cookie, cookies):
    async with serving_loop():
        job_id = await run(api)
        refused = [
            socket_of(job_id, cookie, origin="https://evil.example"),
            socket_of(job_id, cookie, origin="http://localhost:9999"),
            socket_of(job_id, cookie, origin=""),
            socket_of(job_id, cookie, origin="null"),
            socket_of(job_id, ""),
            socket_of(job_id, "token=wrong"),
            socket_of(job_id, cookies["operator"]),
            socket_of(job_id, cookies["other_admin"], workspace="other"),
            socket_of(job_id, cookie, workspace="nowhere"),
            socket_of(uuid4(), cookie),
            WebsocketCommunicator(
                application, "/ws/elsewhere", [(b"host", b"localhost"), (b"origin", b"http://localhost")]
            ),
        ]
        assert [(await socket.connect(timeout=5))[0] for socket in refused] == [False] * len(refused)


async def test_a_login_that_ends_closes_the_socket(api, cookie, monkeypatch):  # T7
    monkeypatch.setattr(consumers, "_RECHECK_S", 0.0)
    async with serving_loop():
        job_id = await run(api)
        async with opened(job_id, cookie) as socket:
            await sql("DELETE FROM workspaces_token WHERE kind = 'session'")
            await sql("SELECT pg_notify('job_events', %s)", f"l:{job_id}")
            message = await socket.receive_output(timeout=5)
    assert (message["type"], message["code"]) == ("websocket.close", consumers.TRY_AGAIN)


async def test_a_slow_browser_is_skipped_ahead_and_costs_little(api, cookie, monkeypatch):  # N1
    monkeypatch.setattr(consumers, "MAX_UNSEEN_BYTES", 20_000)
    monkeypatch.setattr(consumers, "MAX_BEHIND_CHARS", 50_000)
    monkeypatch.setattr(consumers, "_KEPT_CHARS", 2_000)
    monkeypatch.setattr(consumers, "PIECE_CHARS", 4_000)
    hand = Hand()
    lines = [f"line {number}\n" for number in range(20_000)]
    async with serving_loop():
        job_id = await run(api)
        await hand.claim()
        async with opened(job_id, cookie, query="state=running&after=0") as socket:
            await hand.write(job_id, 0, 0, "".join(lines[:3000]))
            async with asyncio.timeout(5):
                first = ""
                while len(first) < 20_000:
                    first += await socket.receive_from(timeout=5)
            rest = "".join(lines[3000:])
            await hand.write(job_id, 1, len("".join(lines[:3000])), rest)
            assert await socket.receive_nothing(timeout=0.3), (
                "nothing more goes out until the page has taken in what it has"
            )
            for _ in range(100):
                await socket.send_to("seen")
            html = await told(socket, until="line 19999<")
    assert "lines are not shown here" in html
    assert lines_of(html)[-1] == ("20000", "line 19999")
    assert len(lines_of(html)) < 3000


def test_messages_are_bounded_in_lines_and_characters():
    text = "\n" * 5000 + "x" * 100_000 + "\ny"
    parts = list(consumers.pieces(text))
    assert "".join(parts) == text
    assert max(part.count("\n") for part in parts) <= 800 and max(map(len, parts)) <= 32_000
