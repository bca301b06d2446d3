"""The printed report: one line a figure, with its ratio to a limit where there is one."""

import math
from dataclasses import dataclass, field


def percentile(values: list[float], share: float) -> float:
    """The nearest-rank percentile of `values` (0 < share <= 1)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


@dataclass
class Report:
    """`jobs` and `calls` are the sizes asked for; `known` keeps rates by name, for ratios."""

    jobs: int
    calls: int
    known: dict[str, float] = field(default_factory=dict)

    def heading(self, lines: list[str]) -> None:
        print("\n".join(lines), flush=True)

    def latency(self, name: str, milliseconds: list[float], *, over: str = "") -> None:
        """p50/p95/p99 of a list; `over` names an earlier latency to give the p50's ratio to."""
        p50, p95, p99 = (percentile(milliseconds, share) for share in (0.5, 0.95, 0.99))
        self.known[name] = p50
        line = f"{name:<58} p50 {p50:8.2f}  p95 {p95:8.2f}  p99 {p99:8.2f} ms   n={len(milliseconds)}"
        print(line + self._ratio(p50, over), flush=True)

    def rate(self, name: str, per_second: float, *, over: str = "") -> None:
        self.known[name] = per_second
        print(f"{name:<58} {per_second:12,.0f} /s{self._ratio(per_second, over)}", flush=True)

    def amount(self, name: str, value: float, unit: str) -> None:
        self.known[name] = value
        print(f"{name:<58} {value:12,.1f} {unit}", flush=True)

    def _ratio(self, value: float, over: str) -> str:
        return f"   {value / self.known[over]:.2f} x {over}" if self.known.get(over) else ""
