"""A client that does not read what it asked for costs the web process little memory, and others nothing (N1)."""

from __future__ import annotations

import socket
from pathlib import Path

import httpx
import psycopg

from tests.live_site import SUPERADMIN_SECRET
from tests.processes import named
from tests.waiting import eventually

HEADERS = {"Authorization": f"Bearer {SUPERADMIN_SECRET}"}
SEGMENT = "x" * 99 + "\n"
SEGMENTS, LINES = 60, 5_000  # 30 MB


def resident_kb(pid: int) -> int:
    line = next(each for each in Path(f"/proc/{pid}/status").read_text().splitlines() if each.startswith("VmRSS"))
    return int(line.split()[1])


def test_a_log_is_sent_as_fast_as_it_is_read(live_site):
    job_id = make_long_log(live_site)
    web = named(live_site.running.pid, "wm-web")[0].pid
    path = f"/api/w/admins/jobs_u/get_logs/{job_id}"
    length = len(SEGMENT) * LINES * SEGMENTS
    assert len(httpx.get(f"{live_site.url}{path}", headers=HEADERS, timeout=60).text) == length  # what reading takes
    before = resident_kb(web)
    with socket.create_connection(("127.0.0.1", int(live_site.url.rsplit(":", 1)[1]))) as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
        request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {SUPERADMIN_SECRET}\r\n\r\n"
        slow.sendall(request.encode())
        assert slow.recv(100).startswith(b"HTTP/1.1 200")
        whole = httpx.get(f"{live_site.url}{path}", headers=HEADERS, timeout=60).text
        assert len(whole) == length
        # Whoever reads has all 30 MB by now; he who does not has made the process keep next to nothing.
        assert resident_kb(web) - before < 16_000
        taken = 0
        while taken < length:
            taken += len(slow.recv(1 << 20))
    eventually(lambda: httpx.get(f"{live_site.url}/api/version").status_code == 200)


def make_long_log(site) -> str:
    """A finished job of workspace `admins` with 30 MB of log."""
    body = {"kind": "identity", "args": {"x": 1}}
    answer = httpx.post(f"{site.url}/api/w/admins/jobs/run/preview", headers=HEADERS, json=body)
    assert answer.status_code == 201, answer.text
    job_id = answer.text
    done = f"{site.url}/api/w/admins/jobs_u/completed/get_result_maybe/{job_id}"
    eventually(lambda: httpx.get(done, headers=HEADERS).json()["completed"], within_s=20)
    with psycopg.connect(site.environ["DATABASE_URL"], autocommit=True) as conn:
        conn.execute("DELETE FROM job_log WHERE job_id = %s", [job_id])
        conn.execute(
            "INSERT INTO job_log (job_id, seq, start, text)"
            " SELECT %s, n, n * %s::bigint, repeat(%s, %s) FROM generate_series(0, %s) AS n",
            [job_id, len(SEGMENT) * LINES, SEGMENT, LINES, SEGMENTS - 1],
        )
    return job_id
