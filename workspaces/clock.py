"""The only source of time. Tests move it; the database side is the SQL function `windmill_now()`."""

import time
from datetime import UTC, datetime, timedelta

_offset = timedelta()


def now() -> datetime:
    """Wall time, aware, UTC."""
    return datetime.now(UTC) + _offset


def monotonic() -> float:
    """Seconds for durations and leases; never jumps."""
    return time.monotonic()


def shift(offset: timedelta) -> None:
    """Move wall time of this process by `offset` from the real one (tests and fault drills only)."""
    global _offset
    _offset = offset
