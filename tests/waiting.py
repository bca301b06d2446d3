"""Waiting for what another process does: poll, with a limit, and say what was seen last."""

import time
from collections.abc import Callable


def eventually[T](look: Callable[[], T], within_s: float = 5, every_s: float = 0.02) -> T:
    """The first true answer of `look`, asked again and again; an AssertionError when there is none in time.

    While `look` raises an AssertionError or answers something false, the answer is "not yet".
    """
    limit = time.monotonic() + within_s
    while True:
        try:
            seen: object = look()
            if seen:
                return seen  # type: ignore[return-value]
        except AssertionError as error:
            seen = error
        if time.monotonic() > limit:
            raise AssertionError(f"not within {within_s} s; seen last: {seen!r}")
        time.sleep(every_s)
