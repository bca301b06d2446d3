"""`make bench`: boots a site of its own, measures, prints a table. `python -m bench latency drain` for some of it."""

import argparse

from bench import accept, drain, latency, limits, machine, memory
from bench.report import Report
from bench.site import bench_site

SCENARIOS = {
    "limits": limits.measure,
    "memory": memory.measure,
    "latency": latency.measure,
    "accept": accept.measure,
    "drain": drain.measure,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("scenarios", nargs="*", choices=[*SCENARIOS, []], help="all of them when none is named")
    parser.add_argument("--jobs", type=int, default=5000, help="jobs of a drain")
    parser.add_argument("--calls", type=int, default=300, help="sequential calls of a latency")
    asked = parser.parse_args()
    report = Report(jobs=asked.jobs, calls=asked.calls)
    with bench_site() as site:
        report.heading(machine.describe(site))
        for name in asked.scenarios or SCENARIOS:
            SCENARIOS[name](site, report)


main()
