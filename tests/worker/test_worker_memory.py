"""Many jobs leave a worker as it was (W4)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from tests.waiting import eventually
from tests.worker.worker_kit import Jobs, running_worker
from workers import notify, queue
from workers.queue import NewJob

PRINTS = 'def main(x: int):\n    print("hello", x)\n    return {"x": x, "pad": "y" * 200}'


@dataclass(frozen=True)
class Footprint:
    """What a process holds."""

    memory_kb: int
    threads: int
    descriptors: int
    zombies: int


def footprint(pid: int) -> Footprint:
    status = dict(
        line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line
    )
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return Footprint(
        memory_kb=int(status["VmRSS"].split()[0]),
        threads=int(status["Threads"]),
        descriptors=sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir()),
        zombies=sum(") Z " in Path(f"/proc/{child}/stat").read_text() for child in children),
    )


def test_thousands_of_jobs_leave_nothing_behind(jobs: Jobs, worker_dir: Path) -> None:  # W4
    with running_worker(jobs.database_url, worker_dir, "--slots", "4") as worker:
        run_many(jobs, 300, kind="noop", tag="noop")
        run_many(
            jobs, 60, kind="preview", tag="python3", language="python3", raw_code=PRINTS, raw_lock="", args='{"x":1}'
        )
        before = footprint(worker.pid)
        run_many(jobs, 4000, kind="noop", tag="noop")
        run_many(
            jobs, 300, kind="preview", tag="python3", language="python3", raw_code=PRINTS, raw_lock="", args='{"x":1}'
        )
        after = footprint(worker.pid)
        # children are prepared ahead of jobs, one a slot at most, with a handful of descriptors each
        assert after.descriptors <= before.descriptors + 4 * 5
        assert after.memory_kb - before.memory_kb < 10_000
        assert (after.threads, after.zombies) == (before.threads, 0)
        (own,) = (worker_dir / "workers").glob("*.lock")
        left = [path for path in (own.with_suffix("") / "dirs").rglob("*") if path.is_file()]
        assert left == []


def run_many(jobs: Jobs, count: int, **fields: Any) -> None:
    """Queue `count` jobs in one transaction and wait for all of them."""
    made: list[UUID] = []
    with jobs.connect() as conn:
        with conn.transaction(), conn.pipeline():
            for _ in range(count):
                job = NewJob("demo", created_by="ada", permissioned_as="u/ada", permissioned_as_email="", **fields)
                conn.execute(queue.PUSH, job.parameters())
                made.append(job.id)
        conn.execute(notify.SEND, ([f"q:{fields['tag']}"],))
    ended = "SELECT count(*) FROM job_completed WHERE id = ANY(%s) AND status = 'success'"
    eventually(lambda: jobs.sql(ended, made) == [(count,)], within_s=60, every_s=0.1)
