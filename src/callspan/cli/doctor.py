"""`callspan doctor`: why something is not traced, and what to do about it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import distributions

import click

from callspan.cli import FINDING
from callspan.cli.checks import (
    command_report,
    exits,
    exporter,
    exporter_trial,
    installed,
    others,
    patches,
    settings,
    zero_code,
)
from callspan.cli.checks.child import report_of
from callspan.cli.checks.command import Ran, run
from callspan.cli.checks.finding import NOTE, OK, PROBLEM, Case, Check, Finding
from callspan.cli.checks.probe import QUIET

# By name, in the order in which they are told; each is one file of `cli/checks`
# By name, in the order of the report; each is a function of a file of `cli/checks`.
CHECKS: tuple[tuple[str, Check], ...] = (
    ("installed", installed.check),
    ("loading", zero_code.check),
    ("patches", patches.check),
    ("settings", settings.check),
    ("content", settings.check_content),
    ("others", others.check),
    ("exporter", exporter.check),
    ("exit", exits.check),
    ("command", command_report.check),
)

_TIMEOUTS = ("OTEL_EXPORTER_OTLP_TIMEOUT", "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT")


@click.command(context_settings={"help_option_names": ["-h", "--help"], "allow_interspersed_args": False})
@click.option("--json", "as_json", is_flag=True, help="Write the findings as JSON.")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def doctor(*, as_json: bool, command: tuple[str, ...]) -> None:
    """Find out why something is not traced.

    Looks at what is installed and set, loads the instrumentations in a process of its own, and sends one real span
    to where the OTEL_* variables say. With a COMMAND it runs that too, and judges its trace, which goes nowhere else.

    \b
    callspan doctor
    callspan doctor -- python app.py
    callspan doctor --json -- app.py --its-own-option

    Exit codes: 0, 1 with a problem, 2 a wrong call.
    """  # noqa: D301 - click reads the backspace
    try:
        ran = run(command) if command else None
    except FileNotFoundError as missing:
        raise click.UsageError(str(missing)) from None
    found = list(examine(ran))
    click.echo(_as_json(found, ran) if as_json else _as_text(found))
    sys.exit(FINDING if any(finding.level == PROBLEM for _, finding in found) else 0)


def examine(ran: Ran | None = None) -> Iterator[tuple[str, Finding]]:
    """Check this environment, check by check.

    Returns:
        The findings, each with the name of its check.
    """
    case = _case(ran)
    for name, check in CHECKS:
        for finding in check(case):
            yield name, finding


def _case(ran: Ran | None) -> Case:
    with ThreadPoolExecutor(2) as children:
        probing = children.submit(report_of, "callspan.cli.checks.probe", QUIET)
        sending = children.submit(report_of, "callspan.cli.checks.exporter_trial", _bounded())
        (probe, broken), (sent, unsent) = probing.result(), sending.result()
    versions: dict[str, str] = {}
    instrumentors: dict[str, tuple[str, ...]] = {}
    for distribution in distributions():
        name = distribution.metadata["Name"]
        if not name or name.lower() in versions:  # broken, or hidden by one that is found first
            continue
        name = name.lower().replace("_", "-")
        versions[name] = distribution.version
        found = distribution.entry_points.select(group="opentelemetry_instrumentor")
        if names := tuple(entry.name for entry in found):
            instrumentors[name] = names
    return Case(dict(os.environ), versions, instrumentors, probe, broken, sent, unsent, ran)


def _bounded() -> dict[str, str]:
    """Keep an exporter that cannot send from trying for long."""
    bounded = {_TIMEOUTS[0]: f"{exporter_trial.LONGEST:g}"}
    for name in _TIMEOUTS:
        try:
            bounded[name] = f"{min(float(os.environ[name]), exporter_trial.LONGEST):g}"
        except (KeyError, ValueError):
            continue
    return bounded


def _as_json(found: Sequence[tuple[str, Finding]], ran: Ran | None) -> str:
    findings = [
        {"check": name, "level": one.level, "what": one.what, **({"fix": one.fix} if one.fix else {})}
        for name, one in found
    ]
    command = {} if ran is None else {"command": {"words": list(ran.command), "exit_code": ran.code}}
    return json.dumps({"findings": findings, **command}, indent=2)


_COLOURS = {OK: "green", NOTE: "yellow", PROBLEM: "red"}
_WIDTH = max(map(len, _COLOURS)) + 2


def _as_text(found: Sequence[tuple[str, Finding]]) -> str:
    lines: list[str] = []
    for _, one in found:
        mark = one.level.ljust(_WIDTH)
        lines.append((click.style(mark, fg=_COLOURS[one.level]) if _is_coloured() else mark) + _safe(one.what))
        if one.fix:
            lines.append(f"{'':{_WIDTH}}fix: {_safe(one.fix)}")
    count = {level: sum(one.level == level for _, one in found) for level in (PROBLEM, NOTE)}
    said = [f"{number} {level}{'' if number == 1 else 's'}" for level, number in count.items() if number]
    return "\n".join([*lines, "", ", ".join(said) or "all is well"])


def _is_coloured() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _safe(text: str) -> str:
    """Write a text in one line that any terminal can show: what others say may have anything in it."""
    encoding = sys.stdout.encoding or "ascii"
    shown = "".join(letter if letter.isprintable() else " " for letter in " ".join(text.split()))
    return shown.encode(encoding, "backslashreplace").decode(encoding)
