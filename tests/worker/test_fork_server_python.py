"""What a Python script may rely on: arguments, results, errors, streams, its own files, at every level."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.worker.runtime_kit import LEVELS, open_runtime, packages, run
from workers.runtimes.local import LocalRuntime
from workers.sandbox import Level


@pytest.fixture(params=LEVELS)
async def runtime(request: pytest.FixtureRequest) -> AsyncIterator[LocalRuntime]:
    async with open_runtime(request.param) as opened:
        yield opened


@pytest.fixture
async def namespaces() -> AsyncIterator[LocalRuntime]:
    async with open_runtime(Level.NAMESPACES, slots=2) as opened:
        yield opened


async def test_returns_what_main_returns(runtime: LocalRuntime) -> None:
    ran = await run(
        runtime, "def main(x: int, who='you'):\n    print('hi')\n    return {'x': x + 1, 'who': who}", args=b'{"x": 1}'
    )
    assert ran.result == {"x": 2, "who": "you"}
    assert ran.printed == b"hi\n"
    assert ran.outcome.mem_peak_kb > 1000
    assert ran.outcome.exit_code == 0


async def test_null_and_absent_arguments_take_the_default(namespaces: LocalRuntime) -> None:
    code = "def main(a, b=2, *, c=3, **rest):\n    return [a, b, c, rest]"
    assert (await run(namespaces, code, args=b'{"b": null, "z": 1}')).result == [None, 2, 3, {"z": 1}]


async def test_surplus_arguments_are_dropped(namespaces: LocalRuntime) -> None:
    assert (await run(namespaces, "def main(a=0):\n    return a", args=b'{"a": 5, "b": 6}')).result == 5


async def test_arguments_are_converted_by_annotation(namespaces: LocalRuntime) -> None:
    code = (
        "from __future__ import annotations\nimport datetime as dt\nfrom datetime import datetime, date\n"
        "def main(a: bytes, b: datetime, c: dt.date, d: date | None = None, e: int = '<no>'):\n"
        "    return [a.decode(), b.year, c.day, d.month, type(a).__name__, e]"
    )
    args = b'{"a": "aGk=", "b": "2026-01-02T03:04:05Z", "c": "05-01-2026", "d": "2026/03/04", "e": "<function call>"}'
    assert (await run(namespaces, code, args=args)).result == ["hi", 2026, 5, 3, "bytes", "<no>"]


async def test_error_shows_the_users_frames_only(runtime: LocalRuntime) -> None:
    code = "class Odd(Exception):\n    pass\ndef main():\n    error = Odd('no')\n    error.hint = 7\n    raise error"
    ran = await run(runtime, code, module_path="f/my-folder/2nd script")
    assert ran.error["name"] == "Odd"
    assert ran.error["message"] == "no"
    assert ran.error["extra"] == {"hint": 7}
    assert 'f/my_folder/_2nd_script.py", line 6, in main' in ran.error["stack"]
    assert "raise error" in ran.error["stack"]
    assert "wmjail" not in ran.error["stack"] and "python_job" not in ran.error["stack"]


async def test_syntax_error_names_the_line(namespaces: LocalRuntime) -> None:
    ran = await run(namespaces, "def main():\n    return (\n", module_path="f/a/b")
    assert ran.error["name"] == "SyntaxError"
    assert "line 2" in ran.error["stack"]


async def test_missing_main_is_named(namespaces: LocalRuntime) -> None:
    assert "main function is missing" in (await run(namespaces, "x = 1")).error["message"]
    other = await run(namespaces, "def main(): pass", entrypoint="preprocessor")
    assert "preprocessor function is missing" in other.error["message"]


async def test_another_entry_point(namespaces: LocalRuntime) -> None:
    assert (await run(namespaces, "def helper():\n    return 'h'", entrypoint="helper")).result == "h"


async def test_async_main_and_streams(namespaces: LocalRuntime) -> None:
    assert (
        await run(namespaces, "import asyncio\nasync def main():\n    await asyncio.sleep(0)\n    return 4")
    ).result == 4
    for code in (
        "def main():\n    yield 'a\\nb'\n    yield 'c'",
        "async def main():\n    yield 'a\\nb'\n    yield 'c'",
        "async def main():\n    return iter(['a\\nb', 'c'])",
    ):
        ran = await run(namespaces, code)
        assert ran.result is None
        assert ran.printed == b"WM_STREAM: a\\nb\nWM_STREAM: c\n"


@pytest.mark.parametrize(
    ("expression", "stored"),
    [
        ("float('nan')", b"null"),
        ("{'a': float('inf'), 'b': 'NaN Infinity'}", b'{"a": null, "b": "NaN Infinity"}'),
        ("'a\\0b'", b'"ab"'),
        (r"'\ud800x'", '"\ufffdx"'.encode()),
        (r"{'\ud800k': '\\u0000'}", '{"\ufffdk": "\\\\u0000"}'.encode()),
        ("b'hi'", b'"aGk="'),
        ("{'file': b'hi', 'n': 2**60}", b'{"file": "aGk=", "n": 1152921504606846976}'),
        ("__import__('datetime').date(2026, 1, 2)", b'"2026-01-02"'),
        ("'é'", '"é"'.encode()),
        ("(1, {2})", b'[1, "{2}"]'),
    ],
)
async def test_results_are_stored_as_json(namespaces: LocalRuntime, expression: str, stored: bytes) -> None:
    ran = await run(namespaces, f"def main():\n    return {expression}")
    assert ran.outcome.result == stored, ran


async def test_data_frames_by_their_looks(namespaces: LocalRuntime) -> None:
    code = (
        "class Values:\n    def tolist(self): return [[1, 2]]\n"
        "class DataFrame:\n    values = Values()\n    def __iter__(self): return iter('ab')\n"
        "    def iterrows(self): pass\n"
        "def main():\n    return DataFrame()"
    )
    assert (await run(namespaces, code)).result == [[1, 2]]


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("'x' * 3_000_000", "limit of 2000000 bytes"),
        ("'x' * 30_000", None),
        ("'x' * 1_900_000", None),
        ("int('9' * 1001)", "1000 characters"),
        ("10 ** 5000", "1000 characters"),
        ("__import__('functools').reduce(lambda a, _: [a], range(501), 1)", "500 levels"),
        ("__import__('functools').reduce(lambda a, _: [a], range(100_000), 1)", "500 levels"),
        ("__import__('functools').reduce(lambda a, _: [a], range(499), 1)", None),
    ],
)
async def test_results_have_limits(namespaces: LocalRuntime, expression: str, said: str | None) -> None:
    ran = await run(namespaces, f"def main():\n    return {expression}", result_cap_bytes=2_000_000)
    if said is None:
        assert ran.outcome.status == "success"
    else:
        assert ran.error["name"] == "ResultTooLarge"
        assert said in ran.error["message"]


async def test_ten_megabytes_pass(namespaces: LocalRuntime) -> None:
    ran = await run(namespaces, "def main(text):\n    return text", args=b'{"text": "%s"}' % (b"y" * 8_000_000))
    assert len(ran.outcome.result or b"") == 8_000_002


async def test_sys_exit(runtime: LocalRuntime) -> None:
    assert (await run(runtime, "import sys\ndef main():\n    sys.exit(0)")).result is None
    ran = await run(runtime, "import sys\ndef main():\n    sys.exit(3)")
    assert ran.error["name"] == "SystemExit"
    assert ran.error["exit_code"] == ran.outcome.exit_code == 3
    told = await run(runtime, "def main():\n    exit('bad input')")
    assert (told.error["message"], told.outcome.exit_code) == ("bad input", 1)


async def test_leaving_without_a_result(runtime: LocalRuntime) -> None:
    ran = await run(runtime, "import os\ndef main():\n    os._exit(0)")
    assert "process ended without a result" in ran.error["message"]
    ran = await run(runtime, "import os\ndef main():\n    print('last words')\n    os._exit(4)")
    assert ran.outcome.exit_code == ran.error["exit_code"] == 4
    assert "last words" in ran.error["message"]
    ran = await run(runtime, "import os, signal\ndef main():\n    os.kill(os.getpid(), signal.SIGSEGV)")
    assert ran.outcome.signal == 11
    assert "SIGSEGV" in ran.error["message"]


async def test_client_library_is_there_without_import() -> None:
    async with open_runtime(Level.NAMESPACES) as runtime:
        code = "def main():\n    return [wmill.__name__, wmill.get_workspace()]"
        env = {"WM_WORKSPACE": "demo", "WM_TOKEN": "t", "BASE_INTERNAL_URL": "http://127.0.0.1:1"}
        for _ in range(2):
            ran = await run(runtime, code, package_dirs=(packages(),), env=env)
            assert ran.result == ["wmill", "demo"]


async def test_programs_of_a_job_find_the_packages() -> None:
    async with open_runtime(Level.NAMESPACES) as runtime:
        code = (
            "import subprocess, sys\ndef main():\n"
            "    line = 'import httpx, json; print(json.__file__.startswith(sys.prefix))'\n"
            "    return subprocess.check_output([sys.executable, '-c', 'import sys; ' + line], text=True)"
        )
        assert (await run(runtime, code, package_dirs=(packages(),))).result == "True\n"


async def test_jobs_reach_the_platform(runtime: LocalRuntime) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.0 200 OK\r\n\r\nhello")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    code = "import urllib.request\ndef main(url):\n    return urllib.request.urlopen(url, timeout=5).read().decode()"
    args = b'{"url": "http://localhost:%d/"}' % port
    assert (await run(runtime, code, args=args)).result == "hello"
    server.close()


async def test_clients_share_a_tls_context() -> None:
    async with open_runtime(Level.NAMESPACES) as runtime:
        code = (
            "import httpx, ssl\nfrom httpx._transports.default import create_ssl_context as make\ndef main():\n"
            "    own = make(verify=False)\n"
            "    return [make() is make(), make().verify_mode == ssl.CERT_REQUIRED, own is make(),\n"
            "            own.verify_mode == ssl.CERT_NONE, len(make().get_ca_certs()) > 50]"
        )
        assert (await run(runtime, code, package_dirs=(packages(),))).result == [True, True, False, True, True]


async def test_forks_of_a_job_do_not_answer_for_it(namespaces: LocalRuntime) -> None:
    code = "import os\ndef main():\n    if os.fork():\n        os.wait()\n        return 'parent'\n    return 'child'"
    assert (await run(namespaces, code)).result == "parent"


async def test_scripts_import_their_neighbours(namespaces: LocalRuntime) -> None:
    ran = await run(
        namespaces,
        "from .tools import twice\nimport f.other.deep as deep\nimport inspect\n"
        "def main():\n    return [twice(2), deep.x, __name__, inspect.getsource(main)[:10]]",
        module_path="f/a/b",
        files={"f/a/tools.py": "def twice(n): return 2 * n", "f/other/deep.py": "x = 'd'"},
    )
    assert ran.result == [4, "d", "f.a.b", "def main()"]


async def test_closed_streams_and_bad_errors_do_not_hang(namespaces: LocalRuntime) -> None:
    assert (
        await run(namespaces, "import sys\ndef main():\n    sys.stdout.close(); sys.stderr.close()\n    return 1")
    ).result == 1
    assert (await run(namespaces, "import os\ndef main():\n    os.close(1); os.close(2)\n    return 1")).result == 1
    assert (await run(namespaces, "import sys\ndef main():\n    return sys.stdin.read()")).result == ""
    code = "class Bad(Exception):\n    def __str__(self): raise ValueError\ndef main():\n    raise Bad"
    assert (await run(namespaces, code)).error["name"] == "Bad"
    code = "def main():\n    error = ValueError('x')\n    error.me, error.huge = error, 'y' * 10**7\n    raise error"
    assert (await run(namespaces, code, result_cap_bytes=100_000)).error["message"] == "x"


async def test_forged_answers_are_judged(namespaces: LocalRuntime) -> None:
    forge = (
        "import os, sys, socket, struct\ndef main():\n"
        "    channel = socket.socket(fileno=3)\n"
        "    channel.send(b'I' + struct.pack('!cBQ', b'S', 0, 1) + {content})\n"
        "    os._exit(0)"
    )
    assert "not valid JSON" in (await run(namespaces, forge.format(content="b'{broken'"))).error["message"]
    assert (await run(namespaces, forge.format(content="b'[1e999]'"))).error["name"] == "ResultTooLarge"
    assert (await run(namespaces, forge.format(content=r"b'[NaN, \"\\u0000\"]'"))).outcome.result == b'[null, ""]'
    garbage = "import os, socket\ndef main():\n    socket.socket(fileno=3).send(b'Ix')\n    os._exit(0)"
    assert "without a result" in (await run(namespaces, garbage)).error["message"]
