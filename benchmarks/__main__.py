"""The command: `python -m benchmarks [--quick] [--rounds N] [--only TEXT] [--json FILE]`."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

os.environ["LANGSMITH_TRACING"] = "false"  # its handler would stand in every contender

from benchmarks.report import as_json, environment, print_report
from benchmarks.rotation import measure
from benchmarks.workloads import all_workloads


def main() -> None:
    """Measure, print, and write the JSON file if one is asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="What callspan costs, in CPU time.")
    parser.add_argument("--quick", action="store_true", help="one short round: shows that it works, measures nothing")
    parser.add_argument("--rounds", type=int, default=40, help="how often each contender has its turn (default: 40)")
    parser.add_argument("--only", default="", metavar="TEXT", help="the workloads whose name contains this")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the same figures there")
    options = parser.parse_args()

    workloads = [workload for workload in all_workloads() if options.only in f"{workload.name}, {workload.mode}"]
    if not workloads:
        parser.error(f"no workload contains {options.only!r}")
    rounds, turn = (1, 0) if options.quick else (options.rounds, 6_000_000)
    results = measure(workloads, rounds=rounds, turn=turn)
    print_report(results, rounds=rounds)
    if options.json is not None:
        options.json.write_text(json.dumps({"environment": environment(), **as_json(results)}, indent=2) + "\n")


if __name__ == "__main__":
    main()
