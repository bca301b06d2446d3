"""200 jobs while workers, their children and Postgres are killed at random moments (X1, X2, X5, X6, X9).

Every job ends exactly once, none is lost. The moments come from a seed that a failure prints.
"""

import os
import random
import signal
import threading
import time
from pathlib import Path

import pytest

from tests.chaos.conftest import NewDataDir, changes
from tests.chaos.history import check
from tests.chaos.ledger import Ledger
from tests.postgres_server import PostgresServer
from tests.waiting import eventually
from tests.worker.worker_kit import Jobs, WorkerProcess

JOBS = 200
FAULTS = 10
LEASE = {"ZOMBIE_JOB_TIMEOUT": "3", "DRAIN_GRACE": "1"}


class Host:
    """A pretended host whose supervisor starts its worker again whenever it is gone."""

    def __init__(self, database_url: str, data_dir: Path) -> None:
        self.worker = WorkerProcess(database_url, data_dir, "--slots", "3", **LEASE)
        self.worker.spawn()
        self._is_over = False
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._is_over = True
        self._thread.join()
        self.worker.stop()

    def _watch(self) -> None:
        while not self._is_over:
            assert self.worker.process is not None
            if self.worker.process.poll() is not None:
                self.worker.spawn()
            time.sleep(0.05)  # the supervisor's period, not a wait of the test


@pytest.mark.timeout(240)
@pytest.mark.parametrize("seed", [3])
def test_every_job_ends_once_whatever_dies(
    own_postgres: PostgresServer, recorded_own: Jobs, new_data_dir: NewDataDir, ledger: Ledger, seed: int
) -> None:
    moments = random.Random(seed)
    jobs = recorded_own
    hosts = [Host(jobs.database_url, new_data_dir()) for _ in range(2)]
    try:
        eventually(lambda: len(jobs.sql("SELECT 1 FROM worker")) == 2, within_s=40)
        pushed = [
            jobs.push(ledger.code, args={"n": n, "for_s": round(moments.uniform(0.02, 0.6), 3)}) for n in range(JOBS)
        ]
        killed_children = 0
        for _ in range(FAULTS):
            eventually(_after(moments.uniform(0.3, 1.2)), within_s=5)
            killed_children += _do_harm(moments, hosts, own_postgres)
        eventually(lambda: _ended(jobs) == JOBS, within_s=120, every_s=0.2)
    finally:
        for host in hosts:
            host.stop()
    found = check(changes(jobs), max_losses=3)
    assert found == [], f"seed {seed}"
    rows = jobs.sql("SELECT id, status, result, attempt FROM job_completed WHERE id = ANY(%s)", pushed)
    assert len(rows) == JOBS
    succeeded = {job_id: result for job_id, status, result, _ in rows if status == "success"}
    assert all(succeeded[job_id] == number for number, job_id in enumerate(pushed) if job_id in succeeded)
    finished = {entry.job_id for entry in ledger.entries if entry.said_end}
    assert {str(job_id) for job_id in succeeded} <= finished
    # what failed was killed by us or lost too often; nothing fails for the database's or a worker's sake
    assert len(rows) - len(succeeded) <= killed_children + 3


def _do_harm(moments: random.Random, hosts: list[Host], postgres: PostgresServer) -> int:
    """One fault. Answers how many jobs' processes were killed under a living worker."""
    worker = moments.choice(hosts).worker
    kind = moments.choice(["kill worker", "kill worker", "kill child", "drain", "freeze", "crash postgres"])
    try:
        match kind:
            case "kill worker":
                worker.signal(signal.SIGKILL)
            case "kill child":
                return _kill_a_job(moments, worker)
            case "drain":
                worker.signal(signal.SIGTERM)
            case "freeze":
                worker.signal(signal.SIGSTOP)
                eventually(_after(moments.uniform(0.5, 4)), within_s=6)
                worker.signal(signal.SIGCONT)
            case "crash postgres":
                postgres.restart_immediately()
    except ProcessLookupError:
        pass  # between its death and its next start
    return 0


def _kill_a_job(moments: random.Random, worker: WorkerProcess) -> int:
    """Kill a process below the worker that is a job's: of those it has, the leaves."""
    below = _descendants(worker.pid)
    leaves = [pid for pid in below if not _children(pid)]
    if not leaves:
        return 0
    try:
        os.kill(moments.choice(leaves), signal.SIGKILL)
    except ProcessLookupError:
        return 0
    return 1


def _descendants(pid: int) -> list[int]:
    found = []
    for child in _children(pid):
        found += [child, *_descendants(child)]
    return found


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [int(each) for each in task.read_text().split()]
        except OSError:
            continue
    return found


def _after(seconds: float):
    at = time.monotonic() + seconds
    return lambda: time.monotonic() >= at


def _ended(jobs: Jobs) -> int:
    try:
        return jobs.sql("SELECT count(*) FROM job_completed")[0][0]
    except Exception as error:  # Postgres is being restarted
        raise AssertionError(str(error)) from error
