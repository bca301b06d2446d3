"""What the figures were measured on."""

import os
import platform
from pathlib import Path

from bench.site import Site


def describe(site: Site) -> list[str]:
    """Lines for the head of the report."""
    cpu = next((line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "?")
    memory_kb = next((int(line.split()[1]) for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), 0)
    (postgres,) = site.sql("SHOW server_version")[0]
    levels = site.sql("SELECT DISTINCT sandbox_level FROM worker")
    return [
        f"machine   {os.cpu_count()} x {cpu}, {memory_kb / 1048576:.0f} GiB, Linux {platform.release()}",
        f"software  Python {platform.python_version()}, Postgres {postgres}, load before {os.getloadavg()[0]:.2f}",
        f"sandbox   {', '.join(level for (level,) in levels) or 'no worker'}",
        "",
    ]


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()
