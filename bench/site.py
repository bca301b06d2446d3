"""A site for the benchmark: `manage.py up` with its embedded Postgres as users have it (commits reach the disk)."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
import psycopg

from tests.live_site import ROOT, SUPERADMIN_SECRET, LiveSite, free_port
from tests.waiting import eventually
from windmill_site.database import embedded_url

WORKSPACE = "bench"


@dataclass(frozen=True)
class Site:
    """`api(path)` is the address of a workspaced operation; `headers` carry a superadmin's token."""

    live: LiveSite
    headers: dict[str, str]

    @property
    def database_url(self) -> str:
        return embedded_url(self.live.data_dir)

    def api(self, path: str) -> str:
        return f"{self.live.url}/api/w/{WORKSPACE}/{path}"

    def client(self) -> httpx.Client:
        return httpx.Client(headers=self.headers, timeout=60)

    def sql(self, statement: str, parameters: object = None) -> list[tuple]:
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            cursor = connection.execute(statement, parameters)  # type: ignore[arg-type]
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def workers(self, *, processes: int, slots: int, tags: str) -> Iterator[None]:
        """Further workers for `tags` alone, stopped afterwards."""
        command = [sys.executable, str(ROOT / "manage.py"), "worker"]
        command += ["--processes", str(processes), "--slots", str(slots), "--tags", tags]
        log = (self.live.data_dir / "bench-worker.log").open("ab")
        environ = self.live.environ | {"DATABASE_URL": self.database_url}
        worker = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        try:
            alive = "SELECT 1 FROM worker WHERE tags @> ARRAY[%s]::varchar[] AND sandbox_problem = ''"
            eventually(lambda: len(self.sql(alive, (tags,))) == processes, within_s=60)
            yield
        finally:
            worker.terminate()
            worker.wait(60)
            log.close()

    def deploy(self, path: str, code: str, *, tag: str = "") -> str:
        """Deploy a Python script without requirements. Answers its hash."""
        script = {"path": path, "summary": "", "description": "", "content": code, "language": "python3", "lock": ""}
        with self.client() as client:
            answer = client.post(self.api("scripts/create"), json=script | ({"tag": tag} if tag else {}))
            answer.raise_for_status()
            return answer.text


@contextmanager
def bench_site() -> Iterator[Site]:
    """A running site with the workspace `bench`."""
    live = LiveSite(database_url="", port=free_port(), extra={"NUM_WORKERS": "2"})
    try:
        live.start()
        site = Site(live, {"Authorization": f"Bearer {SUPERADMIN_SECRET}"})
        with site.client() as client:
            made = client.post(
                f"{live.url}/api/workspaces/create", json={"id": WORKSPACE, "name": "Bench", "username": "bench"}
            )
            made.raise_for_status()
            client.post(site.api("folders/create"), json={"name": "bench"}).raise_for_status()
        eventually(lambda: site.sql("SELECT 1 FROM worker WHERE sandbox_problem = ''"), within_s=60)
        yield site
    finally:
        live.stop()
