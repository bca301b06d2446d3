"""What a job finds in its environment."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from workers.job_env import Site, environment, is_free
from workers.queue import ClaimedJob

SITE = Site(
    "https://wm.example.com", "http://localhost:8000", "wk-1", "default", {"PATH": "/x", "TZ": "UTC", "KEY": "s"}
)
NOW = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
JOB = ClaimedJob(
    id=UUID(int=1), workspace_id="demo", kind="script", created_by="ada", permissioned_as="g/all",
    permissioned_as_email="ada@example.com", end_user_email="", item_id=None, runnable_path="f/etl/load",
    runnable_hash=-1, language="python3", entrypoint="", raw_code=None, raw_lock=None, args="{}", tag="python3",
    priority=0, rank=0, scheduled_for=NOW, timeout_s=None, cache_ttl_s=None, parent_id=None, root_id=None, step_path="",
    trigger_kind="", trigger_path="", visible_to_owner=True, is_repeatable=True, labels=[], created_at=NOW,
    lease_id=UUID(int=2), attempt=2, losses=1, started_at=NOW, token_secret=b"\1" * 32,
)  # fmt: skip


def test_every_contextual_variable_is_defined() -> None:
    env = environment(JOB, SITE)
    assert env["WM_TOKEN"] == JOB.token and env["WM_TOKEN"].startswith("wmj_")
    assert env["WM_PERMISSIONED_AS"] == "g/all" and env["WM_RUNNABLE_ID"] == "ffffffffffffffff"
    assert env["WM_SCHEDULED_FOR"] == "2030-01-02T03:04:05Z" and env["WM_ATTEMPT"] == "2"
    assert env["WM_STATE_PATH"] == env["WM_STATE_PATH_NEW"] == "f/etl/load/user"
    assert env["WM_OBJECT_PATH"] == f"f_etl_load/manual/{int(NOW.timestamp() * 1000)}_{JOB.id}"
    empty = ("WM_END_USER_EMAIL", "WM_SCHEDULE_PATH", "WM_FLOW_JOB_ID", "WM_FLOW_PATH", "WM_FLOW_STEP_ID")
    assert all(env[name] == "" for name in empty)
    assert env["WM_ROOT_JOB_ID"] == str(JOB.id)
    assert env["BASE_INTERNAL_URL"] == env["BASE_URL"] == "http://localhost:8000"


def test_nothing_else_of_the_worker_gets_in() -> None:
    env = environment(JOB, SITE)
    assert "KEY" not in env and env["TZ"] == "UTC" and env["PATH"] != "/x"


def test_a_tick_keeps_its_state_under_its_schedule() -> None:
    env = environment(replace(JOB, trigger_kind="schedule", trigger_path="f/etl/hourly"), SITE)
    assert env["WM_SCHEDULE_PATH"] == "f/etl/hourly" and env["WM_STATE_PATH"] == "f/etl/load/ada"


def test_custom_variables_come_in_but_override_nothing() -> None:
    custom = {
        "API": "1",
        "WM_TOKEN": "stolen",
        "BASE_URL": "x",
        "LD_PRELOAD": "x",
        "PATH": "/evil",
        "A=B": "x",
        "N": "\0",
    }
    env = environment(JOB, SITE, custom)
    assert env["API"] == "1" and env["WM_TOKEN"] == JOB.token and env["BASE_URL"] == SITE.internal_url
    assert not {"LD_PRELOAD", "A=B", "N"} & env.keys() and env["PATH"] != "/evil"


@pytest.mark.parametrize(
    "name", ["PYTHONPATH", "NODE_OPTIONS", "BASH_ENV", "WM_X", "1A", "", "A\n", "DYLD_INSERT_LIBRARIES"]
)
def test_names_that_load_or_mislead_are_not_free(name: str) -> None:
    assert not is_free(name)
