"""`manage.py up` as tests run it: a process of its own on a free port, watched and stopped."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx

from tests.postgres_server import temporary_data_dir
from tests.waiting import eventually
from windmill_site.environment import SETTINGS
from workers.languages.uv import UvSettings

ROOT = Path(__file__).resolve().parent.parent
ADMIN_EMAIL = "admin@example.com"
ADMIN_PASSWORD = "a long password for tests"
SUPERADMIN_SECRET = "superadmin-secret-for-tests"


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _environ_without_settings() -> dict[str, str]:
    """What a shell would hand on: PATH, certificates, proxies, mirrors; nothing that configures the site."""
    ours = {each.name for each in SETTINGS} | {"DJANGO_SETTINGS_MODULE", "DJANGO_ALLOW_ASYNC_UNSAFE"}
    return {name: value for name, value in os.environ.items() if name not in ours}


class LiveSite:
    """One `up`. `extra` adds or replaces environment variables."""

    def __init__(
        self, *, database_url: str, port: int, extra: dict[str, str] | None = None, checkout: Path = ROOT
    ) -> None:
        self.checkout = checkout
        self.url = f"http://127.0.0.1:{port}"
        self.data_dir = temporary_data_dir()
        self.log = self.data_dir / "up.log"
        self.environ = {
            **UvSettings.from_environment(os.environ).environment,  # where packages come from on this machine
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", "/"),
            "PORT": str(port),
            "BASE_URL": self.url,
            "DATA_DIR": str(self.data_dir),
            "ADMIN_EMAIL": ADMIN_EMAIL,
            "ADMIN_PASSWORD": ADMIN_PASSWORD,
            "SUPERADMIN_SECRET": SUPERADMIN_SECRET,
            **({"DATABASE_URL": database_url} if database_url else {}),
            **(extra or {}),
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *, within_s: float = 90, command: str = "up") -> None:
        """Start and wait until pages are served."""
        self.spawn(command)
        try:
            eventually(self.is_ready, within_s=within_s, every_s=0.05)
        except AssertionError as error:
            raise AssertionError(f"{self.url} does not answer; its log:\n{self.output()[-5000:]}") from error

    def spawn(self, command: str = "up", *, before: Callable[[], object] | None = None) -> None:
        """Start without waiting; `before` runs in the new process first."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(self.checkout / "manage.py"), command],
                cwd=self.checkout,
                env=self.environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=before,
            )

    def is_ready(self) -> bool:
        """True once the site answers; an AssertionError with its log when it has ended."""
        process = self.running
        if process.poll() is not None:
            raise RuntimeError(f"`up` left with {process.returncode}:\n{self.output()}")
        try:
            return httpx.get(f"{self.url}/api/version", timeout=5).status_code < 500
        except httpx.TransportError:
            return False

    @property
    def running(self) -> subprocess.Popen[bytes]:
        assert self.process is not None, "not started"
        return self.process

    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def stop(self, *, within_s: float = 40) -> None:
        """Ctrl-C, then remove the data directory."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(within_s)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise
        shutil.rmtree(self.data_dir, ignore_errors=True)
