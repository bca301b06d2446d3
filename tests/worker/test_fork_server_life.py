"""How jobs end: by themselves, by limits, by cancel, with their server, with their worker. Nothing is left."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.worker.runtime_kit import LEVELS, finish, make_spec, open_runtime, processes_matching, run, soon
from workers.runtimes.local import LocalRuntime
from workers.sandbox import Level

ROOT = Path(__file__).parents[2]
MIB = 1024 * 1024


@pytest.fixture(params=LEVELS)
async def runtime(request: pytest.FixtureRequest) -> AsyncIterator[LocalRuntime]:
    async with open_runtime(request.param, slots=2) as opened:
        yield opened


@pytest.fixture
async def namespaces() -> AsyncIterator[LocalRuntime]:
    async with open_runtime(Level.NAMESPACES, slots=2) as opened:
        yield opened


async def test_nothing_of_a_job_is_seen_by_the_next(runtime: LocalRuntime) -> None:
    vandal = """
import builtins, json, os, random, sys, tempfile, threading, time
def main():
    json.dumps = lambda *_: "patched"
    builtins.open = None
    os.environ["LEFT"] = "behind"
    sys.path.insert(0, "/left")
    sys.modules["left"] = sys
    threading.Thread(target=time.sleep, args=(30,), daemon=True).start()
    with os.fdopen(os.open("left.txt", os.O_CREAT | os.O_WRONLY), "w") as file:
        file.write("x")
    os.umask(0)
    sys.setrecursionlimit(50_000)
    return random.random()
"""
    heir = """
import json, os, random, sys, threading
def main():
    return [json.dumps(1), callable(open), os.environ.get("LEFT"), "/left" in sys.path, "left" in sys.modules,
            threading.active_count(), os.path.exists("left.txt"), sys.getrecursionlimit() < 5000, random.random()]
"""
    numbers = {(await run(runtime, vandal)).result for _ in range(3)}
    *state, number = (await run(runtime, heir)).result
    assert state == ["1", True, None, False, False, 1, False, True]
    assert len(numbers | {number}) == 4


async def test_timeout_kills_who_ignores_signals(runtime: LocalRuntime) -> None:  # J15, X24
    code = "import signal, time\ndef main():\n    signal.signal(15, signal.SIG_IGN)\n    while True: pass"
    ran = await run(runtime, code, timeout_s=0.5)
    assert ran.outcome.timed_out
    assert "timeout after exceeding its limit of 0.5 s" in ran.error["message"]
    assert 500 <= ran.outcome.duration_ms < 2500


async def test_cancel_takes_every_process(runtime: LocalRuntime) -> None:  # J12
    mark = f"97{uuid.uuid4().int % 10**9}"
    code = (
        f"sleep {mark} &\nsetsid sleep {mark} &\n(setsid nohup sleep {mark} >/dev/null 2>&1 &)\necho up\nsleep {mark}"
    )
    job = await runtime.start(make_spec(code, language="bash"))
    await soon(lambda: len(processes_matching(f"sleep\0{mark}")) == 4)
    finished = asyncio.create_task(finish(job))
    await job.terminate("cancelled by test", grace_s=0.5)
    ran = await finished
    assert ran.outcome.canceled
    assert ran.error == {"name": "Canceled", "message": "job process terminated due to cancelled by test"} | (
        {"exit_code": ran.outcome.exit_code} if ran.outcome.exit_code is not None else {}
    )
    await soon(lambda: not processes_matching(f"sleep\0{mark}"), within_s=2)


async def test_cancel_lets_a_trap_run(namespaces: LocalRuntime) -> None:
    code = "trap 'echo bye; exit 0' TERM\necho up\nwhile true; do sleep 0.01; done"
    job = await namespaces.start(make_spec(code, language="bash"))
    seen = bytearray()

    async def read() -> None:
        async for chunk in job.output():
            seen.extend(chunk)

    reader = asyncio.create_task(read())
    await soon(lambda: b"up" in seen)
    await job.terminate("test", grace_s=5)
    outcome = await job.wait()
    await reader
    assert seen.endswith(b"bye\n")
    assert outcome.canceled and outcome.status == "failure"


async def test_children_that_outlive_the_job_are_ended(runtime: LocalRuntime) -> None:  # J12, X25
    mark = f"98{uuid.uuid4().int % 10**9}"
    code = f"""
import subprocess
def main():
    subprocess.Popen(["sleep", "{mark}"])
    subprocess.Popen(["setsid", "sleep", "{mark}"], start_new_session=True)
    return "done"
