"""How many asynchronous runs a second the web process accepts: 16 connections, each POST one durable job."""

import asyncio
import time

from bench.limits import CYCLES
from bench.report import Report
from bench.site import Site

CONNECTIONS = 16
SECONDS = 5
PATH = "f/bench/accept"


def measure(site: Site, report: Report) -> None:
    """Nobody serves the tag, so that only the web process and Postgres work."""
    site.deploy(PATH, "def main(x: int = 1):\n    return x\n", tag="nobody")
    rate, taken = asyncio.run(_load(site))
    report.rate(f"async accept, {CONNECTIONS} connections", rate, over=CYCLES)
    report.latency("  one accept", taken)
    site.sql("DELETE FROM job_queue WHERE tag = 'nobody'")
    site.sql("DELETE FROM job WHERE tag = 'nobody'")


async def _load(site: Site) -> tuple[float, list[float]]:
    taken: list[float] = []
    until = time.perf_counter() + SECONDS
    await asyncio.gather(*(_client(site, until, taken) for _ in range(CONNECTIONS)))
    return len(taken) / SECONDS, taken


async def _client(site: Site, until: float, taken: list[float]) -> None:
    """Raw HTTP/1.1 over one kept connection: a client library would be what is measured."""
    host, port = site.live.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    token = site.headers["Authorization"]
    path = site.api(f"jobs/run/p/{PATH}").removeprefix(site.live.url)
    head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: {token}\r\nContent-Type: application/json\r\n"
    request = f"{head}Content-Length: 7\r\n\r\n".encode() + b'{"x":1}'
    while (began := time.perf_counter()) < until:
        writer.write(request)
        status = await reader.readline()
        length = 0
        while (line := await reader.readline()) != b"\r\n":
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        body = await reader.readexactly(length)
        assert status.split()[1] == b"201", (status, body)
        taken.append((time.perf_counter() - began) * 1000)
    writer.close()
