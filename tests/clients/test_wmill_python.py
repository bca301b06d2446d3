"""The public Python client, unmodified, against a running site; and the same client inside of jobs."""

import time

import pytest

from tests.waiting import eventually

ADD = "def main(a: int, b: int = 2):\n    print(f'{a} and {b}')\n    return {'sum': a + b}\n"
SLOW = "import time\n\ndef main(s: float = 30):\n    print('begun', flush=True)\n    time.sleep(s)\n"


def test_run_by_path_answers_the_result(place, client):
    place.deploy("f/lab/add", ADD)
    assert client.run_script_by_path("f/lab/add", {"a": 40}) == {"sum": 42}
    assert client.run_script_by_path("f/lab/add", {"a": 1, "b": 1}, timeout=60) == {"sum": 2}


def test_run_by_hash_runs_that_version(place, client):
    first = place.deploy("f/lab/add", ADD)
    place.deploy("f/lab/add", ADD.replace("a + b", "a - b"), parent_hash=first)
    assert client.run_script_by_hash(first, {"a": 40}) == {"sum": 42}
    assert client.run_script_by_path("f/lab/add", {"a": 40}) == {"sum": 38}


def test_a_job_is_followed_from_start_to_result(place, client):
    place.deploy("f/lab/add", ADD)
    job_id = client.run_script_by_path_async("f/lab/add", {"a": 40})
    eventually(lambda: client.get_job_status(job_id) == "COMPLETED", within_s=30)
    job = client.get_job(job_id)
    assert (job["type"], job["success"], job["result"], job["args"]) == ("CompletedJob", True, {"sum": 42}, {"a": 40})
    assert "40 and 2" in job["logs"]
    assert client.get_result(job_id) == {"sum": 42}
    assert client.get_root_job_id(job_id) == job_id


def test_a_planned_job_waits(place, client):
    place.deploy("f/lab/add", ADD)
    job_id = client.run_script_by_path_async("f/lab/add", {"a": 1}, scheduled_in_secs=3600)
    assert client.get_job_status(job_id) == "WAITING"
    assert client.get_job(job_id)["waiting"]["code"] == "planned"
    assert client.cancel_job(job_id, reason="not today") == job_id


def test_a_failing_script_raises_with_its_error(place, client):
    place.deploy("f/lab/fail", "def main():\n    raise ValueError('no such day')\n")
    with pytest.raises(Exception, match="no such day"):
        client.run_script_by_path("f/lab/fail")


def test_a_run_that_takes_too_long_is_cancelled_by_the_client(place, client):
    place.deploy("f/lab/slow", SLOW)
    with pytest.raises(TimeoutError):
        client.run_script_by_path("f/lab/slow", timeout=1, cleanup=False)
    found = place.call("GET", "jobs/list?script_path_exact=f/lab/slow").json()
    eventually(lambda: client.get_job(found[0]["id"]).get("canceled") is True, within_s=5)


def test_cancel_running_ends_the_other_runs_of_a_script(place, client, monkeypatch):
    place.deploy("f/lab/slow", SLOW)
    job_id = client.run_script_by_path_async("f/lab/slow")
    eventually(lambda: client.get_job_status(job_id) == "RUNNING", within_s=30)
    client.path = "f/lab/slow"
    began = time.monotonic()
    assert list(client.cancel_running()) == [job_id]
    eventually(lambda: client.get_job_status(job_id) == "COMPLETED", within_s=10)
    assert time.monotonic() - began < 5
    assert client.get_job(job_id)["canceled"] is True


def test_the_version_reads_as_clients_compare_it(client):
    name, _, number = client.version.partition("v")
    major, minor = number.split(".")[:2]
    assert name == "CE " and (int(major), int(minor)) >= (1, 585)


def test_variables_and_resources_are_made_and_changed(client):
    client.set_variable("f/lab/key", "first", is_secret=True)
    client.set_variable("f/lab/key", "second")
    assert client.get_variable("f/lab/key") == "second"
    client.set_resource({"host": "h", "password": "$var:f/lab/key"}, "f/lab/db", "postgresql")
    assert client.get_resource("f/lab/db") == {"host": "h", "password": "second"}
    assert client.get_resource("f/lab/db", interpolated=False)["password"] == "$var:f/lab/key"
    client.set_resource({"host": "other"}, "f/lab/db", "postgresql")
    assert client.get_resource("f/lab/db") == {"host": "other"}
    assert client.get_resource("f/lab/none", none_if_undefined=True) is None
    assert [each["path"] for each in client.list_resources(resource_type="postgresql")] == ["f/lab/db"]


def test_state_is_kept_between_calls(client):
    client.set_state({"n": 1}, path="f/lab/state")
    client.set_state({"n": 2}, path="f/lab/state")
    assert client.get_state(path="f/lab/state") == {"n": 2}


INSIDE = """
import os
import wmill

def main(path: str):
    before = wmill.get_state()
    wmill.set_state((before or 0) + 1)
    wmill.set_progress(40)
    child = wmill.run_script_by_path_async("f/lab/add", args={"a": 1})
    return {
        "state": [before, wmill.get_state()],
        "variable": wmill.get_variable("f/lab/key"),
        "resource": wmill.get_resource("f/lab/db"),
        "progress": wmill.get_progress(),
        "sum": wmill.run_script_by_path("f/lab/add", args={"a": 40})["sum"],
        "child": child,
        "whoami": os.environ["WM_USERNAME"],
        "workspace": wmill.get_workspace(),
    }
"""


def test_the_client_works_inside_of_a_job(place, client):
    client.set_variable("f/lab/key", "hush", is_secret=True)
    client.set_resource({"token": "$var:f/lab/key"}, "f/lab/db", "c_any")
    place.deploy("f/lab/add", ADD)
    place.deploy("f/lab/inside", INSIDE)
    job_id = client.run_script_by_path_async("f/lab/inside", {"path": "f/lab/add"})
    eventually(lambda: client.get_job_status(job_id) == "COMPLETED", within_s=60)
    result = client.get_result(job_id)
    assert "error" not in result, result
    assert (result["state"], result["variable"], result["resource"]) == ([None, 1], "hush", {"token": "hush"})
    assert (result["progress"], result["sum"], result["workspace"]) == (40, 42, place.workspace)
    child = client.get_job(result["child"])
    assert child["parent_job"] == job_id


def test_arguments_that_name_resources_arrive_resolved(place, client):
    client.set_resource({"host": "h"}, "f/lab/db", "c_any")
    place.deploy("f/lab/host", "def main(db: dict):\n    return db['host']\n")
    assert client.run_script_by_path("f/lab/host", {"db": "$res:f/lab/db"}) == "h"
