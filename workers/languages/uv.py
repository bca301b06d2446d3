"""Running uv: a clean environment, a time limit, and nothing left when it is cancelled."""

import asyncio
import codecs
import contextlib
import os
import re
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

PASSED_THROUGH = frozenset(
    {
        *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR"),
        *("UV_DEFAULT_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_INDEX", "UV_INDEX_STRATEGY", "UV_INDEX_URL"),
        *("UV_CONCURRENT_DOWNLOADS", "UV_EXCLUDE_NEWER", "UV_HTTP_RETRIES", "UV_HTTP_TIMEOUT", "UV_INSECURE_HOST"),
        *("UV_NATIVE_TLS", "UV_NO_INDEX", "UV_OFFLINE", "UV_SYSTEM_CERTS"),
    }
)
INDEX_CREDENTIALS = re.compile(r"^UV_INDEX_[A-Z0-9_]+_(USERNAME|PASSWORD)$")
# pip's and Windmill's names for the same; where uv's own is set too, uv's wins.
OTHER_NAMES = {
    "PIP_INDEX_URL": "UV_DEFAULT_INDEX",
    "PIP_EXTRA_INDEX_URL": "UV_EXTRA_INDEX_URL",
    "PIP_FIND_LINKS": "UV_FIND_LINKS",
    "PIP_NO_INDEX": "UV_NO_INDEX",
    "PIP_CERT": "SSL_CERT_FILE",
    "PIP_DEFAULT_TIMEOUT": "UV_HTTP_TIMEOUT",
    "PIP_TRUSTED_HOST": "UV_INSECURE_HOST",
    "PY_INDEX_CERT": "SSL_CERT_FILE",
    "PY_TRUSTED_HOST": "UV_INSECURE_HOST",
    "PY_NATIVE_CERT": "UV_NATIVE_TLS",
    "PY_CONCURRENT_DOWNLOADS": "UV_CONCURRENT_DOWNLOADS",
}
SOURCES_OF_PACKAGES = frozenset(
    {"UV_DEFAULT_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_INDEX", "UV_INDEX_URL", "UV_NO_INDEX"}
)
CREDENTIALS = re.compile(r"(\w+://)[^/\s@]+@")
MAX_LOG_CHARS = 1_000_000


@dataclass(frozen=True, slots=True)
class UvSettings:
    """The uv binary, how long it may take, and the variables it gets: indexes, proxies, certificates."""

    binary: Path
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)  # index addresses may hold passwords
    timeout_s: float = 600

    @classmethod
    def from_environment(cls, environ: Mapping[str, str], *, timeout_s: float = 600) -> "UvSettings":
        """The settings a worker with these variables has; everything else of its environment stays out."""
        from uv import find_uv_bin  # the wheel with the binary; only who locks something needs it

        renamed = {ours: environ[name] for name, ours in OTHER_NAMES.items() if environ.get(name)}
        kept = {
            name: value
            for name, value in environ.items()
            if value and (name.upper() in PASSED_THROUGH or INDEX_CREDENTIALS.match(name))
        }
        return cls(Path(find_uv_bin()), renamed | kept, timeout_s)

    @property
    def sources_hash(self) -> str:
        """Names the places packages come from, so that two sets from different indexes never mix."""
        sources = sorted((name, value) for name, value in self.environment.items() if name in SOURCES_OF_PACKAGES)
        return sha256(repr(sources).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class UvRun:
    """How a run of uv ended; `messages` is what it said for people, credentials in addresses removed."""

    exit_code: int
    output: str
    messages: str


class UvTimeout(Exception):
    """uv took longer than it may."""


async def run_uv(
    settings: UvSettings, arguments: Sequence[str], *, cache_root: Path, stdin: str = "", on_log: Callable[[str], None]
) -> UvRun:
    """Run uv to its end, handing its messages to `on_log` while they come.

    Raises UvTimeout. Cancelled or timed out, the whole process group is killed and waited for.
    """
    home = cache_root / "home"
    await asyncio.to_thread(home.mkdir, mode=0o700, parents=True, exist_ok=True)
    own = {"PATH": "/usr/bin:/bin", "HOME": str(home), "UV_CACHE_DIR": str(cache_root / "uv")}
    common = ("--no-config", "--no-progress", "--color", "never", "--no-python-downloads")
    process = await asyncio.create_subprocess_exec(
        settings.binary,
        *arguments,
        *common,
        cwd=home,
        env={**settings.environment, **own},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(settings.timeout_s):
            return await _converse(process, stdin, on_log)
    except TimeoutError as error:
        raise UvTimeout(f"uv did not finish within {settings.timeout_s:g} s") from error
    finally:
        await _end(process)


async def _converse(process: asyncio.subprocess.Process, text: str, on_log: Callable[[str], None]) -> UvRun:
    assert process.stdin and process.stdout and process.stderr
    messages = asyncio.create_task(_relay(process.stderr, on_log))
    output = asyncio.create_task(process.stdout.read())
    try:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it ended early; its messages say why
            process.stdin.write(text.encode())
            await process.stdin.drain()
        process.stdin.close()
        found = await asyncio.gather(output, messages)
    finally:
        output.cancel()
        messages.cancel()
    return UvRun(await process.wait(), found[0].decode(errors="replace"), found[1])


async def _relay(stream: asyncio.StreamReader, on_log: Callable[[str], None]) -> str:
    """Pass on whole lines only: an address with a password must not be cut in two before it is cleaned."""
    decode = codecs.getincrementaldecoder("utf-8")("replace").decode
    told: list[str] = []
    length = 0
    rest = ""
    while chunk := await stream.read(65536):
        lines, newline, rest = (rest + decode(chunk)).rpartition("\n")
        length += len(lines)
        if newline and length <= MAX_LOG_CHARS:
            told.append(_without_credentials(lines + newline))
            on_log(told[-1])
    if rest and length <= MAX_LOG_CHARS:
        told.append(_without_credentials(rest))
        on_log(told[-1])
    return "".join(told)


def _without_credentials(text: str) -> str:
    return CREDENTIALS.sub(r"\1***@", text)


async def _end(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await asyncio.shield(process.wait())
