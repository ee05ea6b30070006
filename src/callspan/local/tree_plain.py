"""Lines where nothing is drawn twice: one for each span that has ended, in ASCII, a path in place of guides."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from callspan.local.amounts import count_text, money_text, time_text
from callspan.local.errors import ORIGIN
from callspan.local.printable import one_line
from callspan.local.trace import Span, Trace
from callspan.local.tree_look import Look
from callspan.local.tree_rows import failure_of, title_of
from callspan.local.tree_sums import Sum

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
