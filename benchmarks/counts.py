"""The command: `python -m benchmarks.counts [--update] [--only TEXT]`: what a call costs, in instructions.

Instructions are counted by callgrind, so a busy machine gives the numbers of an idle one. A count is the difference
between 2N and N calls, divided by N. It fails where one is more than 5 % worse than in `counts.json`.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).parent
KEPT = HERE / "counts.json"
TOLERANCE = 0.05
NOISE = 3_000
"""Instructions by which two counts of the same program may differ."""

RUNS = {"sequence of 20": 21}
"""The runs of a call, where a count per run is of interest."""

TOKENS = 500

INCREMENTS = {"lambda": 1.45, "sequence of 20": 1.40, "tool": 1.55, "chat": 1.75, "chat, async": 2.1}
SAMPLED_OUT = {"lambda": 50, "chat": 80, "tool": 80}
"""kIr above the floor: 10 kIr are about one microsecond."""

BESIDE = {"lambda": 0.5, "chat": 0.5, "tool": 0.5, "agent of 5 steps": 0.6, "fan-out of 50": 0.6}
BESIDE |= {"stream of 500": 0.1, "200 kB with content": 0.6}
BESIDE_METRICS = {"lambda": 0.6, "chat": 0.6, "tool": 0.6}
HEARD_TOKEN = 10
"""kIr per heard token."""

Counts = dict[str, dict[str, float]]
"""kIr per call, by workload and contender."""


def missing() -> str | None:
    """Return why nothing can be counted; None if it can."""
    for program in ("valgrind", "gcc"):
        if shutil.which(program) is None:
            return f"{program} is not installed"
    found = subprocess.run(
        ["gcc", "-E", "-include", "valgrind/callgrind.h", "-"], input=b"", capture_output=True, check=False
    )
    return None if found.returncode == 0 else "valgrind/callgrind.h is not installed"


def official() -> str:
    """Install the official package beside the environment; return where, or nothing if it cannot be had."""
    folder = Path(sys.prefix) / "official"
    if not folder.exists():
        packages = ["opentelemetry-instrumentation-genai-langchain", "opentelemetry-util-genai"]
        pip = [sys.executable, "-m", "pip"] if find_spec("pip") else ["uv", "pip"]
        command = [*pip, "install", "--quiet", "--pre", "--no-deps", "--target", str(folder), *packages]
        if subprocess.run(command, check=False).returncode:
            print("The official package cannot be installed: counted without it.")
            return ""
    return str(folder)


def count(only: str) -> Counts:
    """Run the workloads under callgrind."""
    with tempfile.TemporaryDirectory() as folder:
        library, out = f"{folder}/callgrind.so", f"{folder}/out.%p"
        subprocess.run(["gcc", "-shared", "-fPIC", "-O2", "-o", library, HERE / "callgrind.c"], check=True)
        valgrind = ["valgrind", "-q", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={out}"]
        program = ["-W", "ignore", "-m", "benchmarks.counted", library, official(), "--only", only]
        environment = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
        subprocess.run([*valgrind, sys.executable, *program], cwd=HERE.parent, env=environment, check=True)
        return _read(Path(folder))


def _read(folder: Path) -> Counts:
    totals: dict[tuple[str, str], dict[int, int]] = defaultdict(dict)
    for path in folder.glob("out.*"):
        text = path.read_text(errors="replace")
        label = re.search(r"Trigger: Client Request: (.*)\|(.*)\|(\d+)$", text, re.MULTILINE)
        total = re.search(r"^(?:totals|summary): (\d+)", text, re.MULTILINE)
        if label and total:
            totals[label[1], label[2]][int(label[3])] = int(total[1])
    counts: Counts = defaultdict(dict)
    for (workload, contender), by_calls in sorted(totals.items()):
        if len(by_calls) == 2:
            n = min(by_calls)
            counts[workload][contender] = round((by_calls[2 * n] - by_calls[n]) / n / 1000, 1)
    return dict(counts)


def over(row: dict[str, float], contender: str, base: str = "plain") -> float | None:
    """Return what the contender costs above another."""
    return row[contender] - row[base] if contender in row and base in row else None


def ratio(row: dict[str, float], contender: str, other: str) -> float | None:
    """Return a contender's increment over plain, divided by another's."""
    above, below = over(row, contender), over(row, other)
    return above / below if above is not None and below else None


def gates(counts: Counts) -> Iterator[tuple[str, str, float, float]]:
    """Return each gate that was counted: its name, the workload, the number and the limit."""
    for name, row in counts.items():
        above_floor = over(row, "callspan, sampled out", "floor, sampled out")
        for gate, figure, limits in (
            ("callspan / floor", ratio(row, "callspan", "floor"), INCREMENTS),
            ("sampled out, kIr above the floor", above_floor, SAMPLED_OUT),
            ("callspan / official", ratio(row, "callspan", "official"), BESIDE),
            ("the same with metrics", ratio(row, "callspan, metrics", "official, metrics"), BESIDE_METRICS),
        ):
            if figure is not None and name in limits:
                yield gate, name, figure, limits[name]
    heard = over(counts.get("stream of 500", {}), "callspan, heard", "callspan")
    if heard is not None:
        yield "a heard token, kIr", "stream of 500", heard / TOKENS, HEARD_TOKEN


def table(counts: Counts) -> str:
    """Return the counts as a Markdown table."""
    columns = (
        "plain",
        "floor +",
        "callspan +",
        "increment",
        "sampled out: floor +, callspan +",
        "heard +",
        "/ official",
    )
    lines = [f"| kIr per run | {' | '.join(columns)} | with metrics |", "|---" * (len(columns) + 2) + "|"]
    for name, row in counts.items():
        runs = RUNS.get(name, 1)

        def per_run(contender: str, row: dict[str, float] = row, runs: int = runs) -> str:
            return _figure(over(row, contender), runs)

        cells = (
            f"{name}, per run" if runs > 1 else name,
            _figure(row.get("plain"), runs),
            per_run("floor"),
            per_run("callspan"),
            _ratio(ratio(row, "callspan", "floor")),
            f"{per_run('floor, sampled out')}, {per_run('callspan, sampled out')}",
            per_run("callspan, heard"),
            _ratio(ratio(row, "callspan", "official")),
            _ratio(ratio(row, "callspan, metrics", "official, metrics")),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _figure(value: float | None, runs: int) -> str:
    return "" if value is None else f"{value / runs:,.0f}"


def _ratio(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def worse(counts: Counts, kept: Counts) -> list[str]:
    """Return the rows where callspan costs more than the kept count and the tolerance allow."""
    found = []
    for name, row in counts.items():
        for contender in (contender for contender in row if contender.startswith("callspan")):
            now, before = over(row, contender), over(kept.get(name, {}), contender)
            if now is not None and before is not None and now > before * (1 + TOLERANCE) + NOISE / 1000:
                found.append(f"{name}, {contender}: {now:,.0f} kIr over plain, {before:,.0f} in {KEPT.name}")
    return found


def main() -> int:
    """Count, print, compare or write."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.counts", description="What callspan costs, in instructions."
    )
    parser.add_argument("--update", action="store_true", help=f"write {KEPT.name} instead of comparing with it")
    parser.add_argument("--only", default="", metavar="TEXT", help="the workloads whose name contains this")
    options = parser.parse_args()
    if (reason := missing()) is not None:
        print(f"Nothing is counted: {reason}.")
        return 0
    counts = count(options.only)
    kept: Counts = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    print(table(counts), "\n")
    for gate, name, figure, limit in gates(counts):
        print(f"{'met   ' if figure <= limit else 'missed'}  {gate}: {name} {figure:.2f}, at most {limit}")
    if options.update:
        KEPT.write_text(json.dumps({**kept, **counts}, indent=1) + "\n")
        return 0
    for line in (found := worse(counts, kept)):
        print(f"worse   {line}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
