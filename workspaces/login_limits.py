"""How often a login may be tried: sliding windows of a minute in the memory of each web process.

With N web processes N times as many tries pass: enough against guessing, and no table that an attacker can fill.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque

from workspaces import clock
from workspaces.errors import TooMany

WINDOW_S = 60.0
PER_ACCOUNT = 10
PER_ADDRESS = 30
OVERALL = 120
MAX_KEYS = 10_000

_lock = threading.Lock()
_tries: OrderedDict[str, deque[float]] = OrderedDict()


def require_try(email: str, address: str) -> None:
    """Count a try for the account, the client's address and everybody. Raises TooMany when one of them is used up."""
    now = clock.monotonic()
    limits = {f"account {email.lower()}": PER_ACCOUNT, f"address {address}": PER_ADDRESS, "overall": OVERALL}
    with _lock:
        for key, limit in limits.items():
            if len(_recent(key, now)) >= limit:
                wait_s = max(1, round(_tries[key][0] + WINDOW_S - now))
                raise TooMany(f"Too many login attempts; try again in {wait_s} s")
        for key in limits:
            _recent(key, now).append(now)
        while len(_tries) > MAX_KEYS:
            _tries.popitem(last=False)


def forgive(email: str, address: str) -> None:
    """The password was right: the account's count is cleared and the try counts for nobody."""
    with _lock:
        _tries.pop(f"account {email.lower()}", None)
        for key in (f"address {address}", "overall"):
            if _tries.get(key):
                _tries[key].pop()


def clear() -> None:
    with _lock:
        _tries.clear()


def _recent(key: str, now: float) -> deque[float]:
    tries = _tries.setdefault(key, deque())
    _tries.move_to_end(key)
    while tries and now - tries[0] > WINDOW_S:
        tries.popleft()
    return tries
