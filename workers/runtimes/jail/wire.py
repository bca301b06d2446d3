"""Messages between the worker, the fork server, the mini-init and the job. Used on both sides of the wall.

Two kinds of SOCK_SEQPACKET sockets: one *control* socket a server (worker, server, mini-inits), and one *channel* a
child (worker, job). A message above INLINE_LIMIT travels in a memory file whose descriptor is passed along.
"""

import json
import os
import socket
import struct

INLINE_LIMIT = 64 * 1024
_RECEIVE = INLINE_LIMIT + 4096
_MEMORY_FILE = b"M"  # the payload is in the descriptor that came along
_INLINE = b"I"

# control, worker -> server: a slot number, then the name of the job directory to bind ("" = private tmpfs)
PREPARE = struct.Struct("!I")
# control, server -> worker: kind, slot; then free text
EVENT = struct.Struct("!cI")
READY, STARTED, SEALED, FAILED, EXITED = b"R", b"S", b"P", b"F", b"X"
# after EXITED: wait status, peak memory in KiB, which result files follow as descriptors
EXIT = struct.Struct("!IQB")
HAS_JSON, HAS_TEXT = 1, 2
# channel, job -> worker: success or failure, exit code, peak memory in KiB; then JSON text
FINAL = struct.Struct("!cBQ")
SUCCESS, FAILURE = b"S", b"F"


def send_payload(channel: socket.socket, payload: bytes) -> None:
    """One message of any size; blocks or raises as the socket does."""
    if len(payload) <= INLINE_LIMIT:
        channel.send(_INLINE + payload)
        return
    memory = os.memfd_create("payload", os.MFD_CLOEXEC)
    try:
        write_all(memory, payload)
        socket.send_fds(channel, [_MEMORY_FILE], [memory])
    finally:
        os.close(memory)


def receive(channel: socket.socket, max_fds: int = 1) -> "tuple[bytes, list[int]]":
    """One message as it is, with its descriptors (close-on-exec); b"" when the other side is gone."""
    message, fds, _, _ = socket.recv_fds(channel, _RECEIVE, max_fds, socket.MSG_CMSG_CLOEXEC)
    return message, fds


def is_inline(message: bytes) -> bool:
    return message[:1] == _INLINE


def receive_payload(channel: socket.socket) -> bytes:
    """One payload from a sender that is trusted (the worker); b"" when it is gone."""
    message, fds = receive(channel)
    if is_inline(message) or not message:
        return message[1:]
    with open(fds[0], "rb") as memory:
        memory.seek(0)
        return memory.read()


def pack_hand_over(header: dict, code: bytes, args: bytes) -> bytes:
    """A job in one message: a JSON header, then code and args as they are."""
    text = json.dumps({**header, "code_length": len(code)}).encode()
    return struct.pack("!I", len(text)) + text + code + args


def unpack_hand_over(payload: bytes) -> "tuple[dict, bytes, bytes]":
    (length,) = struct.unpack_from("!I", payload)
    header = json.loads(payload[4 : 4 + length])
    split = 4 + length + header["code_length"]
    return header, payload[4 + length : split], payload[split:]


def write_all(fd: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(fd, view) :]
