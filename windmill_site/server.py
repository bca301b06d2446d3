"""Daphne as this site runs it: on a socket that listens already, and never far ahead of a slow client.

Import it in the web process alone: Daphne makes an event loop on import, and forks must not share one.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from daphne.http_protocol import WebRequest
from daphne.server import Server
from twisted.internet import reactor

# Twisted would parse each POST's Content-Type and form for arguments that Daphne never asks for: 9 % of an accepted
# run, measured, and large forms twice.
WebRequest._parsePOSTFormSubmission = False


class Gate:
    """Twisted's push producer of one streamed response: closed while the connection's buffer is full."""

    def __init__(self) -> None:
        self.is_open = asyncio.Event()
        self.is_open.set()

    def pauseProducing(self) -> None:
        self.is_open.clear()

    def resumeProducing(self) -> None:
        self.is_open.set()

    def stopProducing(self) -> None:
        self.is_open.set()


class PatientServer(Server):
    """An application that streams waits until its client has taken in what was sent (N1).

    Daphne itself answers `send` at once: 50 MB of log to a client that does not read would be 50 MB in this process.
    """

    async def handle_reply(self, protocol: Any, message: dict[str, Any]) -> None:
        is_part = message["type"] == "http.response.body" and message.get("more_body", False)
        gate = getattr(protocol, "producer", None)
        if is_part and gate is None and not self._is_gone(protocol):
            gate = Gate()
            protocol.registerProducer(gate, True)
        if message["type"] == "http.response.body" and not is_part and isinstance(gate, Gate):
            protocol.unregisterProducer()
        await super().handle_reply(protocol, message)
        if is_part and isinstance(gate, Gate):
            await gate.is_open.wait()

    def _is_gone(self, protocol: Any) -> bool:
        return protocol not in self.connections or bool(self.connections[protocol].get("disconnected"))


def serve(application: Any, listener: socket.socket) -> None:
    """Serve `application` on `listener` until a signal comes."""
    server = PatientServer(
        application, endpoints=["adopted"], server_name="windmill", proxy_forwarded_address_header=None
    )
    server.endpoints = []  # instead of an endpoint description, which cannot say "adopt this IPv6 socket"
    adopt: Any = reactor.adoptStreamPort  # type: ignore[attr-defined]
    server.ready_callable = lambda: adopt(listener.fileno(), listener.family, server.http_factory)
    server.run()