"""
    started = time.monotonic()
    assert (await run(runtime, code)).result == "done"
    ran = await run(runtime, f"sleep {mark} & setsid sleep {mark} & echo end", language="bash")
    assert ran.result == "end"
    assert time.monotonic() - started < 5
    await soon(lambda: not processes_matching(f"sleep\0{mark}"), within_s=2.5)


async def test_output_is_in_order_and_in_small_chunks(namespaces: LocalRuntime) -> None:
    code = (
        "import sys\ndef main():\n    for i in range(20_000):\n        print(i, file=(sys.stdout, sys.stderr)[i % 2])"
    )
    job = await namespaces.start(make_spec(code))
    chunks = [chunk async for chunk in job.output()]
    assert b"".join(chunks) == b"".join(b"%d\n" % i for i in range(20_000))
    assert max(map(len, chunks)) <= 64 * 1024
    assert (await job.wait()).status == "success"


async def test_endless_output_waits_for_its_reader(namespaces: LocalRuntime) -> None:  # L4, X20
    job = await namespaces.start(make_spec("yes", language="bash", timeout_s=None))
    read = 0
    async for chunk in job.output():
        read += len(chunk)
        if read > 20 * MIB:
            break
    await job.terminate("enough", grace_s=0)
    assert (await job.wait()).canceled


async def test_fork_bomb_stops_at_the_limit_and_others_go_on(runtime: LocalRuntime) -> None:  # X22
    bomb = "import os, time\ndef main():\n    while True:\n        os.fork()"
    spec = make_spec(bomb, max_processes=30, timeout_s=1.5)
    job = await runtime.start(spec)
    bombing = asyncio.create_task(finish(job))
    for _ in range(5):
        assert (await run(runtime, "import subprocess\ndef main():\n    return subprocess.call(['true'])")).result == 0
    ran = await bombing
    assert ran.outcome.status == "failure"
    assert (await run(runtime, "def main():\n    return 1")).result == 1


async def test_too_much_memory_is_out_of_memory(runtime: LocalRuntime) -> None:  # W3, X23
    code = "def main():\n    hoard = []\n    while True:\n        hoard.append(bytes([1]) * 10_000_000)"
    ran = await run(runtime, code, memory_bytes=200 * MIB)
    assert ran.outcome.oom, ran
    assert ran.error["name"] == "OutOfMemory"
    assert "limit of 200 MiB" in ran.error["message"]
    assert ran.outcome.mem_peak_kb > 100 * 1024
    assert (await run(runtime, "def main():\n    return 1")).result == 1


async def test_forty_gigabytes_at_once(runtime: LocalRuntime) -> None:
    code = "def main():\n    x = bytearray(40 << 30)\n    for i in range(0, len(x), 4096):\n        x[i] = 1"
    ran = await run(runtime, code, memory_bytes=300 * MIB)
    assert ran.outcome.oom or ran.error["name"] == "MemoryError"


async def test_full_tmp_is_the_jobs_own_trouble(namespaces: LocalRuntime) -> None:
    code = "def main():\n    with open('big', 'wb') as file:\n        while True:\n            file.write(bytes(10**6))"
    ran = await run(namespaces, code)
    assert ran.error["name"] == "OSError"
    assert "No space left" in ran.error["message"]


async def test_job_ends_with_its_server_and_the_next_gets_another(namespaces: LocalRuntime) -> None:
    job = await namespaces.start(make_spec("import time\ndef main():\n    time.sleep(60)"))
    pid = await soon(lambda: job.host_pid)
    os.kill(_parent_of(pid), signal.SIGKILL)
    ran = await finish(job)
    assert ran.outcome.status == "failure"
    assert "fork server ended" in ran.error["message"]
    await soon(lambda: not Path(f"/proc/{pid}").exists())
    assert (await run(namespaces, "def main():\n    return 1")).result == 1


async def test_server_dies_with_its_jail(namespaces: LocalRuntime) -> None:
    job = await namespaces.start(make_spec("import time\ndef main():\n    time.sleep(60)"))
    pid = await soon(lambda: job.host_pid)
    os.kill(_parent_of(_parent_of(pid)), signal.SIGKILL)  # nsjail's own process
    assert (await finish(job)).outcome.status == "failure"
    await soon(lambda: not Path(f"/proc/{pid}").exists())
    assert (await run(namespaces, "def main():\n    return 1")).result == 1


def _parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


_WORKER = """
import asyncio, sys
from pathlib import Path
from workers.runtimes.base import JobSpec
from workers.runtimes.local import LocalRuntime
from workers.sandbox import Jail, Level

async def main(level, root, mark):
    runtime = LocalRuntime(Jail(level=Level(level), jobs_root=Path(root)), slots=2)
    code = f"sleep {mark} & setsid sleep {mark} & (setsid sleep {mark} &) ; sleep {mark}"
    job = await runtime.start(JobSpec(job_id="", workspace_id="", language="bash", code=code))
    async for _ in job.output():
        pass

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.parametrize("level", LEVELS)
async def test_killed_worker_leaves_no_process(level: Level) -> None:  # W2, X1
    mark = f"99{uuid.uuid4().int % 10**9}"
    with tempfile.TemporaryDirectory() as root:
        os.chmod(root, 0o711)  # noqa: PTH101, S103
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        worker = subprocess.Popen([sys.executable, "-c", _WORKER, level, root, mark], env=env)  # noqa: ASYNC220
        try:
            await soon(lambda: len(processes_matching(f"sleep\0{mark}")) == 4, within_s=10)
            servers = processes_matching("from wmjail.server import main")
        finally:
            worker.kill()
            worker.wait()
        await soon(lambda: not processes_matching(f"sleep\0{mark}"), within_s=3)
        await soon(lambda: not _still_of(root), within_s=3)
        assert servers


