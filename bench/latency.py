"""One light Python job at a time: from the API's answer and from the queue's own clocks."""

import time

from bench.limits import FORK
from bench.report import Report
from bench.site import Site

PATH = "f/bench/light"
CODE = "import wmill\n\n\ndef main(x: int = 1):\n    return x + 1\n"


def measure(site: Site, report: Report) -> None:
    """Warm: the first calls are not counted. The script imports `wmill`; each run is a process of its own."""
    site.deploy(PATH, CODE)
    with site.client() as client:
        taken = [_call(site, client, number) for number in range(report.calls + 20)][20:]
    report.latency("API -> result (run_wait_result, Python, wmill)", taken, over=FORK)
    rows = site.sql(
        "SELECT extract(epoch FROM completed_at - started_at) * 1000 FROM job_completed JOIN job USING (id)"
        " WHERE runnable_path = %s ORDER BY job.id DESC LIMIT %s",
        (PATH, report.calls),
    )
    report.latency("claim -> complete (the same runs)", [float(ms) for (ms,) in rows], over=FORK)
    waits = site.sql(
        "SELECT extract(epoch FROM started_at - job.created_at) * 1000 FROM job_completed JOIN job USING (id)"
        " WHERE runnable_path = %s ORDER BY job.id DESC LIMIT %s",
        (PATH, report.calls),
    )
    report.latency("push -> claim (the same runs)", [float(ms) for (ms,) in waits])


def _call(site: Site, client, number: int) -> float:
    began = time.perf_counter()
    answer = client.post(site.api(f"jobs/run_wait_result/p/{PATH}"), json={"x": number})
    took = (time.perf_counter() - began) * 1000
    assert answer.json() == number + 1, answer.text
    return took
