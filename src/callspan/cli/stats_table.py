"""The table of `callspan stats`: as wide as it must be, narrower where the terminal is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from callspan.viewer.formats import change_text, count_text, fitting, money_text, one_line, time_text
from callspan.viewer.stats import FEW, Change, Key, Row, Stats, percentile

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

_GREY = "bright_black"
_LEFT = ("", "name")
# Columns that a narrow terminal goes without, the first of them first
_OPTIONAL = ("first", "max", "tokens in→out", "cost", "failed")

_SHORTEST = 14  # cells of a name before columns go

_TIMES = ("p50", "p95", "max")


@dataclass(frozen=True, slots=True)
class _Cell:
    text: str
    style: str = ""


_Line = dict[str, _Cell]


def table(
    rows: Sequence[Row],
    before: Stats | None,
    changed: Mapping[Key, Change],
    width: int | None,
    encoding: str,
) -> list[Text]:
    """Return the lines of the table, heads first, in at most `width` cells and in signs that `encoding` has."""
    lines: list[_Line] = []
    for place, row in enumerate(rows):
        first = place == 0 or rows[place - 1].kind != row.kind
        lines.append(_line(row, first, before, changed.get((row.kind, row.name))))
    names = [name for name in _HEADS if name in _LEFT or any(name in line for line in lines)]
    heads = {name: _Cell("" if name in _LEFT else name, _GREY) for name in names}
    every = [
        {name: _Cell(fitting(cell.text, encoding), cell.style) for name, cell in line.items()}
        for line in (heads, *lines)
    ]
    widths = {name: max(cell_len(line[name].text) for line in every if name in line) for name in names}
    _widen_for_few(every, widths)
    _narrow(widths, width)
    more = fitting("…", encoding)
    return [_drawn(line, widths, more) for line in every]


_HEADS = ("", "name", "calls", "failed", *_TIMES, "first", "tokens in→out", "cost", "Δ p95", "Δ cost", "!")


def _line(row: Row, first: bool, before: Stats | None, changed: Change | None) -> _Line:
    word, colour = _WORDS[row.kind]
    line = {
        "": _Cell(word if first else "", colour),
        "name": _Cell(one_line(row.name), "" if row.calls else _GREY),
        "calls": _Cell(f"{row.calls:,}" if row.calls else "gone", "" if row.calls else _GREY),
    }
    if not row.calls:
        return line
    line["failed"] = _Cell(f"{row.failed:,}", "red" if row.failed else _GREY)
    line.update(_times(row))
    if row.firsts:
        line["first"] = _Cell(time_text(percentile(sorted(row.firsts), 0.5)))
    if row.priced or row.unpriced:
        line["tokens in→out"] = _Cell(f"{count_text(row.tokens[0])}→{count_text(row.tokens[1])}", _GREY)
        line["cost"] = _Cell(cost_text(row), _GREY)
    if before is not None:
        line.update(_changes(row, before, changed))
    return line


def _times(row: Row) -> _Line:
    times = sorted(row.times)
    if len(times) < FEW:
        few = _Cell("  ".join(map(time_text, times)), _GREY)
        return {"few": few, **dict.fromkeys(_TIMES, _Cell(""))}
    shown = (percentile(times, 0.5), percentile(times, 0.95), times[-1])
    return {name: _Cell(time_text(value)) for name, value in zip(_TIMES, shown, strict=True)}


def cost_text(row: Row) -> str:
    """Write what calls cost: `—` where no call has a price, `≥` where some have none."""
    return "—" if not row.priced else f"{'≥ ' if row.unpriced else ''}{money_text(row.cost)}"


def _changes(row: Row, before: Stats, changed: Change | None) -> _Line:
    if (row.kind, row.name) not in before.rows:
        return {"Δ p95": _Cell("new", _GREY)}
    found = changed or Change()
    line: _Line = {}
    if found.time is not None:
        line["Δ p95"] = _Cell(change_text(found.time), "bold yellow" if found.slower else _GREY)
    if found.cost is not None:
        line["Δ cost"] = _Cell(change_text(found.cost), "bold yellow" if found.dearer else _GREY)
    if found.worse:
        line["!"] = _Cell("!", "bold yellow")
    return line


def _widen_for_few(lines: Sequence[_Line], widths: dict[str, int]) -> None:
    """Make room for single times, which stand across the columns of percentiles."""
    longest = max((cell_len(line["few"].text) for line in lines if "few" in line), default=0)
    if longest:
        widths["p50"] += max(0, longest - _span(widths))


def _span(widths: Mapping[str, int]) -> int:
    known = [widths[name] for name in _TIMES if name in widths]
    return sum(known) + 2 * (len(known) - 1)


def _narrow(widths: dict[str, int], width: int | None) -> None:
    if width is None:
        return
    full = widths["name"]
    for name in ("", *_OPTIONAL):
        if name:
            widths.pop(name, None)
        widths["name"] = full
        over = sum(widths.values()) + 2 * (len(widths) - 1) - width
        widths["name"] = max(min(full, _SHORTEST), full - max(0, over))
        if over <= full - widths["name"]:
            return


def _drawn(line: _Line, widths: Mapping[str, int], more: str) -> Text:
    drawn = Text()
    for place, (name, width) in enumerate(widths.items()):
        cell = line.get(name, _Cell(""))
        if "few" in line and name in _TIMES:
            if name != "p50":
                continue
            cell, width = line["few"], _span(widths)  # noqa: PLW2901 - it stands across three columns
        text = _fitted(cell.text, width, more, left=name in _LEFT)
        drawn.append(("  " if place else "") + text, cell.style or None)
    drawn.rstrip()
    return drawn


def _fitted(text: str, width: int, more: str, *, left: bool) -> str:
    if cell_len(text) > width:
        return set_cell_size(text, max(0, width - 1)) + more
    space = " " * (width - cell_len(text))
    return text + space if left else space + text
