"""What the line of a span says, in a tree and as a plain line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from callspan import semconv
from callspan.viewer.analyze import HANDLED, ORIGIN
from callspan.viewer.conversation import content_of
from callspan.viewer.formats import count_text, money_text, one_line, running_text, time_text
from callspan.viewer.json_safe import value_of
from callspan.viewer.terminal import AMBER, BAD, GREY, PLAIN, RED, Look, Piece, Row
from callspan.viewer.trace import MISSING, Span, Trace, name_of


@dataclass(slots=True)
class Sum:
    """What a span and those below it used.

    Args:
        calls: Calls of models and embeddings that used tokens.
        input: Tokens that went in.
        output: Tokens that came out.
        cost: What is known of their cost, in US dollars; None: nothing.
        gaps: Whether the cost of some is not known.
    """

    calls: int = 0
    input: int = 0
    output: int = 0
    cost: float | None = None
    gaps: bool = False

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
    found = [
        Sum() if span.usage is None else Sum(1, span.usage[0], span.usage[1], span.cost, gaps=span.cost is None)
        for span in trace.spans
    ]
    for place in range(len(found) - 1, -1, -1):  # children come first
        parent = trace.spans[place].parent
        if parent >= 0:
            found[parent].add(found[place])
    return found


def row_of(span: Span, guides: str, total: Sum, look: Look, now: int | None = None, *, priced: bool = True) -> Row:
    """Return the row of a span, `now` microseconds after the start of its trace if that still runs.

    `priced` is whether any span of the trace has a cost: only then is a missing one shown.
    """
    running = span.duration is None and now is not None
    preview, style = _preview(span, look)
    return Row(
        kind=span.kind,
        title=title_of(span, look),
        title_style=_title_style(span),
        guides=guides,
        tags=_tags(span, look),
        preview=preview,
        preview_style=style,
        tokens=_tokens(span, total, look),
        cost=_cost(span, total, look, priced=priced),
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
        said = look.shown(one_line(span.outcome, 40))
        tags.append((f"{said}: {waits}" if waits else said, AMBER))
    return tuple(tags)


def _waiting_for(span: Span) -> str:
    for said in (span.raw.attributes, *(event.attributes for event in span.raw.events)):
        if semconv.INTERRUPT_VALUE in said:
            return _short(value_of(said[semconv.INTERRUPT_VALUE]))
    return ""


def _preview(span: Span, look: Look) -> tuple[str, str]:
    if span.failure is not None:
        if span.rank in (ORIGIN, HANDLED):
            return failure_of(span, look), RED if span.rank == ORIGIN else GREY
        return "", GREY
    if span.raw.name is MISSING or span.kind not in ("llm", "tool", "retriever"):
        return "", GREY
    return look.shown(one_line(_said(span, look))), GREY


def _said(span: Span, look: Look) -> str:
    """Return what was said in a call, in a few words."""
    said = content_of(span.raw)
    if span.kind == "llm":
        return _answer(said.outputs or (), look)
    if span.kind == "tool":
        return _short(said.arguments)
    if said.documents is not None:
        number = len(said.documents)
        return f"{number} document{'' if number == 1 else 's'}"
    return said.query or ""


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


def _tokens(span: Span, total: Sum, look: Look) -> str:
    if not total.calls:
        return ""
    numbers = f"{count_text(total.input)}{look.signs.to}{count_text(total.output)}"
    return numbers if span.usage is not None else look.signs.sum + numbers


def _cost(span: Span, total: Sum, look: Look, *, priced: bool) -> str:
    if not total.calls or not priced:
        return ""
    if total.cost is None:
        return look.signs.unknown
    return (look.signs.least if total.gaps and span.usage is None else "") + money_text(total.cost)


def _time(span: Span, now: int | None) -> str:
    if span.duration is not None:
        return time_text(span.duration)
    return "" if now is None else running_text(now - span.start)


# The kinds that get a line when they have ended; the others get one if they failed where it began, and roots do
TOLD = ("llm", "tool", "retriever", "embedding")


def plain_line(span: Span, above: Sequence[str], look: Look, total: Sum | None = None) -> str:
    """Return the line of a span that has ended."""
    path = look.signs.under.join([*above, title_of(span, look)])
    if span.attempt is not None:
        path += f" (try {span.attempt})"
    parts = [f"{_clock(span)} {path}", time_text(span.duration or 0)]
    if (
        span.failure is None and span.outcome is None
    ) or span.usage is not None:  # a call that broke off used tokens too
        parts += _numbers(span, total, look)
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
    tried = "" if origin.attempt is None else f", try {origin.attempt}"
    where = "" if origin is root else f" ({title_of(origin, look)}{tried})"
    failed = f"FAILED {failure_of(origin, look, whole=True)}{where}"
    return "  ".join((f"{_clock(root)} {title_of(root, look)}", time_text(root.duration or 0), failed))


def _numbers(span: Span, total: Sum | None, look: Look) -> list[str]:
    found = [] if span.first_token is None else [f"first {time_text(span.first_token)}"]
    used = total or (Sum() if span.usage is None else Sum(1, span.usage[0], span.usage[1], span.cost))
    if used.calls:
        found.append(f"{count_text(used.input)}{look.signs.to}{count_text(used.output)}")
    if used.cost is not None:
        found.append((look.signs.least if used.gaps else "") + money_text(used.cost))
    return found


def _clock(span: Span) -> str:
    """Return when a span ended, by the clock on the wall."""
    at = (span.raw.end or span.raw.start) / 1_000_000_000
    return datetime.fromtimestamp(at).astimezone().strftime("%H:%M:%S.%f")[:-3]
