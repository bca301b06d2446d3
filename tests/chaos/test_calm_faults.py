"""Faults that no job may notice: workers replaced one by one, the queue locked for a while (X7, X13; W6, D4)."""

import itertools
import signal
import threading
import time

from tests.chaos.conftest import NewDataDir, changes
from tests.chaos.history import check
from tests.chaos.ledger import Ledger
from tests.waiting import eventually
from tests.worker.worker_kit import Jobs, WorkerProcess, running_worker


def test_workers_are_replaced_under_load_without_a_failure(
    recorded: Jobs, new_data_dir: NewDataDir, ledger: Ledger
) -> None:  # W6
    def start() -> WorkerProcess:
        worker = WorkerProcess(recorded.database_url, new_data_dir(), "--slots", "2", DRAIN_GRACE="20")
        worker.start()
        return worker

    workers = [start(), start()]
    pushed: list[object] = []
    is_over = threading.Event()

    def push() -> None:
        for number in itertools.count():
            if is_over.wait(0.05):
                return
            pushed.append(recorded.push(ledger.code, args={"n": number, "for_s": 0.1}))

    load = threading.Thread(target=push)
    load.start()
    try:
        for place in (0, 1, 0):
            replacement = start()
            workers[place].signal(signal.SIGTERM)
            assert workers[place].left(within_s=30) == 0
            workers[place] = replacement
        is_over.set()
        load.join()
        count = "SELECT count(*) FROM job_completed WHERE status = 'success' AND attempt = 1"
        eventually(lambda: recorded.sql(count) == [(len(pushed),)], within_s=40, every_s=0.1)
    finally:
        is_over.set()
        for worker in workers:
            worker.stop()
    assert len(pushed) > 20
    assert check(changes(recorded), max_losses=0) == []
    assert ledger.overlaps() == []


def test_a_lock_on_the_queue_restarts_nothing(recorded: Jobs, new_data_dir: NewDataDir, ledger: Ledger) -> None:  # D4
    with running_worker(recorded.database_url, new_data_dir(), "--slots", "2", ZOMBIE_JOB_TIMEOUT="6") as worker:
        running = [recorded.push(ledger.code, args={"n": n, "for_s": 2.0}) for n in range(2)]
        eventually(lambda: len(ledger.entries) == 2)
        until = time.monotonic() + 1.5  # several heartbeats wait, none gives up
        with recorded.connect() as conn, conn.transaction():
            conn.execute("LOCK TABLE job_queue IN ACCESS EXCLUSIVE MODE")
            eventually(lambda: time.monotonic() > until)
        queued = recorded.push_noop()
        for job in (*running, queued):
            ended = recorded.ended(job)
            assert (ended.status, ended.attempt) == ("success", 1)
        assert worker.process is not None and worker.process.poll() is None
    assert check(changes(recorded), max_losses=0) == []
    assert ledger.overlaps() == []
