"""Jobs that misbehave, on a whole running site: each ends with a clear error, leaves nothing, and the next one runs."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.live_site import LiveSite
from tests.processes import descendants
from tests.waiting import eventually
from tests.worker.site_kit import Caller, files_of_jobs, processes_with, timed, workspace_of

LONELY = "71.31"  # seconds no other sleep has
LEAVE_A_FILE = "open('left-by-a-bad-job', 'w').close()\n"


@pytest.fixture(scope="module")
def api(live_site: LiveSite) -> Iterator[Caller]:
    with workspace_of(live_site, "badjobs") as caller:
        assert caller.is_healthy()
        yield caller


@pytest.fixture(autouse=True)
def nothing_is_left(api: Caller) -> Iterator[None]:
    """After every test: the next job runs, no process and no file of the bad one is there."""
    before = len(descendants(api.site.running.pid))
    yield
    assert api.is_healthy()
    eventually(lambda: not processes_with(LONELY))
    eventually(lambda: not files_of_jobs(api.site))
    # prepared children and database connections come and go; what a bomb leaves is more
    eventually(lambda: len(descendants(api.site.running.pid)) < before + 20)


def error_of(job: dict[str, Any]) -> dict[str, Any]:
    """The error of a job that failed: an object with a name and a message."""
    assert job["success"] is False, job["result"]
    error = job["result"]["error"]
    assert error["name"], error
    return error


PYTHON_ENDS = {
    "a syntax error": ("# one\n\ndef main(:\n    pass\n", "SyntaxError"),
    "no main": ("x = 1", "main"),
    "an argument of another type": ("def main(n: int = 1): return n + 1", ""),
    "os._exit(0)": ("import os\ndef main(): os._exit(0)", "without a result"),
    "os._exit(3)": ("import os\ndef main(): os._exit(3)", "3"),
    "sys.exit(3)": ("import sys\ndef main(): sys.exit(3)", "3"),
    "sys.exit with words": ("import sys\ndef main(): sys.exit('no way')", "no way"),
    "killed by itself": ("import os\ndef main(): os.kill(os.getpid(), 9)", "SIGKILL"),
    "replaced by another program": ("import os\ndef main(): os.execv('/bin/true', ['true'])", "without a result"),
    "40 GB at once": ("def main(): return len(bytearray(40 * 1024**3))", "Memory"),
    "40 GB little by little": ("def main():\n    a = []\n    while True: a.append(bytearray(2**26))", "out of memory"),
    "a full disk": ("def main():\n    f = open('f', 'wb')\n    while True: f.write(b'x' * 2**20)", "No space left"),
    "a result above the cap": ("def main(): return 'x' * 20_000_000", "more than the limit"),
    "an endless recursion": ("def f(): f()\ndef main(): f()", "recursion"),
    "a result of a million levels": ("def main():\n    a = []\n    for _ in range(10**6): a = [a]\n    return a", ""),
    "a result that holds itself": ("def main():\n    a = []\n    a.append(a)\n    return a", ""),
    "a huge message": ("def main(): raise ValueError('x' * 20_000_000)", "ValueError"),
    "an error that cannot be shown": (
        "class E(Exception):\n    def __str__(self): raise SystemExit(9)\ndef main(): raise E()", ""),
    "KeyboardInterrupt": ("def main(): raise KeyboardInterrupt", "KeyboardInterrupt"),
    "a lone surrogate printed": ("def main(): print('\\ud800')", "surrogates not allowed"),
}  # fmt: skip


@pytest.mark.parametrize("name", PYTHON_ENDS)
def test_a_python_job_that_cannot_succeed_says_why(api: Caller, name: str) -> None:  # R1, R4, X19, X23
    code, said = PYTHON_ENDS[name]
    args = {"n": {"no": "number"}} if "another type" in name else {}
    code = code if "syntax" in name else code.replace("def main(", LEAVE_A_FILE + "def main(", 1)
    error = error_of(api.ran(code, args=args, timeout=20))
    assert said in json.dumps(error)[:100_000]
    assert "syntax" not in name or "line 3" in json.dumps(error)


BASH_ENDS = {
    "exit 7": ("exit 7", '"exit_code": 7'),
    "a failing line": ("false; echo never", '"exit_code": 1'),
    "an unknown command": ("no_such_command_at_all", "127"),
    "kill -9": ("kill -9 $$", "SIGKILL"),
    "a crash": ("kill -SEGV $$", "SIGSEGV"),
    "result.json as a FIFO": ("mkfifo result.json; echo x", "not a regular file"),
    "result.json as a link": ("ln -s /etc/passwd result.json; echo x", "not a regular file"),
    "result.json as a directory": ("mkdir result.json; echo x", "not a regular file"),
    "result.json as a second name": ("echo 1 > a; ln a result.json; echo x", "not a regular file"),
    "result.json is garbage": ("head -c 1000 /dev/urandom > result.json", "JSON"),
    "result.json is cut": ("echo '{\"a\":' > result.json", "not valid JSON"),
    "result.json with 5,000 digits": ("printf '9%.0s' $(seq 5000) > result.json", "1000 characters"),
    "result.json with 1e5000": ("echo 1e5000 > result.json", "exponent"),
    "result.json with 1e309": ("echo 1e309 > result.json", "double"),
    "result.json with 100,000 levels": ("head -c 100000 /dev/zero | tr '\\0' '[' > result.json", "500 levels"),
    # took the worker hours: a pattern for strings began anew at every quote
    "result.json with an open string": (
        "(printf '\"'; yes '\\\"' | tr -d '\\n' | head -c 4000000; head -c 600 /dev/zero | tr '\\0' '[') > result.json",
        "JSON",
    ),
    "a last line above the cap": ("head -c 20000000 /dev/zero | tr '\\0' a", "more than the limit"),
}


@pytest.mark.parametrize("name", BASH_ENDS)
def test_a_bash_job_that_cannot_succeed_says_why(api: Caller, name: str) -> None:  # R6, X27
    code, said = BASH_ENDS[name]
    error = error_of(api.ran(f"touch left-by-a-bad-job\n{code}", language="bash", timeout=20))
    assert said in json.dumps(error)


GOOD_ENDS = {
    "what JSON has no words for": ("def main(): return [float('nan'), float('inf'), 1]", [None, None, 1]),
    "NUL and lone surrogates": ("def main(): return {'a\\x00': ['b\\x00', '\\ud800']}", {"a": ["b", "\ufffd"]}),
    "closed stdout and stderr": ("import os\ndef main():\n    os.close(1); os.close(2)\n    return 5", 5),
    "closed streams": ("import sys\ndef main():\n    sys.stdout.close(); sys.stderr.close()\n    return 6", 6),
    "sys.exit(0)": ("import sys\ndef main(): sys.exit(0)", None),
    "reading stdin": ("import sys\ndef main(): return sys.stdin.read()", ""),
    "a child that outlives it": (
        f"import subprocess\ndef main():\n    subprocess.Popen(['sleep', '{LONELY}'])\n    return 1", 1),
    "a child that holds its output": (
        f"import subprocess\ndef main():\n    subprocess.Popen(['sleep', '{LONELY}'], stdout=1)\n    return 2", 2),
    "a daemon that left its group": (
        "import os\ndef main():\n    if os.fork() == 0:\n        os.setsid()\n        if os.fork() == 0:\n"
        f"            os.execvp('sleep', ['sleep', '{LONELY}'])\n        os._exit(0)\n    return 3", 3),
    "a child deaf to SIGTERM": (
        "import subprocess\ndef main():\n"
        f"    subprocess.Popen(['sh', '-c', 'trap \"\" TERM HUP INT; sleep {LONELY}'])\n    return 4", 4),
    "a thread that goes on": (
        "from threading import Thread\nfrom time import sleep\ndef main():\n"
        f"    Thread(target=sleep, args=({LONELY},), daemon=True).start()\n    return 7", 7),
    "the largest integer of others": ("def main(): return 2**63", 2**63),
    "order and spelling": ("def main(): return {'b': 1.0, 'a': 'é\\u2028\\u202e'}", {"b": 1.0, "a": "é\u2028\u202e"}),
}  # fmt: skip


@pytest.mark.parametrize("name", GOOD_ENDS)
def test_odd_jobs_that_succeed(api: Caller, name: str) -> None:  # R2, J12, X21, X25, X26
    code, result = GOOD_ENDS[name]
    took: list[float] = []
    with timed(took):
        job = api.ran(code.replace("def main(", LEAVE_A_FILE + "def main(", 1), timeout=20)
    assert job["success"] is True, job["result"]
    assert job["result"] == result
    assert took[0] < 10  # ends when its main process ends, and waits two seconds at most for its output


def test_bash_children_go_with_the_job(api: Caller) -> None:  # J12, X25
    code = f"sleep {LONELY} &\n(setsid nohup sleep {LONELY} >/dev/null 2>&1 &)\necho '{{\"a\":1}}'"
    assert api.ran(code, language="bash", timeout=20)["result"] == '{"a":1}'


@pytest.mark.parametrize(
    ("language", "code"),
    [
        ("python3", "import os\ndef main():\n    while True:\n        try: os.fork()\n        except OSError: pass"),
        ("bash", "bomb() { bomb | bomb & }; bomb; sleep 60"),
    ],
)
def test_a_fork_bomb_is_the_jobs_own_trouble(api: Caller, language: str, code: str) -> None:  # X22
    job_id = api.run(code, language=language, timeout=3)
    took: list[float] = []
    while api.get(f"jobs_u/completed/get_result_maybe/{job_id}").json()["completed"] is False:
        with timed(took):
            assert api.is_healthy()
    print(f"another job beside the bomb: {len(took)} times, at most {max(took):.2f} s")
    error = error_of(api.ended(job_id))
    assert "timeout" in error["message"] or "processes" in error["message"]


DEAF = "import signal, time\ndef main():\n    for n in (1, 2, 15): signal.signal(n, signal.SIG_IGN)\n"
DEAF += f"    {LEAVE_A_FILE}    print('deaf', flush=True)\n    while True: time.sleep(1)\n"


def test_a_timeout_ends_a_job_that_ignores_signals(api: Caller) -> None:  # J15, X24
    took: list[float] = []
    with timed(took):
        error = error_of(api.ran(DEAF, timeout=1))
    assert "exceeding its limit of 1 s" in error["message"]
    assert took[0] < 8


def test_a_cancel_ends_a_job_that_ignores_signals(api: Caller) -> None:  # X24
    job_id = api.run(DEAF)
    api.started(job_id, "deaf")
    assert api.post(f"jobs_u/queue/cancel/{job_id}", {"reason": "enough \x00\u202e<b>"}).status_code == 200
    job = api.ended(job_id, within_s=10)
    assert (job["canceled"], job["success"]) == (True, False)
    assert "enough" in json.dumps(job["result"])


def test_endless_output_is_bounded_and_told(api: Caller) -> None:  # L4, X20
    job_id = api.run("yes 'endless output'", language="bash", timeout=2)
    error = error_of(api.ended(job_id))
    assert "timeout" in error["message"]
    whole = api.get(f"jobs_u/get_logs/{job_id}").text
    assert "endless output" in whole
    assert len(whole) < 60_000_000


def test_odd_bytes_are_stored_as_text(api: Caller) -> None:  # L5, X21
    bytes_ = b"\x00nul \xed\xa0\x80 surrogate \xff\xfe \x1b[31mred\x1b[0m \xe2\x80\xa8 \xe2\x80\xae right\r\n<b>x</b>\n"
    job_id = api.run(f"import os\ndef main(): os.write(1, {bytes_!r})")
    api.ended(job_id)
    shown = api.get(f"jobs_u/get_logs/{job_id}").text
    assert "nul " in shown
    assert "\x00" not in shown
    assert "surrogate" in shown
    shown.encode()
    assert api.get(f"jobs_u/getupdate/{job_id}").json()["new_logs"] == shown


FLOOD = """import sys
def main():
    for number in range(100_000):
        print("line", number)
    return "x" * 10_000_000
