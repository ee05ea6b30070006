"""What is printed: a table for each workload, and the gates."""

from __future__ import annotations

import platform
from importlib.metadata import version
from itertools import groupby
from typing import Any

from benchmarks.contenders import CALLSPAN, CALLSPAN_SAID, PLAIN
from benchmarks.gates import AIM, GATE, Verdict, per_run, per_token, ratio, said_ratio, verdicts
from benchmarks.rotation import Result

_PACKAGES = ("langchain-core", "langgraph", "opentelemetry-sdk", "callspan")


def environment() -> dict[str, str]:
    """Say what the figures are of."""
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "machine": platform.machine(),
        **{package: version(package) for package in _PACKAGES},
    }


def print_report(results: list[Result], *, rounds: int) -> None:
    """Print the tables and the gates."""
    print(", ".join(f"{name} {value}" for name, value in environment().items()))
    print(f"CPU time, lower quartile of {rounds} rounds. +: the increment over plain LangChain, per run.\n")
    for result in results:
        _print_table(result)
    _print_gates(results)


def _print_table(result: Result) -> None:
    runs = f"{result.runs} run{'' if result.runs == 1 else 's'}"
    print(f"{result.workload.name}, {result.workload.mode} ({runs})")
    tokens = "  + µs/token" if result.workload.tokens else ""
    print(f"  {'':24}{'µs/call':>10}{'+ µs/run':>10}{tokens}")
    for name in result.times:
        increment = "" if name == PLAIN else f"{per_run(result, name):10.2f}"
        token = f"{per_token(result, name):12.3f}" if tokens and increment else ""
        times = ratio(result) if name == CALLSPAN else said_ratio(result) if name == CALLSPAN_SAID else None
        times_floor = "" if times is None else f"  {times:.2f} x floor"
        print(f"  {name:24}{result.micros(name):10.1f}{increment}{token}{times_floor}")
    print()


def _print_gates(results: list[Result]) -> None:
    print("Gates")
    for name, group in groupby(verdicts(results), key=lambda verdict: verdict.gate):
        found = list(group)
        print(f"  {name}: {sum(verdict.met for verdict in found)} of {len(found)} met, at most {found[0].limit:g}")
        for verdict in found:
            print(f"    {verdict.workload:28}{verdict.figure:10.2f} {verdict.unit:11}{_word(verdict)}")


def _word(verdict: Verdict) -> str:
    if verdict.limit == GATE and verdict.figure <= AIM:
        return f"met, within the aim of {AIM}"
    return "met" if verdict.met else "MISSED"


def as_json(results: list[Result]) -> dict[str, Any]:
    """Give the same figures as data."""
    return {
        "workloads": [
            {
                "name": result.workload.name,
                "mode": result.workload.mode,
                "runs": result.runs,
                "tokens": result.workload.tokens,
                "ratio": ratio(result),
                "ratio_with_content": said_ratio(result),
                "contenders": {
                    name: {"micros_per_call": result.micros(name), "increment_per_run": per_run(result, name)}
                    for name in result.times
                },
            }
            for result in results
        ],
        "gates": [
            {
                "gate": verdict.gate,
                "workload": verdict.workload,
                "figure": verdict.figure,
                "unit": verdict.unit,
                "limit": verdict.limit,
                "met": verdict.met,
            }
            for verdict in verdicts(results)
        ],
    }
