"""Idle memory of the whole `up` with two slots, the database's processes left out."""

from pathlib import Path

import psutil

from bench.report import Report
from bench.site import Site


def measure(site: Site, report: Report) -> None:
    """PSS: shared pages counted once, divided among those who share them."""
    processes = [psutil.Process(site.live.running.pid)]
    processes += processes[0].children(recursive=True)
    ours = [each for each in processes if each.name() != "postgres"]
    report.amount(f"idle memory, PSS of {len(ours)} processes, 2 slots", sum(map(_pss_kb, ours)) / 1024, "MB")


def _pss_kb(process: psutil.Process) -> int:
    try:
        text = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")), 0)
