"""Find the context that a run belongs to: the current one, or that of the parent that LangChain names."""

from __future__ import annotations

from typing import Any

from opentelemetry.context import Context, create_key
from opentelemetry.trace import NonRecordingSpan, set_span_in_context

from callspan.core import registry
from callspan.core.registry import RUN
from callspan.core.run import Run

_ENDED = create_key("callspan-ended-parent")
"""Context key: keeps the stand-in of a parent that has ended for as long as something inside it is open."""


def place(parent_id: Any, current: Context) -> Context:
    """Return the context that a run with this LangChain parent belongs to.

    It is the current one, unless the parent is known and its body is not around us: neither the run we are in
    nor one above it. A parent that has just ended is still the parent.
    """
    if parent_id is None:
        return current
    here: Any = current.get(RUN)
    if here is not None and (here.id is parent_id or here.id == parent_id or parent_id in here.ancestors):
        return current
    known = registry.find(parent_id)
    if known is not None and known.context is not None:
        return known.context
    ended = registry.find_ended(parent_id)
    return current if ended is None else _context_of(ended, parent_id)


def _context_of(ended: registry.Ended, run_id: Any) -> Context:
    """Return the context of a run that has ended, with a stand-in for it: neither its totals nor its objects."""
    inherited, span, around = ended.inherited
    run = Run(run_id, None, "", {}, (), None, {}, {})
    for name, value in zip(registry.INHERITED, inherited, strict=True):
        setattr(run, name, value)
    run.identity, run.span, run.ended = {}, NonRecordingSpan(span), True
    return set_span_in_context(run.span, Context({**around, RUN: run, _ENDED: run}))
