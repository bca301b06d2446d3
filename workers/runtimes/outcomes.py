"""From what is known about a process's end to the job's outcome."""

import contextlib
import json
import os
import signal
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workers.runtimes.base import MIB, JobSpec
from workers.runtimes.jail import values, wire
from workers.runtimes.job_values import (
    Problem,
    as_json_string,
    check_json,
    read_file,
    read_json_file,
    read_memory_file,
    too_large,
)

if TYPE_CHECKING:
    from workers.runtimes.child import ExitReport

_QUOTED_LOG = 600


@dataclass(frozen=True)
class Final:
    """The last message of a job that ends by itself."""

    success: bool
    exit_code: int
    peak_kb: int
    content: bytes
    memory_fd: int | None  # content is in there instead


@dataclass(frozen=True)
class Facts:
    """All that is known when the main process has ended."""

    spec: JobSpec
    final: Final | None
    report: "ExitReport | None"
    failure: str | None  # the sandbox itself failed
    reason: str | None  # why it was stopped from outside
    oom_killed: bool
    tail: bytes
    last_line: "LastLine | None"


class LastLine:
    """The last line of a stream, trimmed, without keeping more than a limit."""

    def __init__(self, limit: int) -> None:
        self.length = 0
        self._limit = limit
        self._parts: list[bytes] = []
        self._kept = 0
        self._ended_by_newline = False

    def feed(self, chunk: bytes) -> None:
        if self._ended_by_newline:
            self._restart()
            self._ended_by_newline = False
        if chunk.endswith(b"\n"):
            self._ended_by_newline = True
            chunk = chunk[:-1]
        _, newline, rest = chunk.rpartition(b"\n")
        if newline:
            self._restart()
        self.length += len(rest)
        if self._kept < self._limit:
            self._parts.append(rest[: self._limit - self._kept])
            self._kept += len(self._parts[-1])

    def _restart(self) -> None:
        self._parts.clear()
        self._kept = self.length = 0

    @property
    def text(self) -> str:
        return values.clean_text(b"".join(self._parts).decode(errors="replace")).strip()


def parse_final(message: bytes, fds: list[int]) -> Final | None:
    """The job's last message; None if it is not one."""
    memory_fd = fds.pop(0) if not wire.is_inline(message) and fds else None
    close_all(fds)
    body = message[1:] if memory_fd is None else b""
    if memory_fd is not None:
        with contextlib.suppress(OSError):
            if stat.S_ISREG(os.fstat(memory_fd).st_mode):
                body = os.pread(memory_fd, wire.FINAL.size, 0)
    if len(body) < wire.FINAL.size:
        close_all([memory_fd] if memory_fd is not None else [])
        return None
    kind, exit_code, peak_kb = wire.FINAL.unpack_from(body)
    content = body[wire.FINAL.size :]
    return Final(kind == wire.SUCCESS, exit_code, min(peak_kb, 2**40), content, memory_fd)


def close_all(fds: list[int]) -> None:
    for fd in fds:
        os.close(fd)


async def judge(facts: Facts) -> dict[str, Any]:
    """The fields of `Outcome` that follow from the facts: status, result, error, exit_code, signal, oom."""
    exit_code, number = _exit_of(facts)
    if facts.reason is not None or (facts.oom_killed and not (facts.final and facts.final.success)):
        _discard(facts.final)
        return _stopped(facts, exit_code, number)
    if facts.failure is not None:
        return _fail("SandboxError", facts.failure, exit_code, number)
    if facts.final is not None:
        return await _from_final(facts, facts.final)
    if number is not None:
        name = signal.Signals(number).name if number in set(signal.Signals) else "unknown"
        return _fail("ExecutionErr", f"the process was killed by signal {number} ({name})", None, number, facts)
    if facts.spec.language == "python3":
        if exit_code == 0:
            message = "process ended without a result: it left through os._exit or was replaced by another program"
            return _fail("ExecutionErr", message, 0, None)
        return _exit_failure(facts, exit_code)
    return await _from_files(facts, exit_code)


def _exit_of(facts: Facts) -> tuple[int | None, int | None]:
    """(exit code, signal) of the main process."""
    if facts.final is not None:
        return facts.final.exit_code, None
    if facts.report is None:
        return None, signal.SIGKILL
    if os.WIFSIGNALED(facts.report.status):
        return None, os.WTERMSIG(facts.report.status)
    return os.waitstatus_to_exitcode(facts.report.status), None


