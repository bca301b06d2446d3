"""Identifiers: one function makes every job id."""

import os
import time
from uuid import UUID

_last_ms = 0
_counter = 0


def uuid7() -> UUID:
    """A time-ordered UUIDv7 (RFC 9562 §5.7): 48 bits of milliseconds, a 12-bit counter, 62 random bits.

    The counter keeps ids of one process ascending within a millisecond (method 1 of §6.2).
    """
    global _last_ms, _counter
    ms = time.time_ns() // 1_000_000
    if ms > _last_ms:
        _last_ms, _counter = ms, int.from_bytes(os.urandom(1), "big")
    else:
        _counter += 1
        if _counter > 0xFFF:
            _last_ms, _counter = _last_ms + 1, 0
    random62 = int.from_bytes(os.urandom(8), "big") >> 2
    return UUID(int=_last_ms << 80 | 0x7 << 76 | _counter << 64 | 0b10 << 62 | random62)


def first_uuid7_of(ms: int) -> UUID:
    """The lowest UUID whose leading 48 bits are `ms` (milliseconds since 1970): a partition boundary."""
    return UUID(int=ms << 80)


def hash_text(number: int) -> str:
    """A script version's 64-bit hash as the API writes it: 16 lower-case hex digits."""
    return f"{number & 0xFFFF_FFFF_FFFF_FFFF:016x}"


def parse_hash(text: str) -> int:
    """The signed 64-bit value of 16 hex digits. Raises ValueError for anything else."""
    if len(text) != 16 or any(c not in "0123456789abcdef" for c in text):
        raise ValueError(f'"{text[:40]}" is not a version hash; it has 16 lower-case hex digits')
    return int.from_bytes(bytes.fromhex(text), "big", signed=True)
