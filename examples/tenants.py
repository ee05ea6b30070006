"""Several tenants in one process: all spans go to the operator, and those of each tenant to its own exporter too.

Run it:

    python examples/tenants.py
"""

from __future__ import annotations

from functools import cache

from langchain_core.output_parsers import StrOutputParser
from langchain_core.runnables import RunnableLambda, RunnableSequence
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import callspan
from callspan.testing import ScriptedChatModel

EXPORTERS = {name: InMemorySpanExporter() for name in ("operator", "acme", "globex")}
"""In a service: `OTLPSpanExporter(endpoint=..., headers=...)` of each, in a `BatchSpanProcessor`."""

model = ScriptedChatModel(lambda messages: f"You asked: {messages[-1].content}")
chain: RunnableSequence[str, str] = RunnableSequence(
    RunnableLambda(str.strip, name="tidy"), model, StrOutputParser(), name="answer"
)


@cache
def processor_of(tenant: str) -> SpanProcessor:
    """Give the span processor of a tenant: one for all of its requests."""
    return callspan.Forward(SimpleSpanProcessor(EXPORTERS[tenant]))


def serve(tenant: str, question: str) -> str:
    """Answer a question of a tenant's."""
    with callspan.session(f"{tenant}-chat", tenant=tenant), callspan.callbacks(processor_of(tenant)):
        return chain.invoke(question)


def main() -> None:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(EXPORTERS["operator"]))
    callspan.instrument(tracer_provider=provider)
    for tenant, question in (("acme", " the price? "), ("globex", " the date? "), ("acme", " the colour? ")):
        serve(tenant, question)
    for name, exporter in EXPORTERS.items():
        spans = exporter.get_finished_spans()
        whose = {str((span.attributes or {})["tenant"]) for span in spans}
        print(f"{name} has {len(spans)} spans, of {' and '.join(sorted(whose))}")


if __name__ == "__main__":
    main()