def _stopped(facts: Facts, exit_code: int | None, number: int | None) -> dict[str, Any]:
    spec = facts.spec
    if facts.reason == "timeout":
        limit = f"{spec.timeout_s:g} s"
        return _fail(
            "ExecutionErr",
            f"job process terminated due to timeout after exceeding its limit of {limit}. "
            "Raise the timeout of the script, or do less per run.",
            exit_code,
            number,
        )
    if facts.reason == "oom" or facts.oom_killed:
        message = (
            f"out of memory: the job used more than its limit of {spec.memory_bytes // MIB} MiB and was stopped. "
            "Use less memory, or raise the limit of the worker group."
        )
        return {**_fail("OutOfMemory", message, exit_code, number), "oom": True}
    if facts.reason == "processes":
        message = f"the job started more than {spec.max_processes} processes and was stopped. Start fewer at a time."
        return _fail("TooManyProcesses", message, exit_code, number)
    return _fail("Canceled", f"job process terminated due to {facts.reason}", exit_code, number)


async def _from_final(facts: Facts, final: Final) -> dict[str, Any]:
    cap = facts.spec.result_cap_bytes
    if final.memory_fd is not None:
        content = await read_memory_file(final.memory_fd, cap, wire.FINAL.size)
    else:
        content = final.content
    checked = await check_json(content, cap, "the result")
    if isinstance(checked, Problem):
        return _fail(checked.name, checked.text, final.exit_code, None)
    if final.success:
        return {"status": "success", "result": checked, "exit_code": final.exit_code}
    error = json.loads(checked)
    if not isinstance(error, dict):
        error = {"name": "ExecutionErr", "message": str(error)}
    step = facts.spec.env.get("WM_FLOW_STEP_ID")
    if step:
        error["step_id"] = step
    return {"status": "failure", "error": error, "exit_code": final.exit_code}


async def _from_files(facts: Facts, exit_code: int | None) -> dict[str, Any]:
    """A program's result: result.json, else result.out, else the last line of its output."""
    cap, report = facts.spec.result_cap_bytes, facts.report
    found: bytes | Problem | None = None
    if report is not None and report.json_fd is not None:
        found = await read_json_file(report.json_fd, cap, "result.json")
    if exit_code != 0:
        if isinstance(found, bytes) and isinstance(error := json.loads(found), dict):
            return {"status": "failure", "error": {**error, "exit_code": exit_code}, "exit_code": exit_code}
        return _exit_failure(facts, exit_code)
    if found is None and report is not None and report.text_fd is not None:
        text = await read_file(report.text_fd, cap, "result.out")
        found = text if isinstance(text, Problem) else as_json_string(text)
    if isinstance(found, Problem):
        return _fail(found.name, found.text, exit_code, None)
    if found is None:
        assert facts.last_line is not None
        if facts.last_line.length > cap:
            problem = too_large(facts.last_line.length, cap, "the last line of output")
            return _fail(problem.name, problem.text, exit_code, None)
        found = json.dumps(facts.last_line.text, ensure_ascii=False).encode()
    return {"status": "success", "result": found, "exit_code": exit_code}


def _exit_failure(facts: Facts, exit_code: int | None) -> dict[str, Any]:
    program = "python3" if facts.spec.language == "python3" else facts.spec.language
    error = _fail("ExecutionErr", f'exit code for "{program}": {exit_code}', exit_code, None, facts)
    if exit_code == 137:
        error["error"]["message"] += "\n137 usually means that a process was killed for using too much memory."
    return error


def _fail(
    name: str, message: str, exit_code: int | None, number: int | None, quoting: Facts | None = None
) -> dict[str, Any]:
    if quoting is not None:
        log = values.clean_text(quoting.tail.decode(errors="replace"))[-_QUOTED_LOG:].strip()
        message = f"{message}, last log lines:\n{log}"
    error: dict[str, Any] = {"name": name, "message": message}
    if exit_code is not None:
        error["exit_code"] = exit_code
    return {"status": "failure", "error": error, "exit_code": exit_code, "signal": number}


def _discard(final: Final | None) -> None:
    if final is not None and final.memory_fd is not None:
        os.close(final.memory_fd)
