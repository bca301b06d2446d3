"""Requests to the ASGI application in the loop of a test, and a worker's part played by hand."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode
from uuid import UUID

from django.db import connection

from windmill_site.asgi import application
from workers import log_rows, queue, serving
from workers.log_rows import LogSegment
from workers.queue import Completion, Mark


@dataclass
class Answered:
    """What the client got."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Exchange:
    """One request under way. `hang_up` is what a client that leaves does."""

    task: asyncio.Task[None]
    incoming: asyncio.Queue[dict[str, Any]]
    sent: list[dict[str, Any]] = field(default_factory=list)

    def hang_up(self) -> None:
        self.incoming.put_nowait({"type": "http.disconnect"})

    async def answer(self, within_s: float = 10) -> Answered:
        async with asyncio.timeout(within_s):
            await self.task
        start = next(each for each in self.sent if each["type"] == "http.response.start")
        headers = {name.decode(): value.decode() for name, value in start["headers"]}
        body = b"".join(each.get("body", b"") for each in self.sent if each["type"] == "http.response.body")
        return Answered(start["status"], headers, body)


@dataclass(frozen=True)
class Api:
    """A client of workspace `test` with one token; `headers` are sent each time."""

    token: str = ""
    workspace: str = "test"

    def start(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
        raw: bytes | None = None,
        **query: Any,
    ) -> Exchange:
        """Begin a request; `path` as in `jobs/list`, or from `/api` on."""
        address = path if path.startswith("/") else f"/api/w/{self.workspace}/{path}"
        given = {"authorization": f"Bearer {self.token}"} if self.token else {}
        if body is not None:
            given["content-type"] = "application/json"
            raw = json.dumps(body).encode()
        given |= {name.lower(): value for name, value in (headers or {}).items()}
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "path": address,
            "raw_path": quote(address).encode(),
            "query_string": urlencode(query, doseq=True).encode(),
            "headers": [(b"host", b"localhost"), *((n.encode(), v.encode("latin-1")) for n, v in given.items())],
            "client": ("127.0.0.1", 1),
            "server": ("localhost", 80),
            "scheme": "http",
            "root_path": "",
        }
        incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        incoming.put_nowait({"type": "http.request", "body": raw or b"", "more_body": False})
        sent: list[dict[str, Any]] = []

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        return Exchange(asyncio.create_task(application(scope, incoming.get, send)), incoming, sent)

    async def send(self, method: str, path: str, body: Any = None, **more: Any) -> Answered:
        return await self.start(method, path, body, **more).answer()

    async def get(self, path: str, **more: Any) -> Answered:
        return await self.send("GET", path, **more)

    async def post(self, path: str, body: Any = None, **more: Any) -> Answered:
        return await self.send("POST", path, body, **more)


@asynccontextmanager
async def serving_loop() -> AsyncIterator[None]:
    """The connections of a web process for this loop, closed in the end."""
    await serving.start()
    try:
        yield
    finally:
        await serving.stop()


class Hand:
    """Claims and completes jobs as a worker would, when the test says so."""

    def __init__(self, *tags: str) -> None:
        self.tags = tags or ("python3", "bash", "noop")
        self.held: dict[UUID, Any] = {}

    async def claim(self, limit: int = 10) -> list[UUID]:
        async with serving.connection() as conn:
            claim = await queue.claim(
                conn, worker="hand", seed=b"s" * 32, marks=[Mark(tag) for tag in self.tags], limit=limit
            )
        self.held |= {job.id: job for job in claim.jobs}
        return [job.id for job in claim.jobs]

    async def complete(self, job_id: UUID, result: Any = None, *, status: str = "success", text: str = "") -> bool:
        job = self.held.pop(job_id)
        ended = Completion(job_id, job.lease_id, status, text or json.dumps(result), duration_ms=5)
        async with serving.connection() as conn:
            done = await queue.complete(conn, [ended])
            await serving.tell(conn, f"c:{job_id}")
        return job_id in done

    async def write(self, job_id: UUID, seq: int, start: int, text: str) -> None:
        """A segment of the log of a job that is held."""
        segment = LogSegment(job_id, self.held[job_id].lease_id, seq, start, text)
        async with serving.connection() as conn:
            await log_rows.append_log(conn, [segment])
            await serving.tell(conn, f"l:{job_id}")

    async def run_one(self, result: Any = None, **more: Any) -> UUID:
        """Wait for a job, claim it, complete it."""
        async with asyncio.timeout(5):
            while not (found := await self.claim(1)):
                await asyncio.sleep(0.01)
        await self.complete(found[0], result, **more)
        return found[0]


def empty_job_tables() -> None:
    """Rows of jobs are written by SQL, so Django's flush between tests leaves them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "TRUNCATE job, job_queue, job_completed, job_log, job_log_blob, job_stream, job_status, job_todo,"
            " idempotency_key, worker"
        )


async def sql(statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
    async with serving.connection() as conn:
        cursor = await conn.execute(statement, parameters)  # type: ignore[arg-type]
        return await cursor.fetchall() if cursor.description else []
