"""Kill -9 at every failpoint of the worker: the job still ends exactly once (X1; K1 to K7, K13, K14)."""

import pytest

from tests.chaos.conftest import NewDataDir, changes
from tests.chaos.history import check
from tests.chaos.ledger import Ledger
from tests.worker.worker_kit import Jobs, WorkerProcess, running_worker
from workers.failpoints import POINTS

WORKER_POINTS = [point for point in POINTS if not point.startswith("push.")]


@pytest.mark.parametrize("point", WORKER_POINTS)
def test_a_worker_killed_at_any_point_loses_nothing(
    recorded: Jobs, new_data_dir: NewDataDir, ledger: Ledger, point: str
) -> None:
    host = new_data_dir()
    job = recorded.push(ledger.code, args={"n": 7, "for_s": 0.4})
    doomed = WorkerProcess(recorded.database_url, host, "--slots", "1", FAILPOINTS=f"{point}=exit")
    doomed.spawn()
    if point == "cleanup.before":
        recorded.ended(job, within_s=20)
        doomed.stop()
    assert doomed.left(within_s=20) == -9
    with running_worker(recorded.database_url, host):
        ended = recorded.ended(job)
        assert (ended.status, ended.value) == ("success", 7)
    assert check(changes(recorded)) == []
    assert ledger.overlaps() == []
    assert [path.name for path in (host / "workers").iterdir()] == []
    assert sum(entry.said_end for entry in ledger.entries) >= 1
