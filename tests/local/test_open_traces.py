"""The spans of this process that belong together."""

from __future__ import annotations

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import set_span_in_context

from callspan.viewer.open_traces import OpenTrace, raw_of


def test_a_span_above_has_the_name_that_it_got_after_its_start() -> None:
    """A workflow without a name of its own gets LangChain's name once its span records."""
    tracer = TracerProvider().get_tracer("callspan")
    workflow = tracer.start_span("invoke_workflow", attributes={"gen_ai.operation.name": "invoke_workflow"})
    group = OpenTrace()
    group.start(raw_of(workflow), workflow)
    workflow.set_attribute("langchain.run.name", "RunnableSequence")
    model = tracer.start_span("chat", context=set_span_in_context(workflow))
    group.start(raw_of(model), model)
    model.end()
    group.end(raw_of(model))

    assert group.above(raw_of(model)) == ["RunnableSequence"]
    workflow.end()
