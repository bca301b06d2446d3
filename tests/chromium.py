"""The Chromium that browser tests drive: from PATH, Playwright's own, or installed now. Never skipped."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")


class NoChromium(RuntimeError):
    """There is no Chromium and none could be installed; `str()` says what was tried and what to do."""


def executable() -> str:
    """Path of a Chromium; installs one when there is none. Raises NoChromium."""
    found = _on_path() or _of_playwright()
    if found:
        return found
    tried = [_playwright_install()]
    if not (found := _of_playwright()):
        tried.append(_apt_install())
        found = _on_path()
    if not found:
        raise NoChromium(
            f"Browser tests need Chromium and there is none ({'; '.join(tried)}): install chromium or google-chrome, "
            "or let `playwright install chromium` reach its download site."
        )
    return found


def launch_arguments() -> list[str]:
    """As root Chromium refuses its own sandbox; the pages under test are ours."""
    return ["--no-sandbox"] if os.geteuid() == 0 else []


def _on_path() -> str | None:
    return next((path for path in map(shutil.which, _NAMES) if path), None)


def _of_playwright() -> str | None:
    cache = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or Path.home() / ".cache" / "ms-playwright")
    built = sorted(cache.glob("chromium-*/chrome-linux*/chrome"))
    return str(built[-1]) if built else None


def _playwright_install() -> str:
    return _run([sys.executable, "-m", "playwright", "install", "chromium"])


def _apt_install() -> str:
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return "apt-get needs root on Debian or Ubuntu"
    environ = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update", "-q"], ["apt-get", "install", "-q", "-y", "chromium"]):
        told = _run(command, environ)
    return told


def _run(command: list[str], environ: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        command, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600, check=False
    )
    last = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["no output"]
    return f"`{' '.join(command[-3:])}` ended with {done.returncode}: {last[0]}"
