"""Kill -9 of the web process around the commit of a run, and at random moments (X4; J1, J3)."""

import os
import signal
import uuid
from collections.abc import Iterator

import httpx
import pytest

from tests.chaos.conftest import changes, record
from tests.chaos.history import check
from tests.live_site import SUPERADMIN_SECRET, LiveSite, free_port
from tests.processes import named
from tests.waiting import eventually
from tests.worker.worker_kit import Jobs

HEADERS = {"Authorization": f"Bearer {SUPERADMIN_SECRET}"}
CODE = {"language": "bash", "content": "echo done", "args": {}}


@pytest.fixture
def site(fresh_database: str) -> Iterator[LiveSite]:
    live = LiveSite(database_url=fresh_database, port=free_port())
    yield live
    live.stop()


def _start(site: LiveSite, jobs: Jobs, **extra: str) -> None:
    site.environ |= extra
    site.start()
    new = {"id": "lab", "name": "lab", "username": "owner"}
    answer = httpx.post(f"{site.url}/api/workspaces/create", json=new, headers=HEADERS, timeout=30)
    assert answer.status_code == 201, answer.text


def _run(site: LiveSite, key: str) -> str | None:
    """The id of the job; None when no answer came."""
    headers = HEADERS | {"Idempotency-Key": key}
    try:
        answer = httpx.post(f"{site.url}/api/w/lab/jobs/run/preview", json=CODE, headers=headers, timeout=10)
    except httpx.TransportError:
        return None
    assert answer.status_code == 201, answer.text
    return answer.text


@pytest.mark.timeout(180)
@pytest.mark.parametrize(("point", "is_there"), [("push.before_commit", False), ("push.after_commit", True)])
def test_a_web_process_killed_around_the_commit(
    site: LiveSite, fresh_database: str, point: str, is_there: bool
) -> None:
    jobs = record(Jobs(fresh_database))
    _start(site, jobs, FAILPOINTS=f"{point}=once-exit")
    key = uuid.uuid4().hex
    assert _run(site, key) is None
    count = "SELECT count(*) FROM job WHERE kind = 'preview'"
    assert jobs.sql(count) == [(int(is_there),)]
    eventually(site.is_ready, within_s=30)
    assert _run(site, key) is None  # the new process dies at its first push as well
    made = jobs.sql("SELECT id FROM job WHERE kind = 'preview'")
    assert len(made) == int(is_there)
    for (job_id,) in made:
        assert jobs.ended(job_id, within_s=20).value == "done"
    assert check(changes(jobs)) == []


@pytest.mark.timeout(180)
def test_every_answered_run_ends_once_though_the_web_process_dies(site: LiveSite, fresh_database: str) -> None:
    jobs = record(Jobs(fresh_database))
    _start(site, jobs)
    answered: list[str] = []
    for number in range(60):
        if number % 20 == 10:
            os.kill(_web_pid(site), signal.SIGKILL)
            eventually(site.is_ready, within_s=30)
        job_id = _run(site, uuid.uuid4().hex)
        if job_id is not None:
            answered.append(job_id)
    assert len(answered) >= 57
    for job_id in answered:
        assert jobs.ended(uuid.UUID(job_id), within_s=30).value == "done"
    eventually(lambda: jobs.sql("SELECT count(*) FROM job_queue") == [(0,)], within_s=20)
    assert check(changes(jobs)) == []


def _web_pid(site: LiveSite) -> int:
    return named(site.running.pid, "wm-web")[0].pid
