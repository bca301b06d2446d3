"""Values that come from a job: read with a cap, checked, made fit to be stored. Nothing the job sent is trusted."""

import asyncio
import json
import os
import stat
from dataclasses import dataclass

from workers.runtimes.base import MIB
from workers.runtimes.jail import values

_IN_LOOP_LIMIT = 256 * 1024  # larger values are checked in a thread


@dataclass(frozen=True)
class Problem:
    name: str
    text: str


async def check_json(content: bytes | Problem, cap: int, what: str) -> bytes | Problem:
    """JSON that may be stored, made of JSON that may be anything; or what is wrong with it."""
    if isinstance(content, Problem):
        return content
    if len(content) > _IN_LOOP_LIMIT:
        return await asyncio.to_thread(_check, content, cap, what)
    return _check(content, cap, what)


def _check(content: bytes, cap: int, what: str) -> bytes | Problem:
    if len(content) > cap:
        return too_large(len(content), cap, what)
    try:
        broken = values.find_limit(content)
        if broken:
            return Problem("ResultTooLarge", f"{what} cannot be stored: {broken}. Return a simpler value.")
        text = content.decode()
        json.loads(text, parse_constant=_refuse)
        if "\\u0000" in text or "\\ud" in text or "\\uD" in text:
            return values.clean(text)
        return content
    except _Constant:
        return values.clean(content.decode())
    except (ValueError, RecursionError) as error:
        shown = content[:200].decode(errors="replace")
        return Problem("ExecutionErr", f"{what} is not valid JSON ({error}). It begins with: {shown}")


class _Constant(Exception):
    pass


def _refuse(_name: str) -> None:
    raise _Constant


def too_large(size: int, cap: int, what: str) -> Problem:
    return Problem(
        "ResultTooLarge",
        f"{what} has {size} bytes, more than the limit of {cap} bytes. "
        "Return less, or write the data to object storage and return a reference.",
    )


async def read_json_file(fd: int, cap: int, name: str) -> bytes | Problem:
    content = await read_file(fd, cap, name)
    return await check_json(content.strip() if isinstance(content, bytes) else content, cap, name)


async def read_file(fd: int, cap: int, name: str) -> bytes | Problem:
    facts = os.fstat(fd)
    if not stat.S_ISREG(facts.st_mode) or facts.st_nlink > 1:
        return Problem("ExecutionErr", f"{name} is not a regular file. Write the result into a plain file.")
    if facts.st_size > cap:
        return too_large(facts.st_size, cap, name)
    return await asyncio.to_thread(os.pread, fd, cap + 1, 0) if facts.st_size else b""


async def read_memory_file(fd: int, cap: int, offset: int) -> bytes | Problem:
    """A memory file of the job: read once, never mapped, and only so much."""
    try:
        size = os.fstat(fd).st_size - offset
        if size > cap:
            return too_large(size, cap, "the result")
        return await asyncio.to_thread(_pread_all, fd, max(size, 0), offset)
    finally:
        os.close(fd)


def _pread_all(fd: int, size: int, offset: int) -> bytes:
    parts = []
    while size > 0 and (part := os.pread(fd, min(size, MIB), offset)):
        parts.append(part)
        offset += len(part)
        size -= len(part)
    return b"".join(parts)


def as_json_string(text: bytes) -> bytes:
    return json.dumps(values.clean_text(text.decode(errors="replace")), ensure_ascii=False).encode()
