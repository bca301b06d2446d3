"""The Python interpreters of this host that jobs may run on, found by running candidates."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

OLDEST = (3, 10)
NEWEST_MINOR = 20
USUAL_PLACES = ("/usr/local/bin", "/usr/bin", "/opt/homebrew/bin")
ASK = """
import sys
base = getattr(sys, "_base_executable", sys.executable)
print("%d.%d.%d" % sys.version_info[:3], sys.implementation.cache_tag, base, sep="\\n")
"""
ANSWER_WITHIN_S = 5


@dataclass(frozen=True, slots=True)
class Interpreter:
    """`version` is full ("3.12.1"), `cache_tag` names its byte code ("cpython-312")."""

    path: Path
    version: str
    cache_tag: str

    @property
    def minor(self) -> str:
        return ".".join(self.version.split(".")[:2])


def python_interpreters(path: str = "") -> dict[str, Path]:
    """Interpreter of each minor version, such as {"3.12": …/bin/python3.12}; oldest first."""
    return {minor: found.path for minor, found in known_interpreters(path).items()}


@cache
def known_interpreters(path: str = "") -> dict[str, Interpreter]:
    """Like `python_interpreters`, with what each said of itself.

    For its own minor version the interpreter this process runs on is taken, else the newest patch.
    `path` are further directories to look in, as in PATH.
    """
    own = _asked(str(Path(sys.executable)))
    found: dict[str, Interpreter] = {}
    for candidate in dict.fromkeys(_candidates(path)):
        interpreter = _asked(candidate)
        if interpreter is None or _numbers(interpreter.version)[:2] < OLDEST:
            continue
        known = found.get(interpreter.minor)
        if known is None or _numbers(known.version) < _numbers(interpreter.version):
            found[interpreter.minor] = interpreter
    if own is not None:
        found[own.minor] = own
    return dict(sorted(found.items(), key=lambda item: _numbers(item[0])))


_known_for: set[str] = set()


async def discover(path: str) -> None:
    """Look for interpreters in a thread, once; after it `known_interpreters(path)` answers at once."""
    if path not in _known_for:
        await asyncio.to_thread(known_interpreters, path)
        _known_for.add(path)


def _candidates(path: str) -> Iterator[str]:
    """Real files only, each once: shims and links lead to the same few interpreters."""
    base = Path(sys.base_prefix)
    siblings = [place / "bin" for place in base.parent.glob("*") if place.is_dir()]  # pyenv, uv and the like
    directories = [base / "bin", *siblings, *map(Path, USUAL_PLACES), *map(Path, filter(None, path.split(":")))]
    for directory in directories:
        for minor in range(OLDEST[1], NEWEST_MINOR):
            candidate = directory / f"python3.{minor}"
            if candidate.is_file() and os.access(candidate, os.X_OK):
                yield str(candidate.resolve())


@cache
def _asked(candidate: str) -> Interpreter | None:
    try:
        answer = subprocess.run(
            [candidate, "-I", "-S", "-c", ASK],
            capture_output=True, text=True, timeout=ANSWER_WITHIN_S, check=True, env={}, stdin=subprocess.DEVNULL,
        ).stdout.splitlines()  # fmt: skip
        return Interpreter(Path(answer[2]).resolve(), answer[0], answer[1])
    except (OSError, subprocess.SubprocessError, IndexError):
        return None  # a broken or foreign file called python: not an interpreter for jobs


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
