"""`callspan stats`: counts, times, tokens and cost of what is in trace files."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from callspan.cli import FINDING, UNREADABLE
from callspan.cli.shared import exit_unreadable, prices_option, report_skipped
from callspan.viewer.analyze import Price
from callspan.viewer.formats import fitting, many_text, one_line
from callspan.viewer.read import Source
from callspan.viewer.stats import Change, Key, Row, Stats, changes, shown_rows, stats_of

_GROUPS = ("model", "tool", "agent")


@click.command(short_help="Count, time and price the calls in trace files.")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@click.option("--against", multiple=True, type=click.Path(path_type=Path), metavar="FILE", help="Compare with these.")
@click.option("--by", type=click.Choice([*_GROUPS, "run"]), help="Only these rows.  [default: all but runs]")
@click.option("--json", "form", flag_value="json", help="Write the numbers as JSON: seconds, tokens, US dollars.")
@click.option("--csv", "form", flag_value="csv", help="Write them as CSV.")
@click.option("--fail-on-regression", is_flag=True, help="Exit with 1 where a row has a !.")
@prices_option
def stats(
    files: tuple[Path, ...],
    against: tuple[Path, ...],
    by: str | None,
    form: str | None,
    fail_on_regression: bool,
    price: Price | None,
) -> None:
    """Count, time and price the calls in trace FILEs.

    \b
    callspan stats trace.jsonl
    callspan stats new.jsonl --against old.jsonl --fail-on-regression
    callspan stats trace-*.jsonl --by tool --csv
    callspan stats trace.jsonl --prices builtin

    Times are p50 and p95 from 5 calls on, else the times themselves. ! is worse by more than 10 % and 50 ms (or $0.001
    a call), with 20 calls or more on both sides. A cost with a gap is a least (≥), one that nobody knows is —.

    Exit codes: 0, 1 a regression with --fail-on-regression, 2 a wrong call, 3 unreadable input.
    """  # noqa: D301 - click reads the backspace
    if fail_on_regression and not against:
        raise click.UsageError("--fail-on-regression needs --against FILE")
    now = _read(files, price)
    before = _read(against, price) if against else None
    changed = changes(now, before) if before is not None else {}
    rows = shown_rows(now, [by] if by else _GROUPS, before)
    if form == "json":
        from callspan.viewer.stats_data import as_json

        click.echo(as_json(now, rows, before, changed))
    elif form == "csv":
        from callspan.viewer.stats_data import as_csv

        click.echo(as_csv(rows, before, changed).encode(), nl=False)  # UTF-8, whatever the terminal has
    else:
        _print_table(now, rows, before, changed)
    if fail_on_regression and any(changed[key].worse for row in rows if (key := (row.kind, row.name)) in changed):
        sys.exit(FINDING)


def _read(files: Sequence[Path], price: Price | None) -> Stats:
    """Read one side, and report what could not be read; end the command where nothing could."""
    found = Stats()
    try:
        stats_of(files, price, found)
    except OSError as error:
        exit_unreadable(error, found.source)
    report_skipped(found.source)
    if not found.spans:
        sys.exit(UNREADABLE)
    return found


def _print_table(now: Stats, rows: Sequence[Row], before: Stats | None, changed: Mapping[Key, Change]) -> None:
    from callspan.cli.stats_table import table

    console = Console(highlight=False, soft_wrap=True)
    width = console.width if console.is_terminal else None
    lines = table(rows, before, changed, width, console.encoding)
    for line in (*_heading(now, before, max(map(len, lines)), width, console.encoding), *lines):
        console.print(line)


def _heading(now: Stats, before: Stats | None, wide: int, width: int | None, encoding: str) -> list[Text]:
    """Return the first line: what was read, and what it is compared with; as two where one is too short."""
    told = [many_text(now.total.calls, "run"), many_text(now.spans, "span")]
    found = ((now.total.failed, "failed"), (now.paused, "paused"), (now.unended, "did not end"))
    told[1:1] = [f"{count:,} {word}" for count, word in found if count]
    left = fitting(f"{_names(now.source)}: {', '.join(told)}", encoding)
    if before is None:
        return [Text(left, "bold")]
    right = fitting(f"against {_names(before.source)}: {many_text(before.total.calls, 'run')}", encoding)
    space = max(3, wide - len(left) - len(right))
    if width is not None and len(left) + space + len(right) > width:
        return [Text(left, "bold"), Text(right, "bright_black")]
    return [Text(left, "bold") + Text(" " * space) + Text(right, "bright_black")]


def _names(source: Source) -> str:
    return one_line(source.files[0]) if len(source.files) == 1 else f"{len(source.files)} files"
