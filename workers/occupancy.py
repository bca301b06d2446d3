"""How busy this process is and what memory it takes."""

from __future__ import annotations

import os
import time
from pathlib import Path

_PAGE_KB = os.sysconf("SC_PAGE_SIZE") // 1024


class Occupancy:
    """Busy slot time over all slot time since the start, the recent past weighing more."""

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._busy = 0
        self._since = self._started = time.monotonic()
        self._busy_s = self._total_s = 0.0

    def set_busy(self, count: int) -> None:
        self._add()
        self._busy = count

    def rate(self) -> float:
        """0 to 1 over about the last five minutes."""
        self._add()
        if self._total_s > 300:
            self._busy_s, self._total_s = self._busy_s * 150 / self._total_s, 150.0
        return round(self._busy_s / (self._total_s * self._slots), 4) if self._total_s > 0 else 0.0

    def memory_kb(self) -> int:
        """Resident memory of this process."""
        return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE_KB

    def _add(self) -> None:
        now = time.monotonic()
        self._busy_s += min(self._busy, self._slots) * (now - self._since)
        self._total_s += now - self._since
        self._since = now
