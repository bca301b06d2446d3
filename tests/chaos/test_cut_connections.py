"""Answers of Postgres get lost after the commit, again and again: nothing is done twice, nothing is lost (X10, X11)."""

import os
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.chaos.conftest import NewDataDir, changes
from tests.chaos.cutting_proxy import CuttingProxy
from tests.chaos.history import check
from tests.chaos.ledger import Ledger
from tests.waiting import eventually
from tests.worker.worker_kit import Jobs, running_worker
from windmill_site.database import socket_directory

JOBS = 60


@pytest.fixture
def proxy() -> Iterator[CuttingProxy]:
    made = CuttingProxy(socket_directory(Path(os.environ["DATA_DIR"])), seed=11, one_in=25)
    yield made
    made.close()


def test_lost_answers_are_asked_for_again(
    recorded: Jobs, new_data_dir: NewDataDir, ledger: Ledger, proxy: CuttingProxy
) -> None:  # D3
    name = psycopg.conninfo.conninfo_to_dict(recorded.database_url)["dbname"]
    with running_worker(proxy.url(str(name)), new_data_dir(), "--slots", "3", ZOMBIE_JOB_TIMEOUT="5") as worker:
        proxy.is_cutting = True
        pushed = [recorded.push(ledger.code, args={"n": n, "for_s": 0.05}) for n in range(JOBS)]
        pushed += [recorded.push_noop() for _ in range(JOBS)]
        eventually(lambda: recorded.sql("SELECT count(*) FROM job_completed") == [(len(pushed),)], 60, every_s=0.1)
        proxy.is_cutting = False
        assert worker.process is not None and worker.process.poll() is None
    assert proxy.cuts > 10
    assert check(changes(recorded)) == []
    assert recorded.sql("SELECT DISTINCT status, attempt FROM job_completed") == [("success", 1)]
    assert ledger.overlaps() == []
    assert len(ledger.entries) == JOBS  # a lost answer restarts no job
    log = (
        "SELECT count(*) FROM (SELECT job_id, sum(char_length(text)) AS size, max(start + char_length(text)) AS finish"
    )
    assert recorded.sql(f"{log} FROM job_log GROUP BY job_id) AS logs WHERE size <> finish") == [(0,)]