def _still_of(root: str) -> list[int]:
    return processes_matching(root)


async def test_a_hundred_jobs_leave_nothing_open(runtime: LocalRuntime) -> None:  # W4
    async def settle() -> tuple[int, int]:
        await asyncio.sleep(0)
        return len(os.listdir("/proc/self/fd")), len(os.listdir(runtime.jail.directories))  # noqa: PTH208

    for _ in range(5):
        await run(runtime, "def main():\n    return 1")
    before = await _steady(settle)
    for number in range(100):
        ran = await run(runtime, "def main(n):\n    print(n)\n    return 'x' * n * 1000", args=b'{"n": %d}' % number)
        assert len(ran.result) == number * 1000
    assert await _steady(settle) <= before
    if runtime.jail.level is not Level.OFF:
        assert before[1] == 0


async def test_no_cgroup_is_left() -> None:
    async with open_runtime(Level.FULL, slots=2) as runtime:
        for _ in range(5):
            await run(runtime, "def main():\n    return 1")
        assert runtime.pool.limits_kind == "watchdog" or _own_cgroups()
        await run(runtime, "sleep 100", language="bash", timeout_s=0.1)
    await soon(lambda: not _own_cgroups())


def _own_cgroups() -> list[Path]:
    return [path for path in Path("/sys/fs/cgroup").rglob(f"windmill-{os.getpid()}-*") if path.is_dir()]


async def _steady(look) -> tuple[int, int]:  # type: ignore[no-untyped-def]
    """The value once it has stayed the same for a while."""
    seen, since = await look(), time.monotonic()
    while time.monotonic() - since < 0.3:
        await asyncio.to_thread(os.sched_yield)
        now = await look()
        if now != seen:
            seen, since = now, time.monotonic()
    return seen


async def test_kept_directory_stays(runtime: LocalRuntime) -> None:
    code = "def main():\n    open('note.txt', 'w').write('kept')\n    return 1"
    ran = await run(runtime, code, keep_dir=True, module_path="f/a/b")
    directory = ran.outcome.directory
    assert directory is not None
    assert (directory / "note.txt").read_text() == "kept"
    assert (directory / "f/a/b.py").read_text() == code


async def test_messy_directories_are_removed(runtime: LocalRuntime) -> None:  # X28
    code = """
import os
def main():
    for i in range(2000):
        open(f"file{i}", "w").close()
    path = "."
    for i in range(60):
        path = os.path.join(path, "d" * 40)
        os.mkdir(path)
    os.symlink("/usr", "link")
    os.mkdir("closed"); os.mkdir("closed/inner"); os.chmod("closed", 0)
"""
    assert (await run(runtime, code)).result is None
    await soon(lambda: not [path for path in runtime.jail.directories.iterdir() if (path / "file0").exists()])


async def test_big_arguments_and_code(namespaces: LocalRuntime) -> None:
    args = json.dumps({"text": "z" * (7 * MIB)}).encode()
    code = "#" + "c" * MIB + "\ndef main(text):\n    return len(text)"
    assert (await run(namespaces, code, args=args)).result == 7 * MIB


async def test_servers_are_kept_apart_and_bounded() -> None:
    async with open_runtime(Level.NAMESPACES, max_servers=2) as runtime:
        busy = await runtime.start(make_spec("import time\ndef main():\n    time.sleep(60)", workspace_id="w0"))
        for number in range(1, 4):
            await run(runtime, "def main():\n    return 1", workspace_id=f"w{number}")
        assert len(runtime.pool.keys) == 2
        assert {key.workspace_id for key in runtime.pool.keys} == {"w0", "w3"}
        await busy.terminate("test", grace_s=0)
        assert (await busy.wait()).canceled


async def test_a_spare_server_serves_the_first_workspace_that_asks() -> None:
    async with open_runtime(Level.NAMESPACES) as runtime:
        await runtime.prewarm(make_spec("", workspace_id=""))
        await run(runtime, "def main():\n    return 1", workspace_id="w1")
        assert [key.workspace_id for key in runtime.pool.keys] == ["w1"]
        await soon(lambda: [key.workspace_id for key in runtime.pool.keys] == ["w1", ""])


async def test_many_at_once(namespaces: LocalRuntime) -> None:
    code = "def main(n):\n    return n"
    ran = await asyncio.gather(*(run(namespaces, code, args=b'{"n": %d}' % n) for n in range(20)))
    assert [one.result for one in ran] == list(range(20))


async def test_closing_the_runtime_ends_running_jobs() -> None:
    async with open_runtime(Level.NAMESPACES) as runtime:
        job = await runtime.start(make_spec("import time\ndef main():\n    time.sleep(60)"))
        waiting = asyncio.create_task(job.wait())
        await asyncio.sleep(0)
    assert (await asyncio.wait_for(waiting, 3)).status == "failure"
