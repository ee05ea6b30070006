"""The numbers as programs read them: seconds, tokens, US dollars, unrounded."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from callspan.viewer.formats import cell
from callspan.viewer.stats import FEW, Change, Key, Row, Stats, percentile

VERSION = 1

_TOKENS = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens")


def as_json(
    stats: Stats,
    rows: Sequence[Row],
    before: Stats | None = None,
    changed: Mapping[Key, Change] | None = None,
) -> str:
    """Write the numbers as JSON."""
    data: dict[str, Any] = {"version": VERSION, **_summary(stats), "rows": []}
    for row in rows:
        one = {**_row(row), "times_s": [_seconds(time) for time in sorted(row.times)]}
        if len(row.times) >= FEW:
            del one["times_s"]
        if before is not None:
            key = row.kind, row.name
            other = before.rows.get(key)
            one.update(_change(other, (changed or {}).get(key)))
            one["against"] = None if other is None else _row(other)
        data["rows"].append(one)
    if before is not None:
        data["against"] = _summary(before)
    return json.dumps(data, indent=2, ensure_ascii=True)


def as_csv(rows: Sequence[Row], before: Stats | None = None, changed: Mapping[Key, Change] | None = None) -> str:
    """Write the rows as CSV, with a line of names; a text that a spreadsheet would compute begins with `'`."""
    lines = [_row(row) for row in rows]
    if before is not None:
        for row, line in zip(rows, lines, strict=True):
            key = row.kind, row.name
            line.update(_change(before.rows.get(key), (changed or {}).get(key)))
    names = list(lines[0] if lines else _row(Row("run", "")))
    table = [names, *([line[name] for name in names] for line in lines)]
    return "".join(",".join(map(_field, fields)) + "\n" for fields in table)


_BARE = re.compile(r"[\w.:/ -]*")  # a text that no spreadsheet splits: some take semicolons for commas


def _field(value: Any) -> str:
    """Write one field: numbers as they are, texts as visible texts, in quotes where they have signs."""
    if not isinstance(value, str):
        return "" if value is None else str(value)
    text = cell(value)
    return text if _BARE.fullmatch(text) else '"' + text.replace('"', '""') + '"'


def _summary(stats: Stats) -> dict[str, Any]:
    total = _row(stats.total)
    source = stats.source
    return {
        "files": source.files,
        "spans": stats.spans,
        "runs": total.pop("calls"),
        "paused": stats.paused,
        "unended": stats.unended,
        **{name: value for name, value in total.items() if name not in ("kind", "group", "name")},
        "skipped_lines": source.skips,
        "skipped": [{"file": one.file, "line": one.line, "why": one.why} for one in source.skipped],
    }


def _row(row: Row) -> dict[str, Any]:
    times = sorted(row.times)
    enough = len(times) >= FEW
    firsts = sorted(row.firsts)
    return {
        "kind": row.kind,
        "group": row.group,
        "name": row.name,
        "calls": row.calls,
        "failed": row.failed,
        "p50_s": _seconds(percentile(times, 0.5)) if enough else None,
        "p95_s": _seconds(percentile(times, 0.95)) if enough else None,
        "max_s": _seconds(times[-1]) if times else None,
        "first_p50_s": _seconds(percentile(firsts, 0.5)) if firsts else None,
        **dict(zip(_TOKENS, row.tokens, strict=True)),
        "cost_usd": row.cost if row.priced else None,
        "priced_calls": row.priced,
        "unpriced_calls": row.unpriced,
    }


def _change(other: Row | None, found: Change | None) -> dict[str, Any]:
    found = found or Change()
    return {
        "against_calls": 0 if other is None else other.calls,
        "p95_change": found.time,
        "cost_change": found.cost,
        "slower": found.slower,
        "dearer": found.dearer,
    }


def _seconds(microseconds: float) -> float:
    return microseconds / 1_000_000
