"""Websockets that misbehave: refused or closed, and nothing of what they send is kept."""

from __future__ import annotations

import base64
import contextlib
import os
import socket
from collections.abc import Iterator

import httpx
import pytest

from tests.live_site import ADMIN_EMAIL, ADMIN_PASSWORD, LiveSite
from tests.worker.site_kit import Caller, workspace_of

TEXT, BINARY, PART, FIRST_PART = 0x81, 0x82, 0x00, 0x01
NOBODYS_JOB = "0199f2c4-a11b-77de-8000-000000000000"


@pytest.fixture(scope="module")
def api(live_site: LiveSite) -> Iterator[Caller]:
    with workspace_of(live_site, "badsockets") as caller:
        body = {"email": ADMIN_EMAIL, "password": ADMIN_PASSWORD}
        with httpx.Client(base_url=live_site.url) as browser:  # its cookie stays out of the caller's client
            login = browser.post("/api/auth/login", json=body).text
        new = {"id": "badsockets2", "name": "x", "username": "admin"}
        caller = Caller(live_site, "badsockets2", login, caller.client)
        assert caller.post("/api/workspaces/create", new).status_code == 201
        yield caller


@pytest.fixture(scope="module")
def running(api: Caller) -> Iterator[str]:
    """A job that goes on; its id."""
    job_id = api.run("import time\ndef main():\n    print('begun', flush=True)\n    time.sleep(90)")
    api.started(job_id, "begun")
    yield job_id
    assert api.post(f"jobs_u/queue/cancel/{job_id}", {}).status_code == 200


def frame(kind: int, payload: bytes, *, length: int | None = None) -> bytes:
    """A masked frame of a client; `length` is what it says instead of the truth."""
    size = len(payload) if length is None else length
    if size < 126:
        told = bytes([0x80 | size])
    elif size <= 0xFFFF:
        told = bytes([0xFE]) + size.to_bytes(2, "big")
    else:
        told = bytes([0xFF]) + size.to_bytes(8, "big")
    return bytes([kind]) + told + bytes(4) + payload


def talk(
    api: Caller, path: str, *frames: bytes, origin: str = "", cookie: str | None = None
) -> tuple[int, bytes, bool]:
    """(status of the handshake, what came after it, whether the other end hung up within a second)."""
    address = httpx.URL(api.site.url)
    lines = [
        f"GET {path} HTTP/1.1",
        f"Host: {address.host}:{address.port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
        f"Origin: {origin or api.site.url}",
        f"Cookie: token={api.token if cookie is None else cookie}",
    ]
    received, hung_up = b"", False
    with socket.create_connection((address.host, address.port), timeout=5) as conn:
        conn.sendall("\r\n".join([*lines, "", ""]).encode())
        while b"\r\n\r\n" not in received and (piece := conn.recv(65536)):
            received += piece
        conn.settimeout(1)
        try:
            for each in frames:
                conn.sendall(each)
            while piece := conn.recv(65536):
                received += piece
            hung_up = True
        except TimeoutError:
            pass
        except ConnectionError:
            hung_up = True
    head, _, rest = received.partition(b"\r\n\r\n")
    return int(head.split()[1]), rest, hung_up


def test_the_page_of_a_job_is_told_and_may_answer(api: Caller, running: str) -> None:
    status, told, hung_up = talk(api, f"/ws/w/badsockets2/jobs/{running}", frame(TEXT, b"seen"))
    assert (status, hung_up) == (101, False)
    assert b"begun" in told


@pytest.mark.parametrize(
    "frames",
    [
        [frame(TEXT, b"x" * 100_000)],
        [frame(TEXT, b"x", length=2**62)],
        [frame(FIRST_PART, b"x" * 60_000), *[frame(PART, b"x" * 60_000)] * 5],
        [frame(TEXT, b"\xff\xfe")],
        [b"\xff" * 64],
        [frame(0x83, b"")],
    ],
    ids=["long", "says it is endless", "long in parts", "no text", "noise", "unknown kind"],
)
def test_messages_that_are_none_end_the_connection(api: Caller, running: str, frames: list[bytes]) -> None:  # SEC-H12
    status, _, hung_up = talk(api, f"/ws/w/badsockets2/jobs/{running}", *frames)
    assert (status, hung_up) == (101, True)


def test_words_nobody_knows_change_nothing(api: Caller, running: str) -> None:
    words = [b"", b"nonsense", b'{"a":1}', b"seen" * 1000, b"\x00"]
    frames = [frame(kind, word) for word in words for kind in (TEXT, BINARY)] + [frame(TEXT, b"seen")] * 500
    status, told, hung_up = talk(api, f"/ws/w/badsockets2/jobs/{running}", *frames)
    assert (status, hung_up) == (101, False)
    assert b"begun" in told


@pytest.mark.parametrize(
    "query", ["after=99999999999", "after=-1", "after=%00&state=%00", "after=x&state=<script>", "=&&;"]
)
def test_odd_queries_are_no_harm(api: Caller, running: str, query: str) -> None:
    assert talk(api, f"/ws/w/badsockets2/jobs/{running}?{query}")[0] == 101


def test_who_may_not_see_the_job_is_refused(api: Caller, running: str) -> None:  # SEC-A6, H12
    own = f"/ws/w/badsockets2/jobs/{running}"
    for path in (
        f"/ws/w/badsockets2/jobs/{NOBODYS_JOB}",
        f"/ws/w/badsockets/jobs/{running}",
        "/ws/nothing",
        "/ws/w/x/jobs/x",
    ):
        assert talk(api, path)[0] == 403, path
    for origin in ("http://evil.example", "null", "http://["):
        assert talk(api, own, origin=origin)[0] in (400, 403), origin
    for cookie in ("", "wm_nonsense", "\u00ff"):
        with contextlib.suppress(ConnectionError):
            assert talk(api, own, cookie=cookie)[0] in (400, 403), cookie
