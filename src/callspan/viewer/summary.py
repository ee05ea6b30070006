"""The lines after the last run: totals, where errors began, the slowest path. They are kept small, run by run."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from callspan.viewer.analyze import ORIGIN
from callspan.viewer.formats import count_text, many_text, money_text, one_line, time_text
from callspan.viewer.rows import Sum, failure_of, sums_of, title_of
from callspan.viewer.terminal import BAD, GREY, PLAIN, Look, cells, cut, painted
from callspan.viewer.trace import Span, Trace

_ERRORS = 5  # errors that are shown one by one
_ERRORS_KEPT = 500  # a server may fail all day
_FEWEST = 4  # cells of the outermost name of a path, below which it means nothing

_FRAME = re.compile(r'^ *File "([^"\n]{1,500})", line (\d{1,9})', re.MULTILINE)
_OTHERS = ("site-packages", "dist-packages", "<frozen", "/lib/python")


@dataclass(slots=True)
class _Error:
    origin: Span
    names: list[str]
    times: int = 1


@dataclass(slots=True)
class Summary:
    """What runs add up to."""

    runs: int = 0
    failed: int = 0
    models: int = 0
    tools: int = 0
    tools_failed: int = 0
    lasted: int = 0
    used: Sum = field(default_factory=Sum)
    errors: dict[tuple[str, str, str], _Error] = field(default_factory=dict[tuple[str, str, str], _Error])
    slowest: tuple[int, int, list[str]] = (0, 0, [])  # the time of the slowest span, of its trace, and its path

    def add(self, trace: Trace, look: Look) -> None:
        """Add a trace that has ended."""
        sums = sums_of(trace)
        for place, span in enumerate(trace.spans):
            if span.parent < 0:
                self.runs += 1
                self.failed += span.failure is not None
                self.lasted += span.duration or 0
                self.used.add(sums[place])
            above = trace.spans[span.parent].kind if span.parent >= 0 else ""
            self.models += span.kind == "llm" and above != "llm"
            self.tools += span.kind == "tool"
            self.tools_failed += span.kind == "tool" and span.failure is not None
            if span.rank == ORIGIN:
                self._add_error(trace, span, look)
        if trace.duration > self.slowest[1]:
            slowest = max(trace.spans, key=_own_time)
            self.slowest = (_own_time(slowest), trace.duration, names_to(trace, slowest, look))

    def _add_error(self, trace: Trace, span: Span, look: Look) -> None:
        if span.failure is None:
            return
        names = names_to(trace, span, look)
        key = (span.failure.type, span.failure.message[:200], names[-1])
        known = self.errors.get(key)
        if known is not None:
            known.times += 1
        elif len(self.errors) < _ERRORS_KEPT:
            self.errors[key] = _Error(span, names)


def _own_time(span: Span) -> int:
    return sum(stop - start for start, stop in span.path)


def names_to(trace: Trace, span: Span, look: Look) -> list[str]:
    """Return the names of those above a span, outermost first, and its own."""
    names = [title_of(span, look)]
    while span.parent >= 0:
        span = trace.spans[span.parent]
        names.append(title_of(span, look))
    return names[::-1]


def summary_lines(summary: Summary, look: Look) -> list[str]:
    """Return what runs added up to, as lines."""
    lines = [_totals(summary, look)]
    for error in list(summary.errors.values())[:_ERRORS]:
        lines += _error_lines(error, look)
    if len(summary.errors) > _ERRORS:
        lines.append(f"{look.signs.more} {len(summary.errors) - _ERRORS} more errors")
    own, whole, names = summary.slowest
    if names and own:
        path = path_text(names, max(20, look.width - 38), look)
        took = f"{time_text(own)} of {time_text(whole)}" if len(names) > 1 else time_text(whole)
        lines.append(painted([("slowest path  ", GREY), (path, PLAIN), (f"  {took}", PLAIN)], look))
    return lines


def path_text(names: Sequence[str], room: int, look: Look) -> str:
    """Return names as a path; where it is too long, the middle is left out and the last name stays."""
    *above, last = names
    under = look.signs.under
    if not above or cells(under.join(names)) <= room:
        return cut(under.join(names), room, look)
    for kept in range(len(above) - 1, 0, -1):
        path = under.join((*above[:kept], look.signs.more, last))
        if cells(path) <= room:
            return path
    end = under.join(("", look.signs.more, last) if len(above) > 1 else ("", last))
    left = room - cells(end)
    return cut(above[0], left, look) + end if left >= _FEWEST else cut(last, room, look)


def _totals(summary: Summary, look: Look) -> str:
    used = summary.used
    parts = [many_text(summary.runs, "run") + _failed(summary.failed)]
    if summary.models:
        parts.append(many_text(summary.models, "model call"))
    if summary.tools:
        parts.append(many_text(summary.tools, "tool") + _failed(summary.tools_failed))
    if used.calls:
        parts.append(f"{count_text(used.input)}{look.signs.to}{count_text(used.output)} tokens")
    if used.cost is not None:
        parts.append((look.signs.least if used.gaps else "") + money_text(used.cost))
    parts.append(time_text(summary.lasted))
    return look.signs.dot.join(parts)


def _failed(count: int) -> str:
    return f" ({count} failed)" if count else ""


def _error_lines(error: _Error, look: Look) -> list[str]:
    span = error.origin
    kind, _, message = failure_of(span, look).partition(": ")
    times = f"  ({error.times} times)" if error.times > 1 else ""
    text = cut(message, max(20, look.width - len(kind) - len(times) - 6), look)
    attempt = "" if span.attempt is None else f" (try {span.attempt})"
    path = path_text(error.names, max(20, look.width - 4), look) + attempt
    place = place_in(span.failure.stack if span.failure else "")
    where = f"   {look.shown(one_line(place))}" if place else ""
    first = painted([(f"{look.signs.bad} {kind}", BAD), (f"  {text}" if text else "", PLAIN), (times, GREY)], look)
    return [first.rstrip(), painted([(f"  {path}", PLAIN), (where, GREY)], look)]


def place_in(stack: str) -> str:
    """Return the place of the program that a stack names last: `app/client.py:118`, or nothing."""
    frames: list[tuple[str, str]] = _FRAME.findall(stack[-64_000:])
    own = [frame for frame in frames if not any(other in frame[0].replace("\\", "/") for other in _OTHERS)]
    if not frames:
        return ""
    file, number = (own or frames)[-1]
    try:
        file = str(Path(file).relative_to(Path.cwd()))
    except (ValueError, OSError):  # it is elsewhere, or we are nowhere
        pass
    return f"{file}:{number}"
