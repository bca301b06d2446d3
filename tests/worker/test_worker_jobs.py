"""What a job may do and what becomes of it, on one real worker."""

import json
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.waiting import eventually
from tests.worker.worker_kit import Jobs, WorkerProcess

pytestmark = pytest.mark.usefixtures("shared_worker")


def test_a_python_job_gives_its_result_and_its_log(shared_jobs: Jobs, shared_worker: WorkerProcess) -> None:
    job = shared_jobs.push("def main(x: int):\n    print('hello')\n    return {'double': x * 2}", args={"x": 21})
    ended = shared_jobs.ended(job)
    assert (ended.status, ended.value, ended.attempt) == ("success", {"double": 42}, 1)
    first, second = shared_jobs.log(job).splitlines()
    assert first.startswith(f"job={job} tag=python3 worker={ended.worker} hostname=")
    assert second == "hello"


def test_a_bash_job_gives_its_last_line(shared_jobs: Jobs) -> None:
    job = shared_jobs.push('name="$1"\necho "hello $name"', language="bash", args={"name": "Ada"})
    assert shared_jobs.ended(job).value == "hello Ada"


def test_jobs_of_a_root_worker_have_a_host_user_of_that_worker_alone(
    shared_jobs: Jobs, shared_worker: WorkerProcess
) -> None:
    seen = shared_jobs.ended(shared_jobs.push("import os\ndef main(): return [os.getuid(), os.getgid()]")).value
    if os.geteuid() == 0:
        assert seen == [2_000_000_000 + shared_worker.pid] * 2
    else:
        assert seen == [os.getuid(), os.getgid()]


def test_noop_and_identity_need_no_process(shared_jobs: Jobs) -> None:
    noop = shared_jobs.push_noop()
    identity = shared_jobs.push(kind="identity", tag="noop", language="", args={"previous_result": [1, 2.50]})
    assert shared_jobs.ended(noop).value is None
    assert shared_jobs.ended(identity).value == [1, 2.5]


def test_arguments_that_were_not_hinted_wait_for_the_poll_only(shared_jobs: Jobs) -> None:  # J16
    from workers import queue
    from workers.queue import NewJob

    job = NewJob("demo", "noop", "noop", "ada", "u/ada", "ada@example.com")
    with shared_jobs.connect() as conn:
        conn.execute(queue.PUSH, job.parameters())
    assert shared_jobs.ended(job.id, within_s=1).status == "success"


def test_a_planned_job_starts_when_it_is_due(shared_jobs: Jobs) -> None:
    due = datetime.now(UTC) + timedelta(seconds=0.6)
    job = shared_jobs.push_noop(scheduled_for=due)
    shared_jobs.ended(job, within_s=3)
    ((started,),) = shared_jobs.sql("SELECT started_at FROM job_completed WHERE id = %s", job)
    assert due <= started <= due + timedelta(seconds=1.2)


def test_priority_goes_first(shared_jobs: Jobs) -> None:  # J17
    blocker = "import time\ndef main(): time.sleep(0.8)"
    blockers = [shared_jobs.push(blocker) for _ in range(3)]
    eventually(lambda: all(shared_jobs.is_running(job) for job in blockers))
    late = [shared_jobs.push("def main(): return 1") for _ in range(4)]
    urgent = shared_jobs.push("def main(): return 2", priority=5)
    for job in (*late, urgent):
        shared_jobs.ended(job)
    order = shared_jobs.sql("SELECT id FROM job_completed WHERE id = ANY(%s) ORDER BY started_at, id", [*late, urgent])
    assert order[0] == (urgent,)


def test_a_timeout_ends_the_job_and_says_so(shared_jobs: Jobs) -> None:  # J15
    job = shared_jobs.push("import time\ndef main(): time.sleep(60)", timeout_s=1)
    ended = shared_jobs.ended(job, within_s=5)
    assert ended.status == "failure" and "timeout" in ended.error["message"] and "1 s" in ended.error["message"]
    assert 900 <= ended.duration_ms <= 3000


def test_a_canceled_job_is_gone_in_three_seconds(shared_jobs: Jobs) -> None:
    stubborn = (
        "import signal, time\ndef main():\n    signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "    print('up', flush=True)\n    time.sleep(60)"
    )
    job = shared_jobs.push(stubborn)
    shared_jobs.printed(job, "up")
    asked_at = time.monotonic()
    shared_jobs.cancel(job, reason="enough")
    ended = shared_jobs.ended(job, within_s=5)
    assert time.monotonic() - asked_at < 3
    assert ended.status == "canceled"
    assert ended.error["message"] == "Job canceled: enough by ada" and ended.error["canceler"] == "ada"


def test_a_forced_cancel_ends_the_row_at_once_and_the_process_soon(shared_jobs: Jobs) -> None:  # J12
    mark = f"sleep 61.{time.time_ns() % 100000}"
    job = shared_jobs.push(f"echo up\n{mark}", language="bash")
    shared_jobs.printed(job, "up")
    eventually(lambda: _processes(mark))
    shared_jobs.cancel(job, force=True)
    assert shared_jobs.ended(job, within_s=1).status == "canceled"
    eventually(lambda: not _processes(mark), within_s=3)


def test_a_printed_line_is_stored_while_the_job_runs(shared_jobs: Jobs) -> None:  # L1
    code = (
        "import time\ndef main():\n    time.sleep(0.2)\n    t = time.time()\n    print('now', flush=True)\n"
        "    time.sleep(1)\n    return t"
    )
    job = shared_jobs.push(code)
    shared_jobs.printed(job, "now")
    assert shared_jobs.is_running(job)
    printed_at = shared_jobs.ended(job).value
    ((stored_at,),) = shared_jobs.sql(
        "SELECT min(created_at) FROM job_log WHERE job_id = %s AND text LIKE '%%now%%'", job
    )
    assert stored_at.timestamp() - printed_at < 0.15


