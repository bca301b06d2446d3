"""A real worker process on a database of its own, and jobs for it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg

from tests.live_site import ROOT
from tests.waiting import eventually
from workers import notify, queue
from workers.queue import NewJob

# Times of reliability.md §2, "test setting": leases of 1 s, polls of 0.1 s.
QUICK = {"ZOMBIE_JOB_TIMEOUT": "1", "SLEEP_QUEUE": "100", "DRAIN_GRACE": "1"}


@dataclass(frozen=True)
class Ended:
    """A completed job as its readers see it."""

    status: str
    value: Any
    attempt: int
    worker: str
    duration_ms: int
    labels: list[str]

    @property
    def error(self) -> dict[str, Any]:
        assert self.status != "success", self
        return self.value["error"]


class Jobs:
    """Pushing and reading jobs, with plain SQL."""

    def __init__(self, database_url: str) -> None:
        self.database_url = database_url

    def push(
        self, code: str = "", *, language: str = "python3", args: Mapping[str, Any] | None = None, **more: Any
    ) -> UUID:
        """Queue a preview of `code` (or what `kind=` says) and tell the workers."""
        fields: dict[str, Any] = {
            "workspace_id": "demo", "kind": "preview", "tag": language, "language": language, "created_by": "ada",
            "permissioned_as": "u/ada", "permissioned_as_email": "ada@example.com", "raw_code": code or None,
            "raw_lock": "", "args": json.dumps(args or {}),
        }  # fmt: skip
        job = NewJob(**(fields | more))
        with self.connect() as conn:
            ready = conn.execute(queue.PUSH, job.parameters()).fetchone()
            if ready == (True,):
                conn.execute(notify.SEND, ([notify.ready_event(job.tag, priority=job.priority)],))
        return job.id

    def push_noop(self, **more: Any) -> UUID:
        return self.push(kind="noop", tag="noop", language="", raw_lock=None, **more)

    def sql(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with self.connect() as conn:
            cursor = conn.execute(statement, parameters)  # type: ignore[arg-type]
            return cursor.fetchall() if cursor.description else []

    def tell(self, *events: str) -> None:
        self.sql(notify.SEND, notify.pack(events))

    def cancel(self, job_id: UUID, *, by: str = "ada", reason: str = "", force: bool = False) -> None:
        """As the API does: mark, end what waits, tell the worker."""
        parameters = {"ids": [job_id], "by": by, "reason": reason, "force": force}
        with self.connect() as conn, conn.transaction():
            conn.execute(queue.MARK_CANCELED, parameters)
            conn.execute(queue.END_CANCELED, parameters)
        self.tell(f"x:{job_id}")

    def ended(self, job_id: UUID, *, within_s: float = 10) -> Ended:
        """The job's end, waited for."""
        statement = (
            "SELECT status, result, attempt, coalesce(worker, ''), duration_ms, labels FROM job_completed WHERE id = %s"
        )
        return eventually(lambda: [Ended(*row) for row in self.sql(statement, job_id)], within_s)[0]

    def is_running(self, job_id: UUID) -> bool:
        return self.sql("SELECT running FROM job_queue WHERE id = %s", job_id) == [(True,)]

    def log(self, job_id: UUID) -> str:
        rows = self.sql("SELECT text FROM job_log WHERE job_id = %s ORDER BY seq", job_id)
        return "".join(text for (text,) in rows)

    def printed(self, job_id: UUID, text: str, *, within_s: float = 10) -> str:
        """The log once it holds `text`."""
        return eventually(lambda: log if text in (log := self.log(job_id)) else "", within_s)

    def connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self.database_url, autocommit=True)


class WorkerProcess:
    """`manage.py worker` of a test."""

    def __init__(self, database_url: str, data_dir: Path, *options: str, **environ: str) -> None:
        self.data_dir = data_dir
        self.log_path = data_dir / f"worker-{os.urandom(3).hex()}.log"
        self._command = [sys.executable, str(ROOT / "manage.py"), "worker", *options]
        self._environ = {
            **os.environ,  # proxies, certificates, package index; tests/conftest.py took the settings out
            "DATABASE_URL": database_url,
            "DATA_DIR": str(data_dir),
            "SECRET_KEY": "a key for tests",
            **QUICK,
            **environ,
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start and wait until it takes jobs."""
        self.spawn()
        eventually(self._is_started, within_s=30)

    def spawn(self) -> None:
        """Start without waiting."""
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                self._command, cwd=ROOT, env=self._environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def output(self) -> str:
        return self.log_path.read_text(errors="replace")

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        self.left()

    def left(self, *, within_s: float = 10) -> int:
        """Its exit status, waited for."""
        assert self.process is not None
        return self.process.wait(within_s)

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def _is_started(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise RuntimeError(f"the worker left with {self.process.returncode}:\n{self.output()}")
        return "worker.started" in self.output()


@contextmanager
def running_worker(database_url: str, data_dir: Path, *options: str, **environ: str) -> Iterator[WorkerProcess]:
    """A worker with two slots unless `options` say otherwise."""
    worker = WorkerProcess(database_url, data_dir, *(options or ("--slots", "2")), **environ)
    try:
        worker.start()
        yield worker
    finally:
        worker.stop()
