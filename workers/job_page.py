"""What the page of a job shows, from its row. Also the source of the fragments its websocket sends."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from workers import job_logs, log_chunks, runnables
from workers.job_rows import JobRow
from workers.waiting import Waiting
from workspaces.ids import hash_text

LOG_CHARS = 200_000
DRAWN_CHARS = 2_000_000
HEAVY = ("args", "result", "raw_code", "progress")
_FRAME = re.compile(r'^ *File "([^"]+)", line (\d+)', re.MULTILINE)


@dataclass(frozen=True)
class Drawn:
    """A JSON value for the page; `is_too_big`: only its size is told, the download has it."""

    value: Any = None
    size: int = 0
    is_too_big: bool = False


@dataclass(frozen=True)
class JobPage:
    """A job for `templates/workers/job.html`."""

    row: JobRow
    workspace_id: str
    args: Drawn
    result: Drawn | None
    code: str
    fault_line: int
    why: Waiting | None = None

    @property
    def state(self) -> str:
        return self.row.state

    @property
    def name(self) -> str:
        """What people call it: its path, else its kind."""
        return self.row.runnable_path or self.row.kind

    @property
    def short_id(self) -> str:
        return str(self.row.id)[-12:]

    @property
    def hash(self) -> str:
        return hash_text(self.row.runnable_hash) if self.row.runnable_hash is not None else ""

    @property
    def mem_peak_bytes(self) -> int | None:
        return self.row.mem_peak_kb * 1024 if self.row.mem_peak_kb is not None else None

    @property
    def is_repeatable_here(self) -> bool:
        """Can it be run again from what the job itself holds?"""
        return (self.row.kind == "script" and bool(self.hash)) or self.row.kind == "preview"


def of_row(row: JobRow, workspace_id: str, *, code: str = "", why: Waiting | None = None) -> JobPage:
    """The page's data; `code` is the source that ran."""
    result = drawn(row.result or "null") if row.is_completed else None
    return JobPage(
        row=row,
        workspace_id=workspace_id,
        args=drawn(row.args or "{}"),
        result=result,
        code=code,
        fault_line=fault_line(result.value) if result and row.status == "failure" else 0,
        why=why,
    )


def drawn(text: str) -> Drawn:
    """`text` as a value when it is small enough to be drawn."""
    if len(text) > DRAWN_CHARS:
        return Drawn(size=len(text.encode()), is_too_big=True)
    return Drawn(json.loads(text), len(text))


def fault_line(result: Any) -> int:
    """The line of the script an error names: the deepest frame in the file where its stack begins. 0: none.

    >>> fault_line({"error": {"stack": 'File "a.py", line 3, in main\\n  File "lib.py", line 9'}})
    3
    """
    error = result.get("error") if isinstance(result, dict) else None
    if not isinstance(error, dict):
        return 0
    if isinstance(error.get("line"), int):
        return error["line"]
    frames = _FRAME.findall(str(error.get("stack", "")))
    return int([line for file, line in frames if file == frames[0][0]][-1]) if frames else 0


def source_of(row: JobRow) -> str:
    """The code a job ran: its own, or that of the version."""
    if row.raw_code is not None:
        return row.raw_code
    return runnables.source(row.kind, row.workspace_id, row.runnable_hash) if row.runnable_hash is not None else ""


@dataclass(frozen=True)
class LogPage:
    """The end of a log in chunks; `skipped_lines` come before it; `end` is the offset a websocket goes on from."""

    chunks: list[log_chunks.Chunk]
    end: int
    skipped_lines: int


def log_page(row: JobRow) -> LogPage:
    """The newest part of the log. A chunk's place is the offset at which the text it came with ends."""
    tail = job_logs.read_tail_sync(row.id, max_chars=LOG_CHARS)
    chunks, _ = log_chunks.chunks(tail.text, tail.end, log_chunks.Position(lines=tail.lines_before))
    return LogPage(chunks, tail.end, tail.lines_before)


def live_url(row: JobRow, workspace: str, offset: int) -> str:
    """Where the page's websocket goes on from what is drawn already."""
    return f"/ws/w/{workspace}/jobs/{row.id}?{urlencode({'state': row.state, 'after': offset})}"
