"""A way to Postgres that loses answers: the statement runs and commits, the client hears a broken connection."""

from __future__ import annotations

import contextlib
import random
import socket
import tempfile
import threading
from pathlib import Path


class CuttingProxy:
    """Listens on a socket of its own; while `is_cutting`, one answer in `one_in` is swallowed with its connection."""

    def __init__(self, target: Path, *, seed: int, one_in: int) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="wm-proxy-"))
        self.cuts = 0
        self.is_cutting = False
        self._target = target / ".s.PGSQL.5432"
        self._moments = random.Random(seed)
        self._one_in = one_in
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(self.directory / ".s.PGSQL.5432"))
        self._server.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()

    def url(self, database: str) -> str:
        return f"postgresql://windmill@/{database}?host={self.directory}"

    def close(self) -> None:
        self._server.close()
        for path in self.directory.iterdir():
            path.unlink()
        self.directory.rmdir()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(str(self._target))
            threading.Thread(target=self._pass, args=(client, server), daemon=True).start()
            threading.Thread(target=self._answer, args=(server, client), daemon=True).start()

    def _pass(self, client: socket.socket, server: socket.socket) -> None:
        try:
            while message := client.recv(65536):
                server.sendall(message)
        except OSError:
            pass
        _shut(server)

    def _answer(self, server: socket.socket, client: socket.socket) -> None:
        answers = 0
        try:
            while message := server.recv(65536):
                answers += 1
                # the first answers are the greeting; a connection that never gets through would prove nothing
                if self.is_cutting and answers > 4 and self._moments.randrange(self._one_in) == 0:
                    self.cuts += 1
                    break
                client.sendall(message)
        except OSError:
            pass
        _shut(client)
        _shut(server)


def _shut(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
