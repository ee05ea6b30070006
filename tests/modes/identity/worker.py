"""The other process: takes one job from its standard input, works on it, and prints its spans."""

from __future__ import annotations

import json
import sys

from langchain_core.runnables import RunnableLambda
from opentelemetry import propagate, trace
from opentelemetry.context import attach, detach
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import callspan

exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)
callspan.instrument()


def work(x: int) -> int:
    with trace.get_tracer("worker").start_as_current_span("database"):
        return x + 1


job = json.loads(sys.stdin.readline())
token = attach(propagate.extract(job["carrier"]))
result = RunnableLambda(work).with_config(run_name="work").invoke(job["input"])
detach(token)
print(json.dumps({"result": result, "spans": [json.loads(span.to_json()) for span in exporter.get_finished_spans()]}))
