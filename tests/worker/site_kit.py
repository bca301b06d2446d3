"""A running site as its callers see it: jobs by API, and what they must not leave behind."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.live_site import SUPERADMIN_SECRET, LiveSite
from tests.waiting import eventually

HEALTHY = "def main(): return 'healthy'"


@dataclass(frozen=True)
class Caller:
    """Somebody with a token in one workspace of the site."""

    site: LiveSite
    workspace: str
    token: str
    client: httpx.Client

    def as_token(self, token: str) -> Caller:
        """The same with another token."""
        return Caller(self.site, self.workspace, token, self.client)

    def send(self, method: str, path: str, **more: Any) -> httpx.Response:
        """A request; `path` as in `jobs/list`, or from `/` on."""
        address = path if path.startswith("/") else f"/api/w/{self.workspace}/{path}"
        headers = {"Authorization": f"Bearer {self.token}", **more.pop("headers", {})}
        return self.client.request(method, address, headers=headers, **more)

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self.send("GET", path, **more)

    def post(self, path: str, body: Any = None, **more: Any) -> httpx.Response:
        return self.send("POST", path, **({"json": body} if body is not None else {}), **more)

    def run(self, code: str, *, language: str = "python3", args: Any = None, **query: Any) -> str:
        """Start a preview; its id."""
        body = {"content": code, "language": language, "args": args or {}}
        answer = self.post("jobs/run/preview", body, params=query)
        assert answer.status_code == 201, answer.text
        return answer.text

    def ended(self, job_id: str, *, within_s: float = 30) -> dict[str, Any]:
        """The job once it is over, as the API shows it."""
        eventually(lambda: self.get(f"jobs_u/completed/get_result_maybe/{job_id}").json()["completed"], within_s)
        return self.get(f"jobs_u/get/{job_id}").json()

    def ran(self, code: str, **more: Any) -> dict[str, Any]:
        """Start a preview and wait for its end."""
        return self.ended(self.run(code, **more))

    def started(self, job_id: str, text: str) -> None:
        """Wait until the job has printed `text`."""
        eventually(lambda: text in self.get(f"jobs_u/get_logs/{job_id}").text, within_s=15)

    def is_healthy(self) -> bool:
        """Does the next job run?"""
        body = {"content": HEALTHY, "language": "python3"}
        answer = self.post("jobs/run_wait_result/preview", body)
        assert (answer.status_code, answer.text) == (200, '"healthy"'), answer.text
        return True


@contextmanager
def workspace_of(site: LiveSite, name: str) -> Iterator[Caller]:
    """A workspace of a test file's own; its caller is the superadmin's secret."""
    with httpx.Client(base_url=site.url, timeout=60) as client:
        caller = Caller(site, name, SUPERADMIN_SECRET, client)
        made = caller.post("/api/workspaces/create", {"id": name, "name": name, "username": "owner"})
        assert made.status_code == 201, made.text
        yield caller


def files_of_jobs(site: LiveSite) -> list[Path]:
    """What jobs have in directories of the host: nothing once they are over, and little while they run."""
    return list((site.data_dir / "workers").glob("*/dirs/*"))


def processes_with(word: str) -> list[int]:
    """Processes of this host that have `word` in their command line."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and word.encode() in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue  # it ended while we looked
    return found


@contextmanager
def timed(took: list[float]) -> Iterator[None]:
    """Note how long the block took."""
    began = time.monotonic()
    yield
    took.append(time.monotonic() - began)
