"""Record spans in memory, for tests."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Tracer

from callspan.core.lifecycle import end_abandoned
from callspan.instrumentor import OPTIONS, CallspanInstrumentor, instrument, uninstrument
from callspan.testing.tree import TreeText, span_tree


class Recording:
    """The spans that have ended, and a tracer for spans of the test's own.

    Args:
        **provider: Passed on to the SDK's `TracerProvider`, for example `sampler`.
    """

    def __init__(self, **provider: Any) -> None:
        self._exporter = InMemorySpanExporter()
        self.provider = TracerProvider(**provider)
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.tracer: Tracer = self.provider.get_tracer("test")

    @property
    def spans(self) -> list[ReadableSpan]:
        """The ended spans, in the order of their ends."""
        end_abandoned()
        return list(self._exporter.get_finished_spans())

    def __iter__(self) -> Iterator[ReadableSpan]:
        return iter(self.spans)

    def __len__(self) -> int:
        return len(self.spans)

    def tree(self, **options: Any) -> TreeText:
        """Return the tree text of the ended spans; options as for `span_tree`."""
        return span_tree(self.spans, **options)

    def named(self, name: str) -> ReadableSpan:
        """Return the only span of this name.

        Raises:
            LookupError: There is none, or more than one.
        """
        found = [span for span in self.spans if span.name == name]
        if len(found) != 1:
            raise LookupError(f"{len(found)} spans are named {name!r}:\n{self.tree()}")
        return found[0]

    def clear(self) -> None:
        """Forget the spans."""
        end_abandoned()
        self._exporter.clear()


@contextmanager
def record(**options: Any) -> Generator[Recording]:
    """Instrument LangChain for the block, and record its spans; what was instrumented before is so again after it.

    Args:
        **options: Keywords of `callspan.instrument`, except `tracer_provider`, and of the SDK's `TracerProvider`.
    """
    ours = {name: options.pop(name) for name in OPTIONS if name in options}
    recording = Recording(**options)
    before = dict(CallspanInstrumentor.options)  # empty if nothing was instrumented
    uninstrument()
    instrument(tracer_provider=recording.provider, **ours)
    try:
        yield recording
    finally:
        uninstrument()
        if before:
            instrument(**before)
