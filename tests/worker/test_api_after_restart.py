"""The API while its Postgres is stopped at once and started again."""

import asyncio
from dataclasses import replace
from uuid import UUID

import psycopg
import pytest

from tests.db.asgi_kit import Api, serving_loop, sql
from workers import serving

SECRET = "a superadmin secret of this test"
IDENTITY = {"kind": "identity", "args": {"x": 1}}


@pytest.fixture
def api(migrated_copy, settings):
    settings.DATABASE_URL = settings.DATABASE_DIRECT_URL = migrated_copy
    settings.ENV = replace(settings.ENV, superadmin_secret=SECRET)
    with psycopg.connect(migrated_copy, autocommit=True) as conn:
        conn.execute("INSERT INTO workspaces_workspace (id, name, owner, color) VALUES ('lab', 'Lab', '', '')")
    return Api(SECRET, workspace="lab")


async def push_some(api, count):
    return [await api.post("jobs/run/preview", IDENTITY) for _ in range(count)]


async def test_answered_ids_survive_and_calls_go_on(api, own_postgres):  # J1
    async with serving_loop():
        answers = await push_some(api, 20)
        await asyncio.to_thread(own_postgres.restart_immediately)
        # Connections that were used a moment ago are found dead by their next call: told as 503, try again.
        async with asyncio.timeout(10):
            while (await push_some(api, 1))[0].status == 503:
                pass
        answers += await push_some(api, 20)
        ids = [UUID(each.text) for each in answers if each.status == 201]
        stored = await sql("SELECT count(*) FROM job JOIN job_queue USING (id) WHERE id = ANY(%s)", ids)
    assert len(ids) == 40
    assert stored == [(40,)]


async def test_health_tells_when_the_database_is_away(api, own_postgres, monkeypatch):
    monkeypatch.setattr(serving, "WAIT_S", 1.0)
    async with serving_loop():
        up = await Api().get("/api/health/status")
        await asyncio.to_thread(own_postgres.stop)
        down = await Api().get("/api/health/status")
        run = await api.post("jobs/run/preview", IDENTITY)
    assert (up.status, up.json["status"]) == (200, "degraded")
    assert (down.status, down.json["status"], down.json["database_healthy"]) == (503, "unhealthy", False)
    assert run.status == 503 and run.text.startswith("Unavailable: ")
