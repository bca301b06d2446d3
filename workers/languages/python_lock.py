"""Python requirements → lock, by uv's resolver.

Only wheels count. A source package runs its own code while it is built, on the worker and outside the
jobs' sandbox, so a requirement that has no wheel for this host and Python fails with a message that says so.
"""

import asyncio
import re
import sys
import time
from hashlib import sha256
from pathlib import Path
from secrets import token_hex

from scripts_app.requirements import Combined, Requirements, combine
from scripts_app.requirements.python_version import newest
from scripts_app.requirements.requirement_text import package_name
from workers.languages.base import LockFailed, OnLog, Tools
from workers.languages.interpreters import Interpreter, discover, known_interpreters
from workers.languages.uv import UvTimeout, run_uv

LOCK_PYTHON = re.compile(r"\A#\s?py(?::\s*(?P<minor>3\.\d{1,2})|3(?P<old>\d{1,2}))[^\n]*")
NO_WHEEL = re.compile(r"no usable wheels|building from source is disabled|no wheels? with a matching")
RESOLVED_FOR_S = 3 * 24 * 3600


async def resolve(scripts: list[Requirements], tools: Tools, on_log: OnLog) -> str:
    """The lock of the first script and those it imports; "" when the default Python alone will do.

    Raises LockFailed: for a mistake in the comments, an interpreter this host lacks, or with the
    resolver's own words.
    """
    for note in (note for part in scripts for note in part.errors):
        raise LockFailed(f"The dependencies cannot be read: {note}", note.line)
    for note in scripts[0].warnings:
        on_log(f"Note, {note}\n")
    wanted = combine(scripts)
    await discover(tools.path)
    interpreter = choose_interpreter(wanted.python, scripts[0], tools)
    if not wanted.names:
        return "" if interpreter == default_interpreter(tools) else f"# py: {interpreter.minor}\n"
    kept = _kept_resolution(wanted, interpreter, tools)
    if "no_cache" not in scripts[0].flags and (lock := await asyncio.to_thread(_read_recent, kept)):
        on_log("Resolved before, from the same requirements.\n")
        return lock
    pinned = await _compile(wanted, interpreter, scripts[0], tools, on_log)
    lock = f"# py: {interpreter.minor}\n{pinned}"
    await asyncio.to_thread(_keep, kept, lock)
    return lock


def choose_interpreter(specifiers: str, script: Requirements, tools: Tools) -> Interpreter:
    """The interpreter for these version specifiers: the default one if it fits, else the newest that does."""
    default = default_interpreter(tools)
    by_version = {one.version: one for one in known_interpreters(tools.path).values()} | {default.version: default}
    if "py_select_latest" not in script.flags and newest([default.version], specifiers):
        return default
    if fitting := newest(by_version, specifiers):
        return by_version[fitting]
    raise LockFailed(
        f'No Python on this worker fits "{specifiers}". There is {", ".join(by_version)}. '
        "Ask for one of these in the # py: comment, or have an administrator install another."
    )


def default_interpreter(tools: Tools) -> Interpreter:
    """The interpreter of the configured version, or the one this worker runs on."""
    known = known_interpreters(tools.path)
    wanted = tools.default_python or _own_minor()
    if wanted in known:
        return known[wanted]
    raise LockFailed(f"Python {wanted} is not installed on this worker. There is {', '.join(known)}.")


def interpreter_of_lock(lock: str, tools: Tools) -> Interpreter:
    """The interpreter the first line of the lock asks for (`# py: 3.12`, older `# py312`), or the default."""
    found = LOCK_PYTHON.match(lock)
    if found is None:
        return default_interpreter(tools)
    minor = found["minor"] or f"3.{found['old']}"
    known = known_interpreters(tools.path)
    if minor in known:
        return known[minor]
    raise LockFailed(
        f"The lock is for Python {minor}, which this worker does not have. There is {', '.join(known)}. "
        "Deploy the script again, or have an administrator install that Python."
    )


def _own_minor() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}"


async def _compile(
    wanted: Combined, interpreter: Interpreter, script: Requirements, tools: Tools, on_log: OnLog
) -> str:
    on_log(f"Resolving for Python {interpreter.version}: {', '.join(wanted.names)}\n")
    arguments = (
        *("pip", "compile", "-", "--no-header", "--no-annotate", "--only-binary", ":all:"),
        *("--python", str(interpreter.path)),
    )
    lines = "".join(f"{name}\n" for name in wanted.names)
    try:
        done = await run_uv(tools.uv, arguments, cache_root=tools.cache_root, stdin=lines, on_log=on_log)
    except UvTimeout as error:
        raise LockFailed(f"The dependencies could not be resolved: {error}. Is the package index reachable?") from error
    if done.exit_code != 0:
        raise LockFailed(_explained(done.messages, interpreter), _line_of(done.messages, script))
    return done.output


def _explained(messages: str, interpreter: Interpreter) -> str:
    text = f"The dependencies cannot be resolved.\n{messages.strip()[-8000:]}"
    if NO_WHEEL.search(messages):
        text += (
            f"\nThere is no wheel for Python {interpreter.minor} on this worker. Packages that exist as source only "
            "are refused, because building them runs their code outside the jobs' sandbox. "
            "Choose another version or package."
        )
    return text


def _line_of(messages: str, script: Requirements) -> int | None:
    """The line of the first import whose package the resolver names."""
    named = {package_name(word) for word in re.findall(r"[A-Za-z0-9][\w.\-]*", messages)}
    return next((one.line for one in script.packages if package_name(one.requirement) in named), None)


def _kept_resolution(wanted: Combined, interpreter: Interpreter, tools: Tools) -> Path:
    about = (wanted.names, interpreter.version, interpreter.cache_tag, tools.uv.sources_hash)
    return tools.cache_root / "resolved" / sha256(repr(about).encode()).hexdigest()


def _read_recent(path: Path) -> str:
    try:
        return path.read_text() if time.time() - path.stat().st_mtime < RESOLVED_FOR_S else ""
    except FileNotFoundError:
        return ""


def _keep(path: Path, lock: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}-{token_hex(4)}")
    aside.write_text(lock)
    aside.replace(path)
