"""Bash jobs: arguments, results, exit codes, at every level."""

import json
from collections.abc import AsyncIterator

import pytest

from tests.worker.runtime_kit import LEVELS, Ran, open_runtime, run
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


async def bash(runtime: LocalRuntime, code: str, **fields: object) -> Ran:
    return await run(runtime, code, language="bash", **fields)


async def test_arguments_come_by_position(runtime: LocalRuntime) -> None:
    ran = await bash(
        runtime,
        'a="$1"\nb="$2"\nc="$3"\nd="${4:-x}"\necho "$a|$b|$c|$d|$#"',
        arg_order=("a", "b", "c", "d", "e"),
        arg_defaults={"e": "E"},
        args=b'{"a": "two words", "b": {"k": [1, 2]}, "c": true, "d": null}',
    )
    assert ran.result == 'two words|{"k":[1,2]}|true|x|5'


async def test_last_line_is_the_result_and_always_text(runtime: LocalRuntime) -> None:
    assert (await bash(runtime, "echo log\necho '{\"a\": 1}  '")).result == '{"a": 1}'
    assert (await bash(runtime, "echo out; echo err >&2")).result == "err"
    assert (await bash(runtime, "printf 'no newline'")).result == "no newline"
    assert (await bash(runtime, ":")).result == ""
    assert (await bash(runtime, "echo before; exit 0; echo after")).result == "before"


async def test_result_files_win(runtime: LocalRuntime) -> None:
    assert (
        await bash(runtime, "echo '{\"a\": [1.0, 2]}' > result.json\necho line")
    ).outcome.result == b'{"a": [1.0, 2]}'
    assert (await bash(runtime, "printf 'a\\nb\\n' > result.out\necho line")).result == "a\nb\n"
    assert (await bash(runtime, ": > result.json; : > result.out\necho line")).result == "line"


async def test_failing_line_ends_the_script(runtime: LocalRuntime) -> None:
    ran = await bash(runtime, "echo begin\nfalse\necho never")
    assert ran.error["name"] == "ExecutionErr"
    assert ran.error["exit_code"] == ran.outcome.exit_code == 1
    assert ran.error["message"] == 'exit code for "bash": 1, last log lines:\nbegin'
    assert (await bash(runtime, "exit 42")).outcome.exit_code == 42


async def test_failure_may_bring_its_own_error(namespaces: LocalRuntime) -> None:
    ran = await bash(namespaces, 'echo \'{"name": "Mine", "message": "m"}\' > result.json; exit 3')
    assert ran.error == {"name": "Mine", "message": "m", "exit_code": 3}


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("echo '{oops' > result.json", "result.json is not valid JSON"),
        ("ln -s /etc/passwd result.json", "result.json is not a regular file"),
        ("mkfifo result.json", "result.json is not a regular file"),
        ("mkdir result.json", "result.json is not a regular file"),
        ("echo 1 > a; ln a result.json", "result.json is not a regular file"),
        ("head -c 3000000 /dev/zero > result.json", "limit of 1000000 bytes"),
        ("head -c 3000000 /dev/zero | tr '\\0' x", "limit of 1000000 bytes"),
        ("echo '[1e999]' > result.json", "exponent"),
    ],
)
async def test_bad_results_are_failures(namespaces: LocalRuntime, code: str, said: str) -> None:  # R6, X27
    ran = await bash(namespaces, code, result_cap_bytes=1_000_000)
    assert said in ran.error["message"], ran


async def test_odd_bytes_become_text(namespaces: LocalRuntime) -> None:
    assert (await bash(namespaces, "printf 'a\\000b\\xff\\n'")).result == "ab\ufffd"
    ran = await bash(namespaces, "printf '[\"\\\\u0000\", NaN]' > result.json")
    assert json.loads(ran.outcome.result or b"") == ["", None]


async def test_environment_and_files(runtime: LocalRuntime) -> None:
    ran = await bash(runtime, 'cat args.json; cat <(echo "$WM_X $HOME $PWD")', args=b'{"x": 1}', env={"WM_X": "v"})
    value, home, cwd = ran.result.removeprefix('{"x": 1}').split()
    assert value == "v" and home == cwd


async def test_argument_too_long_for_a_command_line(namespaces: LocalRuntime) -> None:
    args = json.dumps({"a": "x" * 200_000}).encode()
    ran = await bash(namespaces, "echo", arg_order=("a",), args=args)
    assert "Read them from the file args.json" in ran.error["message"]
    assert (await bash(namespaces, "wc -c < args.json", args=args)).result == str(len(args))
