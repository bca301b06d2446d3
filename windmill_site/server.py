"""Daphne as this site runs it: on a socket that listens already, and never far ahead of a slow client.

Import it in the web process alone: Daphne makes an event loop on import, and forks must not share one.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from daphne import http_protocol
from daphne.server import Server
from twisted.internet import reactor

# Twice what any address takes: those below it are answered by the application, in its words.
MAX_BODY_BYTES = 32 * 1024 * 1024
MAX_MESSAGE_BYTES = 64 * 1024
_TOO_LARGE = f"Too large: The body has more than {MAX_BODY_BYTES:,} bytes; send less, or a reference to it".encode()


class BoundedRequest(http_protocol.WebRequest):
    """Daphne's request without what nobody asked for, and with a bound.

    Twisted keeps every body on disk before anybody looks at the credential, and parses each POSTed form for arguments
    that Daphne never reads: 40 MB of `a=1&` from anybody held the web process for 37 s.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._parsePOSTFormSubmission = False  # Twisted's own constructor has just set it
        self._received = 0
        self._is_refused = False

    def gotLength(self, length: int | None) -> None:
        super().gotLength(length)
        if length is not None and length > MAX_BODY_BYTES:
            self._refuse()

    def handleContentChunk(self, data: bytes) -> None:
        self._received += len(data)
        if self._is_refused:
            return
        if self._received > MAX_BODY_BYTES:  # a chunked body says no length before
            self._refuse()
        else:
            super().handleContentChunk(data)

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        if not self._is_refused:
            super().requestReceived(command, path, version)

    def _refuse(self) -> None:
        """Answer and hang up: the rest of the body is not waited for."""
        self._is_refused = True
        head = (
            "HTTP/1.1 413 Request Entity Too Large\r\nContent-Type: text/plain; charset=utf-8\r\n"
            f"Content-Length: {len(_TOO_LARGE)}\r\nConnection: close\r\n\r\n"
        )
        channel: Any = self.channel
        channel.transport.write(head.encode() + _TOO_LARGE)
        channel.loseConnection()


http_protocol.WebRequest = BoundedRequest  # Daphne's factory of connections takes it from there


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

    def begin() -> None:
        # Pages send a word at a time; without a limit a message is kept whole, however long it says it is (SEC-H12).
        server.ws_factory.setProtocolOptions(
            maxFramePayloadSize=MAX_MESSAGE_BYTES, maxMessagePayloadSize=MAX_MESSAGE_BYTES
        )
        adopt(listener.fileno(), listener.family, server.http_factory)

    server.ready_callable = begin
    server.run()
