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
from callspan.cli.checks import setup
from callspan.cli.checks.command import check_command, run_command
from callspan.cli.checks.environment import NOTE, OK, PROBLEM, Check, CommandRun, Environment, Finding
from callspan.cli.checks.exporting import TIMEOUTS, check_exit, check_exporter
from callspan.cli.checks.others import check_others
from callspan.cli.checks.probe import TRIAL_SECONDS, report_of
from callspan.viewer.formats import fitting, many_text, one_line

# By name, in the order of the report
CHECKS: dict[str, Check] = {
    "installed": setup.check_installed,
    "loading": setup.check_loading,
    "patches": setup.check_patches,
    "settings": setup.check_settings,
    "content": setup.check_content,
    "others": check_others,
    "exporter": check_exporter,
    "exit": check_exit,
    "command": check_command,
}

_COLOURS = {OK: "green", NOTE: "yellow", PROBLEM: "red"}
_WIDTH = max(map(len, _COLOURS)) + 2
_LONGEST = 2000  # characters of a line


@click.command(context_settings={"help_option_names": ["-h", "--help"], "allow_interspersed_args": False})
@click.option("--json", "as_json", is_flag=True, help="Write the findings as JSON.")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def doctor(*, as_json: bool, command: tuple[str, ...]) -> None:
    """Find out why something is not traced.

    Checks what is installed and set, loads the instrumentations in a process of its own, and sends one real span
    to where the OTEL_* variables say. With a COMMAND it runs that too, and checks its trace, which goes nowhere else.

    \b
    callspan doctor
    callspan doctor -- python app.py
    callspan doctor --json -- app.py --its-own-option

    Exit codes: 0, 1 with a problem, 2 a wrong call.
    """  # noqa: D301 - click reads the backspace
    try:
        ran = run_command(command) if command else None
    except FileNotFoundError as missing:
        raise click.UsageError(str(missing)) from None
    found = list(examine(ran))
    click.echo(_as_json(found, ran) if as_json else _as_text(found))
    sys.exit(FINDING if any(finding.level == PROBLEM for _, finding in found) else 0)


def examine(ran: CommandRun | None = None) -> Iterator[tuple[str, Finding]]:
    """Check this environment, and the command that was run in it.

    Returns:
        The findings, each with the name of its check.
    """
    environment = _environment(ran)
    for name, check in CHECKS.items():
        for finding in check(environment):
            yield name, finding


def _environment(ran: CommandRun | None) -> Environment:
    no_exporters = {f"OTEL_{signal}_EXPORTER": "none" for signal in ("TRACES", "METRICS", "LOGS")}
    with ThreadPoolExecutor(2) as children:
        loading = children.submit(report_of, "loading", no_exporters)
        sending = children.submit(report_of, "sending", _short_timeouts())
    versions: dict[str, str] = {}
    instrumentors: dict[str, tuple[str, ...]] = {}
    for distribution in distributions():
        name = distribution.metadata["Name"]
        if not name or name.lower() in versions:  # broken, or hidden by one that is found first
            continue
        name = name.lower().replace("_", "-")
        versions[name] = distribution.version
        if entries := distribution.entry_points.select(group="opentelemetry_instrumentor"):
            instrumentors[name] = tuple(entry.name for entry in entries)
    return Environment(dict(os.environ), versions, instrumentors, *loading.result(), *sending.result(), ran)


def _short_timeouts() -> dict[str, str]:
    """Return variables that keep an exporter which cannot send from trying for long."""
    timeouts = {TIMEOUTS[-1]: f"{TRIAL_SECONDS:g}"}
    for name in TIMEOUTS:
        try:
            timeouts[name] = f"{min(float(os.environ[name]), TRIAL_SECONDS):g}"
        except (KeyError, ValueError):
            continue
    return timeouts


def _as_json(found: Sequence[tuple[str, Finding]], ran: CommandRun | None) -> str:
    findings = [
        {"check": name, "level": one.level, "what": one.what, **({"fix": one.fix} if one.fix else {})}
        for name, one in found
    ]
    command = {} if ran is None else {"command": {"words": list(ran.command), "exit_code": ran.code}}
    return json.dumps({"findings": findings, **command}, indent=2)


def _as_text(found: Sequence[tuple[str, Finding]]) -> str:
    is_coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    lines: list[str] = []
    for _, one in found:
        mark = one.level.ljust(_WIDTH)
        lines.append((click.style(mark, fg=_COLOURS[one.level]) if is_coloured else mark) + _printable(one.what))
        if one.fix:
            lines.append(f"{'':{_WIDTH}}fix: {_printable(one.fix)}")
    count = {level: sum(one.level == level for _, one in found) for level in (PROBLEM, NOTE)}
    total = ", ".join(many_text(number, level) for level, number in count.items() if number)
    return "\n".join([*lines, "", total or "all is well"])


def _printable(text: str) -> str:
    """Return a text as one line that the terminal can show: what others log may have anything in it."""
    return fitting(one_line(text, _LONGEST), sys.stdout.encoding or "ascii")
