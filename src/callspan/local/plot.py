"""The calls as a picture: a strip for each thing that was called, a dot for each call. SVG, written by hand."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from callspan.core.text import cut, encodable
from callspan.local.amounts import change_text, count_text, many_text, time_text
from callspan.local.axis import Axis
from callspan.local.compare import FEW, change, percentile, shown_rows
from callspan.local.printable import one_line
from callspan.local.stats import Row, Stats

_WIDTH, _HEIGHT = 860, 34
"""Pixels of the picture, and the height of a strip; a strip with another side below it is half as high again."""

_LEFT, _RIGHT = 176, 600
"""Where the axis begins and ends."""

_COLUMNS = (640, 706, 772, 846)
"""Where numbers end: calls, p50, p95, change."""

_DOTS = 1200
"""Dots of a strip; more of them would only be black."""

_STRIPS = 40
"""Strips of a panel; what is called most comes first."""

_NAME = 22
"""Characters of a name that fit before the axis."""

_STYLE = """
svg { background: #fff; font: 12px system-ui, "Segoe UI", sans-serif; }
text { fill: #1d2129; font-variant-numeric: tabular-nums; } .quiet { fill: #667080; }
.worse { fill: #9a5b00; font-weight: 700; }
.head { font-weight: 600; } .line { stroke: #e1e4ea; } .tick { stroke: #1d2129; }
.llm { fill: #2868c8; } .embedding { fill: #2f9bd0; } .tool { fill: #b0780f; } .retriever { fill: #14807a; }
.agent { fill: #7c4bc4; } .workflow, .run { fill: #55606e; } .failed { fill: #d02c2c; } .other { fill: #98a1ad; }
@media (prefers-color-scheme: dark) {
svg { background: #16181d; } text { fill: #e4e7ec; } .quiet { fill: #98a1ad; } .worse { fill: #e0a33a; }
.line { stroke: #2c313a; } .tick { stroke: #e4e7ec; }
.llm { fill: #6ea0f0; } .embedding { fill: #6cc0ea; } .tool { fill: #d9a441; } .retriever { fill: #46b5ae; }
.agent { fill: #ab82ea; } .workflow, .run { fill: #98a1ad; } .failed { fill: #ff6b62; } .other { fill: #737d8b; }
}
"""


def plot(stats: Stats, groups: Sequence[str], before: Stats | None = None) -> str:
    """Draw the times of calls, and the output tokens of models."""
    rows = [row for row in shown_rows(stats, groups) if row.times]
    picture = _Picture(before)
    picture.panel("time", rows)
    picture.panel("output tokens", [row for row in rows if row.group == "model" and any(row.outputs)])
    return picture.text(stats)


class _Picture:
    def __init__(self, before: Stats | None) -> None:
        self._before = before
        self._drawn: list[str] = []
        self._at = 34.0

    def text(self, stats: Stats) -> str:
        """Return the whole picture."""
        told = f"{many_text(stats.total.calls, 'run')}, {many_text(stats.spans, 'span')}"
        if self._before is not None:
            told += f"; grey: {_label(', '.join(self._before.source.files[:3]), 40)}"
        about = _label(", ".join(stats.source.files[:3]), 60)
        title = (
            f'<text x="14" y="22" class="head">{about}</text><text x="846" y="22" {_END} class="quiet">{told}</text>'
        )
        size = f'width="{_WIDTH}" height="{self._at:.0f}" viewBox="0 0 {_WIDTH} {self._at:.0f}"'
        head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img"><title>{about}</title>'
        return f"{head}<style>{_STYLE}</style>{title}\n" + "\n".join(self._drawn) + "\n</svg>\n"

    def panel(self, what: str, rows: Sequence[Row]) -> None:
        """Draw rows below each other, over one axis."""
        shown = rows[:_STRIPS]
        others = {id(row): self._other(row) for row in shown}
        every = [value for row in shown for one in (row, others[id(row)]) if one for value in _values(what, one)]
        if not every:
            return
        axis = Axis(min(every), max(every), _LEFT, _RIGHT)
        self._heads(what)
        top = self._at
        for row in shown:
            self._strip(what, row, others[id(row)], axis)
        for value, at in axis.ticks():
            line = f'<line x1="{at:.1f}" y1="{top:.1f}" x2="{at:.1f}" y2="{self._at:.1f}" class="line"/>'
            text = _written(what, value).replace(".00s", "s").replace(".0", "")
            place = f'x="{at:.1f}" y="{self._at + 15:.1f}" text-anchor="middle"'
            self._drawn.append(f'<text {place} class="quiet">{text}</text>')
            self._drawn.insert(0, line)  # below all dots
        self._at += 30
        if len(rows) > len(shown):
            self._drawn.append(_text(14, self._at, f"and {len(rows) - len(shown)} more", "quiet", end=False))
            self._at += 16

    def _other(self, row: Row) -> Row | None:
        return self._before.rows.get((row.kind, row.name)) if self._before is not None else None

    def _heads(self, what: str) -> None:
        self._at += 14
        self._drawn.append(_text(14, self._at, what, "head", end=False))
        heads = ("calls", "p50", "p95", "Δ p95" if self._before is not None and what == "time" else "")
        self._drawn.extend(_text(x, self._at, head, "quiet") for x, head in zip(_COLUMNS, heads, strict=True) if head)
        self._at += 8

    def _strip(self, what: str, row: Row, other: Row | None, axis: Axis) -> None:
        middle = self._at + _HEIGHT / 2
        values = _values(what, row)
        name = f"<title>{_label(row.name, 300)}</title>{_label(row.name, _NAME)}"
        self._drawn.append(f'<circle cx="18" cy="{middle:.1f}" r="4" class="{row.kind}"/>')
        self._drawn.append(f'<text x="30" y="{middle + 4:.1f}">{name}</text>')
        faults = row.faults if what == "time" else None
        self._drawn.append(_dots(values, faults, axis, middle, row.kind, 11))
        ordered = sorted(values)
        self._numbers(what, row, other, ordered, middle)
        if len(ordered) >= FEW:
            for share, wide in ((0.5, 1.25), (0.95, 3)):
                at = axis.place(percentile(ordered, share))
                ends = f'y1="{middle - 13:.1f}" y2="{middle + 13:.1f}"'
                self._drawn.append(f'<line x1="{at:.1f}" x2="{at:.1f}" {ends} class="tick" stroke-width="{wide}"/>')
        self._at += _HEIGHT
        if other is not None and _values(what, other):
            self._drawn.append(_dots(_values(what, other), None, axis, self._at + 4, "other", 5))
            self._at += _HEIGHT / 2

    def _numbers(self, what: str, row: Row, other: Row | None, ordered: Sequence[float], middle: float) -> None:
        cells = [(f"{len(ordered):,}", "quiet")]
        if len(ordered) >= FEW:
            cells += [(_written(what, percentile(ordered, share)), "") for share in (0.5, 0.95)]
        else:
            cells += [("", ""), ("", "")]
        if self._before is not None and what == "time":
            found = change(row, other) if other is not None else None
            if found is None:
                cells.append(("new", "quiet"))
            elif found.time is not None:
                cells.append(
                    (change_text(found.time) + (" !" if found.slower else ""), "worse" if found.slower else "")
                )
        for x, (text, style) in zip(_COLUMNS, cells, strict=False):
            if text:
                self._drawn.append(_text(x, middle + 4, text, style))


_END = 'text-anchor="end"'


def _values(what: str, row: Row) -> Sequence[int]:
    return row.times if what == "time" else row.outputs


def _written(what: str, value: float) -> str:
    return time_text(value) if what == "time" else count_text(round(value))


def _dots(values: Sequence[int], faults: bytearray | None, axis: Axis, middle: float, kind: str, spread: float) -> str:
    """Draw a dot for each value, failed ones on top; where there are too many, evenly chosen ones."""
    places = range(len(values))
    if len(values) > _DOTS:
        ordered = sorted(places, key=values.__getitem__)
        chosen = [ordered[number * (len(ordered) - 1) // (_DOTS - 1)] for number in range(_DOTS)]
    else:
        chosen = list(places)
    chosen.sort(key=lambda place: bool(faults and faults[place]))
    faint = max(0.25, 0.75 - len(chosen) / 800)
    drawn = [f'<g fill-opacity="{faint:.2f}" class="{kind}">']
    for number, place in enumerate(chosen):
        # Golden steps: neighbours in time never lie on each other, and the same file gives the same picture.
        y = middle + ((number * 0.618034) % 1 - 0.5) * 2 * spread * min(1, len(chosen) / 12)
        failed = ' class="failed" fill-opacity="0.95"' if faults and faults[place] else ""
        drawn.append(f'<circle cx="{axis.place(values[place]):.1f}" cy="{y:.1f}" r="2.4"{failed}/>')
    return "".join(drawn) + "</g>"


def _text(x: float, y: float, text: str, style: str, *, end: bool = True) -> str:
    anchor = f" {_END}" if end else ""
    kind = f' class="{style}"' if style else ""
    return f'<text x="{x:.0f}" y="{y:.1f}"{anchor}{kind}>{escape(text)}</text>'


def _label(text: str, limit: int) -> str:
    return escape(cut(one_line(encodable(text)), limit))
