"""The call before: each call of a model sends the whole conversation, and what is new in it is what one reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from callspan.local.trace import Trace


@dataclass(frozen=True, slots=True)
class Difference:
    """What a call was sent, beside the call before: messages as numbers, in their order.

    Args:
        kept: What the call before was sent too, or answered.
        new: What it did not know.
        dropped: What it was sent, and this one no longer is.
    """

    kept: list[int]
    new: list[int]
    dropped: list[int]


def difference(inputs: Sequence[int], before: Sequence[int] = (), answered: Sequence[int] = ()) -> Difference:
    """Return what is new in a call."""
    known, now = {*before, *answered}, set(inputs)
    return Difference(
        kept=[one for one in inputs if one in known],
        new=[one for one in inputs if one not in known],
        dropped=[one for one in before if one not in now],
    )


Earlier = dict[str, dict[Any, Any]]  # by conversation: the last calls of earlier traces, by how they began


def call_before(trace: Trace, inputs: Sequence[list[int] | None], earlier: Earlier) -> None:
    """Return each call of a model the one before in its conversation.

    That is the last call that began with the same two messages, in this trace or in an earlier one of the same
    conversation; else the last one beside it that began with the same message.
    """
    known: dict[Any, Any] = earlier.setdefault(trace.conversation, {}) if trace.conversation is not None else {}
    begun: dict[tuple[int, ...], int] = {}
    beside: dict[tuple[int, int], int] = {}
    for place, (span, messages) in enumerate(zip(trace.spans, inputs, strict=True)):
        if span.kind != "llm" or not messages:
            continue
        start, near = tuple(messages[:2]), (messages[0], span.parent)
        for found in (begun.get(start), known.get(start), beside.get(near)):
            if found is not None:
                span.before = found
                break
        begun[start] = beside[near] = place
    known.update((start, (trace.id, trace.spans[place].raw.span_id)) for start, place in begun.items())