"""
ONE_LINE = "import sys\ndef main():\n    for _ in range(50): sys.stdout.write('y' * 1_000_000)"
STREAM = "def main():\n    for _ in range(40): print('WM_STREAM: ' + 'z' * 1_000_000)"


def test_floods_hold_nobody_up_and_are_kept_whole(api: Caller, record_property: Any) -> None:  # X19, X20, L4, N1
    """100,000 lines with a result of 10 MB, one line of 50 MB, a result stream of 40 MB, all at once."""
    figures: dict[str, list[float]] = {"run": [], "list": [], "job": [], "update": []}
    ids = [api.run(code) for code in (FLOOD, ONE_LINE, STREAM)]
    over = threading.Event()

    def others() -> None:
        while not over.is_set():
            with timed(figures["list"]):
                assert api.get("jobs/list", params={"per_page": 50}).status_code == 200
            with timed(figures["update"]):
                assert api.get(f"jobs_u/getupdate/{ids[0]}", params={"log_offset": 10**6}).status_code == 200
            with timed(figures["run"]):
                assert api.is_healthy()

    beside = threading.Thread(target=others)
    beside.start()
    try:
        flood, line, stream = (api.ended(job_id) for job_id in ids)
        with timed(figures["job"]):
            assert api.get(f"jobs_u/get/{ids[0]}", params={"no_code": "true"}).status_code == 200
    finally:
        over.set()
        beside.join()
    for name, took in figures.items():
        print(f"beside the floods, {name}: {len(took)} times, at most {max(took):.2f} s")
        record_property(f"worst_{name}_s", round(max(took), 3))
    assert flood["result"] == "x" * 10_000_000
    assert "get_logs has them" in flood["logs"]
    whole = api.get(f"jobs_u/get_logs/{ids[0]}").text
    assert whole.splitlines()[1:] == [f"line {number}" for number in range(100_000)]
    assert api.get(f"jobs_u/completed/get_result/{ids[0]}").content == b'"' + b"x" * 10_000_000 + b'"'
    assert line["success"] is True
    assert len(stream["result"]) <= 1_000_000
    assert "the result stream ends here" in stream["logs"]


def test_special_keys_of_a_result_are_bounded(api: Caller) -> None:
    labels = ["a\x00", "b" * 300, *(f"x{number}" for number in range(100))]
    job = api.ran(f"def main(): return {{'wm_labels': {labels!r} + ['\\ud800'], 'wm_failure': 'x' * 100_000}}")
    assert job["success"] is False
    assert len(job["labels"]) == 50
    assert job["labels"][:2] == ["a", "b" * 60]


ANSWERS = {
    "a status beyond HTTP": ({"windmill_status_code": 99, "result": 1}, 500),
    "a status that is a word": ({"windmill_status_code": "200"}, 500),
    "a status of thousands of digits": ({"windmill_status_code": 10**900, "result": 1}, 500),
    "a header with a line": ({"windmill_headers": {"x-a": "b\r\nset-cookie: c=d"}, "result": 1}, 500),
    "a header with NUL": ({"windmill_headers": {"x\u0001": "b"}, "result": 1}, 500),
    "a type with a line": ({"windmill_content_type": "text/html\r\nx: y", "result": ""}, 500),
    "headers that are a list": ({"windmill_headers": [1], "result": 1}, 500),
    "a cookie": ({"windmill_headers": {"Set-Cookie": "token=x", "X-Mine": "yes"}, "result": 1}, 200),
    "a redirect away": (
        {"windmill_status_code": 302, "windmill_headers": {"Location": "//evil.example"}, "result": 1}, 302),
}  # fmt: skip


@pytest.mark.parametrize("name", ANSWERS)
def test_what_a_script_may_answer_in_our_name(api: Caller, name: str) -> None:  # SEC-H9
    result, status = ANSWERS[name]
    body = {"content": "def main(result): return result", "language": "python3", "args": {"result": result}}
    answer = api.post("jobs/run_wait_result/preview", body, follow_redirects=False)
    assert answer.status_code == status, answer.text
    assert not {"set-cookie", "location"} & set(answer.headers)
    if status == 500:
        assert answer.headers["content-type"].startswith("text/plain")
        assert "\n" not in answer.text
    else:
        assert answer.headers["content-security-policy"] == "sandbox"
        assert answer.headers["x-content-type-options"] == "nosniff"
    if "cookie" in name:
        assert answer.headers["x-mine"] == "yes"
