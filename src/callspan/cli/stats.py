"""`callspan stats`: counts, times, tokens and cost of the calls in trace files."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import click
from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from callspan.cli import FINDING, UNREADABLE
from callspan.cli.shared import exit_unreadable, prices_option, report_skipped
from callspan.viewer.analyze import Price
from callspan.viewer.formats import change_text, count_text, fitting, many_text, money_text, one_line, time_text
from callspan.viewer.read import Source
from callspan.viewer.stats import FEW, Change, Key, Row, Stats, changes, percentile, shown_rows, stats_of

_GROUPS = ("model", "tool", "agent")

# By kind: the word before its rows, and its colour
_WORDS = {
    "llm": ("model", "blue"),
    "embedding": ("embed", "cyan"),
    "tool": ("tool", "yellow"),
    "retriever": ("search", "cyan"),
    "agent": ("agent", "magenta"),
    "workflow": ("flow", "bright_black"),
    "run": ("run", "bold"),
}

_LEFT = ("", "name")
_TIMES = ("p50", "p95", "max")
_COLUMNS = (*_LEFT, "calls", "failed", *_TIMES, "first", "tokens in→out", "cost", "Δ p95", "Δ cost", "!")
_OPTIONAL = ("first", "max", "tokens in→out", "cost", "failed")  # a narrow terminal goes without, the first first
_SHORTEST = 14  # cells of a name before columns go

_GREY, _WARNING = "bright_black", "bold yellow"

_Line = dict[str, Text]  # by column; `few` stands across the columns of times


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

        click.echo(as_csv(rows, before, changed).encode(), nl=False)  # UTF-8 on every terminal
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
    """Print the table, as wide as it must be, narrower where the terminal is."""
    console = Console(highlight=False, soft_wrap=True)
    width, encoding = (console.width if console.is_terminal else None), console.encoding
    lines: list[_Line] = []
    for place, row in enumerate(rows):
        is_first = place == 0 or rows[place - 1].kind != row.kind
        lines.append(_line(row, is_first, before, changed.get((row.kind, row.name))))
    names = [name for name in _COLUMNS if name in _LEFT or any(name in line for line in lines)]
    lines.insert(0, {name: Text("" if name in _LEFT else name, _GREY) for name in names})
    for line in lines:
        line.update({name: Text(fitting(cell.plain, encoding), cell.style) for name, cell in line.items()})
    widths = _widths(names, lines, width)
    drawn = [_drawn(line, widths, fitting("…", encoding)) for line in lines]
    for text in (*_heading(now, before, max(map(len, drawn)), width, encoding), *drawn):
        console.print(text)


def _heading(now: Stats, before: Stats | None, wide: int, width: int | None, encoding: str) -> list[Text]:
    """Return the first line: what was read, and what it is compared with; as two where one is too short."""
    parts = [many_text(now.total.calls, "run"), many_text(now.spans, "span")]
    found = ((now.total.failed, "failed"), (now.paused, "paused"), (now.unended, "did not end"))
    parts[1:1] = [f"{count:,} {word}" for count, word in found if count]
    left = fitting(f"{_names(now.source)}: {', '.join(parts)}", encoding)
    if before is None:
        return [Text(left, "bold")]
    right = fitting(f"against {_names(before.source)}: {many_text(before.total.calls, 'run')}", encoding)
    space = max(3, wide - len(left) - len(right))
    if width is not None and len(left) + space + len(right) > width:
        return [Text(left, "bold"), Text(right, _GREY)]
    return [Text(left, "bold") + Text(" " * space) + Text(right, _GREY)]


def _names(source: Source) -> str:
    return one_line(source.files[0]) if len(source.files) == 1 else f"{len(source.files)} files"


def _line(row: Row, is_first: bool, before: Stats | None, changed: Change | None) -> _Line:
    word, colour = _WORDS[row.kind]
    line = {"": Text(word if is_first else "", colour), "name": Text(one_line(row.name), "" if row.calls else _GREY)}
    if not row.calls:
        return line | {"calls": Text("gone", _GREY)}
    line["calls"] = Text(f"{row.calls:,}")
    line["failed"] = Text(f"{row.failed:,}", "red" if row.failed else _GREY)
    times = sorted(row.times)
    if len(times) < FEW:
        line |= {"few": Text("  ".join(map(time_text, times)), _GREY), **dict.fromkeys(_TIMES, Text())}
    else:
        shown = (percentile(times, 0.5), percentile(times, 0.95), times[-1])
        line |= {name: Text(time_text(time)) for name, time in zip(_TIMES, shown, strict=True)}
    if row.firsts:
        line["first"] = Text(time_text(percentile(sorted(row.firsts), 0.5)))
    if row.priced or row.unpriced:
        cost = f"{'≥ ' if row.unpriced else ''}{money_text(row.cost)}" if row.priced else "—"
        line["tokens in→out"] = Text(f"{count_text(row.tokens[0])}→{count_text(row.tokens[1])}", _GREY)
        line["cost"] = Text(cost, _GREY)
    if before is not None and (row.kind, row.name) not in before.rows:
        line["Δ p95"] = Text("new", _GREY)
    elif changed is not None:
        if changed.time is not None:
            line["Δ p95"] = Text(change_text(changed.time), _WARNING if changed.slower else _GREY)
        if changed.cost is not None:
            line["Δ cost"] = Text(change_text(changed.cost), _WARNING if changed.dearer else _GREY)
        if changed.worse:
            line["!"] = Text("!", _WARNING)
    return line


def _widths(names: Sequence[str], lines: Sequence[_Line], width: int | None) -> dict[str, int]:
    """Return the columns that fit, with their widths in cells."""
    widths = {name: max(line[name].cell_len for line in lines if name in line) for name in names}
    if any("few" in line for line in lines):
        widths["p50"] += max(0, max(line["few"].cell_len for line in lines if "few" in line) - _times_width(widths))
    full = widths["name"]
    if width is None:
        return widths
    for name in ("", *_OPTIONAL):
        if name:
            widths.pop(name, None)
        over = full + sum(cells for column, cells in widths.items() if column != "name") + 2 * (len(widths) - 1) - width
        widths["name"] = max(min(full, _SHORTEST), full - max(0, over))
        if over <= full - widths["name"]:
            break
    return widths


def _times_width(widths: Mapping[str, int]) -> int:
    known = [widths[name] for name in _TIMES if name in widths]
    return sum(known) + 2 * (len(known) - 1)


def _drawn(line: _Line, widths: Mapping[str, int], more: str) -> Text:
    drawn = Text()
    for place, (name, width) in enumerate(widths.items()):
        cell = line.get(name, Text(""))
        if "few" in line and name in _TIMES:
            if name != "p50":
                continue
            cell, width = line["few"], _times_width(widths)  # noqa: PLW2901 - it stands across three columns
        text = cell.plain
        if cell_len(text) > width:
            text = set_cell_size(text, max(0, width - 1)) + more
        space = " " * (width - cell_len(text))
        drawn.append(("  " if place else "") + (text + space if name in _LEFT else space + text), cell.style or None)
    drawn.rstrip()
    return drawn
