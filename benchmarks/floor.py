"""The floor: the spans that callspan writes for a workload, written with the bare SDK and nothing else.

No instrumentation can cost less and say as much: it knows every name and attribute beforehand, and passes them all to
`start_span`, which is the SDK's cheapest way. Each span is current while those inside it are open.
"""

from __future__ import annotations

import asyncio
import inspect
import json
from dataclasses import dataclass
from typing import Any

from opentelemetry.context import attach, detach
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, Tracer, set_span_in_context

from benchmarks.workloads import Workload
from callspan import semconv
from callspan.testing import record


@dataclass(frozen=True, slots=True)
class Bare:
    """A span to write, and those inside it; `said` is what is written as JSON each time."""

    name: str
    kind: SpanKind
    attributes: dict[str, Any]
    said: dict[str, Any]
    inside: tuple[Bare, ...]

    def count(self) -> int:
        """Count it and those inside it."""
        return 1 + sum(bare.count() for bare in self.inside)


def recorded(workload: Workload, content: str | None = None) -> tuple[Bare, ...]:
    """Run the workload once with callspan, and give the spans it wrote.

    Args:
        workload: The workload.
        content: As for `callspan.instrument`.
    """
    with record(detail="all", content=content) as recording:
        if inspect.isawaitable(answer := workload.call(None)):
            asyncio.run(_wait(answer))
        spans = recording.spans
    inside: dict[int, list[ReadableSpan]] = {}
    for span in sorted(spans, key=lambda span: span.start_time or 0):
        inside.setdefault(0 if span.parent is None else span.parent.span_id, []).append(span)
    return _below(0, inside)


def _below(parent: int, inside: dict[int, list[ReadableSpan]]) -> tuple[Bare, ...]:
    return tuple(_bare(span, inside) for span in inside.get(parent, ()))


def _bare(span: ReadableSpan, inside: dict[int, list[ReadableSpan]]) -> Bare:
    attributes = dict(span.attributes or {})
    said = {
        name: json.loads(str(attributes.pop(name)))
        for name in list(attributes)
        if name in _SAID and str(attributes[name])[:1] in ("[", "{")
    }
    return Bare(span.name, span.kind, attributes, said, _below(span.get_span_context().span_id, inside))


_SAID = frozenset(
    {
        *(semconv.INPUT_MESSAGES, semconv.OUTPUT_MESSAGES, semconv.SYSTEM_INSTRUCTIONS, semconv.TOOL_DEFINITIONS),
        *(semconv.TOOL_ARGUMENTS, semconv.TOOL_RESULT, semconv.DOCUMENTS, semconv.RUN_INPUTS, semconv.RUN_OUTPUTS),
    }
)
"""Attributes that are JSON."""


async def _wait(answer: Any) -> Any:
    return await answer


def write(tracer: Tracer, spans: tuple[Bare, ...]) -> None:
    """Write the spans, nested as they were."""
    for bare in spans:
        attributes = bare.attributes
        if bare.said:
            dumped = {name: json.dumps(value, ensure_ascii=False) for name, value in bare.said.items()}
            attributes = {**attributes, **dumped}
        span = tracer.start_span(bare.name, kind=bare.kind, attributes=attributes)
        token = attach(set_span_in_context(span))
        if bare.inside:
            write(tracer, bare.inside)
        detach(token)
        span.end()
