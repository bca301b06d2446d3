"""An account of what user code did, kept outside the platform: a job says when it begins and ends over TCP."""

from __future__ import annotations

import socket
import threading
import time
from dataclasses import dataclass, field


@dataclass
class Entry:
    """One process of a job: connected from `begun` to `gone` (monotonic), `said_end`: it came to its end."""

    job_id: str
    attempt: int
    begun: float
    gone: float | None = None
    said_end: bool = False


@dataclass
class Ledger:
    """A server on a free port of this host; `CODE` is what a Python job runs to report to it."""

    entries: list[Entry] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def code(self) -> str:
        return (
            "import os, socket, time\n"
            "def main(n: int, for_s: float = 0.05):\n"
            f"    line = socket.create_connection(('127.0.0.1', {self.port}))\n"
            "    line.sendall(f\"{os.environ['WM_JOB_ID']} {os.environ['WM_ATTEMPT']}\\n\".encode())\n"
            "    print('job', n, flush=True)\n"
            "    time.sleep(for_s)\n"
            "    line.sendall(b'end\\n')\n"
            "    line.recv(1)\n"
            "    return n\n"
        )

    def overlaps(self) -> list[tuple[Entry, Entry]]:
        """Pairs of processes of one job that lived at the same time."""
        found = []
        for one in self.entries:
            for other in self.entries:
                if one is other or one.job_id != other.job_id or other.begun < one.begun:
                    continue
                if one.gone is None or one.gone > other.begun:
                    found.append((one, other))
        return found

    def close(self) -> None:
        self._server.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._listen, args=(connection,), daemon=True).start()

    def _listen(self, connection: socket.socket) -> None:
        entry: Entry | None = None
        try:
            with connection, connection.makefile("r") as lines:
                for line in lines:
                    if entry is None:
                        job_id, attempt = line.split()
                        entry = Entry(job_id, int(attempt), time.monotonic())
                        self.entries.append(entry)
                    else:
                        entry.said_end = True
                        connection.sendall(b"k")
        except OSError:
            pass
        finally:
            if entry is not None:
                entry.gone = time.monotonic()
