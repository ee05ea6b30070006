"""What the line of a span shows, in a tree and as a plain line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from callspan import semconv
from callspan.viewer.analyze import HANDLED, ORIGIN
from callspan.viewer.conversation import content_of
from callspan.viewer.formats import count_text, many_text, money_text, one_line, running_text, time_text
from callspan.viewer.json_safe import value_of
from callspan.viewer.terminal import AMBER, BAD, GREY, PLAIN, RED, Look, Piece, Row
from callspan.viewer.trace import MISSING, Span, Trace, name_of

# The kinds that get a plain line when they have ended; the others get one if they failed where it began, and roots do
TOLD = ("llm", "tool", "retriever", "embedding")


@dataclass(slots=True)
class Sum:
    """What a span and those below it used."""

    calls: int = 0  # of models and embeddings that used tokens
    input: int = 0  # tokens
    output: int = 0
    cost: float | None = None  # what is known of it, in US dollars
    gaps: bool = False  # whether the cost of some calls is not known

    def add(self, other: Sum) -> None:
        """Add what others used."""
        self.calls += other.calls
        self.input += other.input
        self.output += other.output
        if other.cost is not None:
            self.cost = (self.cost or 0.0) + other.cost
        self.gaps = self.gaps or other.gaps


def sums_of(trace: Trace) -> list[Sum]:
    """Add up, for each span, what it and those below it used."""
    found = [_used_by(span) for span in trace.spans]
    for place in range(len(found) - 1, -1, -1):  # children come first
        parent = trace.spans[place].parent
        if parent >= 0:
            found[parent].add(found[place])
    return found


def _used_by(span: Span) -> Sum:
    if span.usage is None:
        return Sum()
    return Sum(1, span.usage[0], span.usage[1], span.cost, gaps=span.cost is None)


def row_of(span: Span, guides: str, total: Sum, look: Look, now: int | None = None, *, priced: bool = True) -> Row:
    """Return the row of a span, `now` microseconds after the start of its trace if that still runs.

    `priced` is whether any span of the trace has a cost: only then is a missing one shown.
    """
    running = span.duration is None and now is not None
    tokens = f"{count_text(total.input)}{look.signs.to}{count_text(total.output)}"
    return Row(
        kind=span.kind,
        title=title_of(span, look),
        title_style=_title_style(span),
        guides=guides,
        tags=_tags(span, look),
        preview=_preview(span, look),
        preview_style=RED if span.rank == ORIGIN else GREY,
        tokens="" if not total.calls else tokens if span.usage is not None else look.signs.sum + tokens,
        cost=_cost(span, total, look) if total.calls and priced else "",
        first="" if span.first_token is None else time_text(span.first_token),
        time=_time(span, now),
        running=(now or 0) // 125_000 if running else None,
    )


def title_of(span: Span, look: Look) -> str:
    """Return the name of what a span called, as one line."""
    return name_text(name_of(span.raw, span.kind), look)


def name_text(name: str, look: Look) -> str:
    """Return a name as one line that cannot move a cursor."""
    return look.shown(one_line(name, 200)) or "?"


def failure_of(span: Span, look: Look, *, whole: bool = False) -> str:
    """Return how a span failed, in one line."""
    if span.failure is None:
        return ""
    kind = span.failure.type if whole else span.failure.type.rpartition(".")[2]
    return look.shown(one_line(f"{kind}: {span.failure.message}" if span.failure.message else kind))


def _title_style(span: Span) -> str:
    if span.rank == ORIGIN:
        return BAD
    return PLAIN if span.rank is None else GREY if span.rank == HANDLED else RED


def _tags(span: Span, look: Look) -> tuple[Piece, ...]:
    tags: list[Piece] = []
    if span.attempt is not None:
        tags.append((f"try {span.attempt}", AMBER))
    if span.raw.attributes.get(semconv.CACHE_HIT) is True:
        tags.append(("cached", GREY))
    if span.failure is not None:
        tags.append((look.signs.bad, RED))
    if span.outcome is not None:
        waits = look.shown(one_line(_waiting_for(span), 80)) if span.outcome == "paused" else ""
        outcome = look.shown(one_line(span.outcome, 40))
        tags.append((f"{outcome}: {waits}" if waits else outcome, AMBER))
    return tuple(tags)


def _waiting_for(span: Span) -> str:
    for attributes in (span.raw.attributes, *(event.attributes for event in span.raw.events)):
        if semconv.INTERRUPT_VALUE in attributes:
            return _short(value_of(attributes[semconv.INTERRUPT_VALUE]))
    return ""


def _preview(span: Span, look: Look) -> str:
    """Return why a span failed, or its content in a few words."""
    if span.failure is not None:
        return failure_of(span, look) if span.rank in (ORIGIN, HANDLED) else ""
    if span.raw.name is MISSING or span.kind not in ("llm", "tool", "retriever"):
        return ""
    content = content_of(span.raw)
    if span.kind == "llm":
        text = _answer(content.outputs or (), look)
    elif span.kind == "tool":
        text = _short(content.arguments)
    else:
        text = many_text(len(content.documents), "document") if content.documents is not None else content.query or ""
    return look.shown(one_line(text))


def _answer(messages: Any, look: Look) -> str:
    texts: list[str] = []
    asks: list[str] = []
    for message in messages:
        for part in message["parts"]:
            if part["type"] == "tool_call":
                asks.append(str(part.get("name") or "?"))
            elif part["type"] == "text" and isinstance(part.get("content"), str):
                texts.append(part["content"])
    called = f"{look.signs.asks} {', '.join(asks)}" if asks else ""
    return " ".join(filter(None, (called, *texts)))


def _short(value: Any) -> str:
    """Return arguments in a few words: the value alone where there is only one."""
    if isinstance(value, dict) and len(value) == 1:
        (value,) = value.values()
    if value is None:
        return ""
    if isinstance(value, dict) and value and all(isinstance(one, (str, int, float)) for one in value.values()):
        return ", ".join(f"{name}={one}" for name, one in value.items())
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _cost(span: Span, total: Sum, look: Look) -> str:
    if total.cost is None:
        return look.signs.unknown
    return (look.signs.least if total.gaps and span.usage is None else "") + money_text(total.cost)


def _time(span: Span, now: int | None) -> str:
    if span.duration is not None:
        return time_text(span.duration)
    return "" if now is None else running_text(now - span.start)


def plain_line(span: Span, above: Sequence[str], look: Look, total: Sum | None = None) -> str:
    """Return the line of a span that has ended: in ASCII, with a path in place of guides."""
    path = look.signs.under.join([*above, title_of(span, look)])
    if span.attempt is not None:
        path += f" (try {span.attempt})"
    parts = [f"{_clock(span)} {path}", time_text(span.duration or 0)]
    ended_well = span.failure is None and span.outcome is None
    if ended_well or span.usage is not None:  # a call that broke off used tokens too
        parts += _numbers(span, total or _used_by(span), look)
    if span.failure is not None:
        parts.append(f"ERROR {failure_of(span, look)}")
    elif span.outcome is not None:
        parts.append(look.shown(one_line(span.outcome, 40)))
    return "  ".join(parts)


def plain_root(trace: Trace, root: Span, look: Look, total: Sum) -> str:
    """Return the line of a root that has ended: with what failed it, and where."""
    if root.failure is None:
        return plain_line(root, (), look, total)
    origins = [span for span in trace.spans if span.rank == ORIGIN]
    origin = origins[-1] if origins else root
    attempt = "" if origin.attempt is None else f", try {origin.attempt}"
    where = "" if origin is root else f" ({title_of(origin, look)}{attempt})"
    failed = f"FAILED {failure_of(origin, look, whole=True)}{where}"
    return "  ".join((f"{_clock(root)} {title_of(root, look)}", time_text(root.duration or 0), failed))


def _numbers(span: Span, used: Sum, look: Look) -> list[str]:
    found = [] if span.first_token is None else [f"first {time_text(span.first_token)}"]
    if used.calls:
        found.append(f"{count_text(used.input)}{look.signs.to}{count_text(used.output)}")
    if used.cost is not None:
        found.append((look.signs.least if used.gaps else "") + money_text(used.cost))
    return found


def _clock(span: Span) -> str:
    """Return when a span ended, in local time."""
    at = (span.raw.end or span.raw.start) / 1_000_000_000
    return datetime.fromtimestamp(at).astimezone().strftime("%H:%M:%S.%f")[:-3]