def test_output_that_is_not_text_becomes_text(shared_jobs: Jobs) -> None:  # L5, R2
    code = (
        "import os, time\ndef main():\n    os.write(1, b'a\\xffb\\x00c ')\n    os.write(1, 'é'.encode()[:1])\n"
        "    time.sleep(0.3)\n    os.write(1, 'é'.encode()[1:] + b' end\\n')"
    )
    job = shared_jobs.push(code)
    shared_jobs.ended(job)
    assert shared_jobs.log(job).endswith("a\ufffdbc é end\n")


def test_the_token_of_the_job_is_masked(shared_jobs: Jobs) -> None:
    code = (
        "import os, sys, time\ndef main():\n    t = os.environ['WM_TOKEN']\n    print('all', t)\n"
        "    sys.stdout.write(t[:40]); sys.stdout.flush(); time.sleep(0.3); print(t[40:])\n    return len(t)"
    )
    job = shared_jobs.push(code)
    assert shared_jobs.ended(job).value == 100
    log = shared_jobs.log(job)
    assert "wmj_" not in log and log.endswith("all ********\n********\n")


def test_stream_lines_become_the_result_not_the_log(shared_jobs: Jobs) -> None:
    code = "def main():\n    print('WM_STREAM: one\\\\ntwo')\n    print('shown')\n    print('WM_STREAM:  three')"
    job = shared_jobs.push(code)
    assert shared_jobs.ended(job).value == "one\ntwo three"
    assert shared_jobs.log(job).splitlines()[1:] == ["shown"]


def test_special_keys_of_a_result(shared_jobs: Jobs) -> None:
    labeled = shared_jobs.push("def main(): return {'wm_labels': ['a', 'b', 'a', 3], 'x': float('nan')}")
    failed = shared_jobs.push("def main(): return {'wm_failure': 'no luck', 'x': 1}")
    ended = shared_jobs.ended(labeled)
    assert (ended.value["x"], ended.labels) == (None, ["a", "b"])
    error = shared_jobs.ended(failed).error
    assert (error["name"], error["message"], error["x"]) == ("ManualFailure", "no luck", 1)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("def main(): raise ValueError('bad luck')", "bad luck"),
        ("import os\ndef main(): os._exit(0)", "without a result"),
        ("import sys\ndef main(): sys.exit(3)", "3"),
        ("def main(:", "main"),
        ("import os, signal\ndef main(): os.kill(os.getpid(), signal.SIGKILL)", "signal 9"),
        ("def other(): pass", "main"),
        ("def main(): return 10 ** 2000", "1000"),
    ],
)
def test_every_bad_end_is_a_failure_with_a_reason(shared_jobs: Jobs, code: str, said: str) -> None:  # R1
    ended = shared_jobs.ended(shared_jobs.push(code))
    assert ended.status == "failure"
    assert said in json.dumps(ended.error), ended


def test_an_unknown_kind_fails_with_what_to_do(shared_jobs: Jobs) -> None:
    job = shared_jobs.push(kind="telepathy", tag="noop", language="")
    assert "telepathy" in shared_jobs.ended(job).error["message"]


def test_a_job_sees_its_variables_and_nothing_of_the_worker(shared_jobs: Jobs) -> None:
    code = "import os\ndef main(): return dict(os.environ)"
    job = shared_jobs.push(code, runnable_path="f/etl/load")
    env = shared_jobs.ended(job).value
    assert env["WM_JOB_ID"] == str(job) and env["WM_JOB_PATH"] == "f/etl/load" and env["WM_ATTEMPT"] == "1"
    assert env["WM_STATE_PATH"] == "f/etl/load/user" and env["WM_FLOW_JOB_ID"] == ""
    assert not {"DATABASE_URL", "SECRET_KEY", "DATA_DIR"} & env.keys()


def test_a_large_result_passes_and_one_too_large_fails(shared_jobs: Jobs) -> None:  # R4
    fits = shared_jobs.push("def main(): return 'x' * 10_000_000")
    assert len(shared_jobs.ended(fits, within_s=15).value) == 10_000_000
    ended = shared_jobs.ended(shared_jobs.push("def main(): return 'x' * 17_000_000"), within_s=15)
    assert ended.status == "failure" and "16000000" in ended.error["message"].replace(",", "")


def test_a_hundred_thousand_lines_are_kept_whole(shared_jobs: Jobs) -> None:  # L2, L4
    job = shared_jobs.push("def main():\n    for n in range(100_000): print('line', n)")
    shared_jobs.ended(job, within_s=20)
    text = _whole_log(shared_jobs, job)
    lines = text.splitlines()
    assert len(lines) == 100_001 and lines[-1] == "line 99999" and lines[1] == "line 0"


def _whole_log(jobs: Jobs, job: object) -> str:
    import gzip

    rows = jobs.sql("SELECT seq, start, text, NULL::bytea FROM job_log WHERE job_id = %s", job)
    rows += jobs.sql("SELECT seq, start, NULL::text, content FROM job_log_blob WHERE job_id = %s", job)
    text = ""
    for number, (seq, start, plain, packed) in enumerate(sorted(rows, key=lambda row: row[0])):
        assert (seq, start) == (number, len(text))
        text += plain if packed is None else gzip.decompress(packed).decode()
    return text


def _processes(text: str) -> list[int]:
    found = []
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            try:
                command = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            except OSError:
                continue
            if command == text:
                found.append(int(path.name))
    return found
