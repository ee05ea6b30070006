"""What the SDK's own samplers drop for certain is not described; any other sampler sees name and attributes."""

import pytest
from langchain_core.language_models import FakeListChatModel
from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased, Sampler, TraceIdRatioBased
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

import callspan
from callspan.core.spans import is_dropped


class Own(ParentBased):
    """A sampler of the program's own."""


def parent(*, sampled, remote=False):
    flags = TraceFlags(TraceFlags.SAMPLED if sampled else TraceFlags.DEFAULT)
    return set_span_in_context(NonRecordingSpan(SpanContext(1, 1, remote, flags)), Context())


PARENTS = {
    "none": Context(),
    "sampled": parent(sampled=True),
    "not sampled": parent(sampled=False),
    "not sampled, remote": parent(sampled=False, remote=True),
}

SAMPLERS = {
    "off": (ALWAYS_OFF, set(PARENTS)),
    "on": (ALWAYS_ON, set()),
    "ratio": (TraceIdRatioBased(0), set()),
    "by parent, off": (ParentBased(ALWAYS_OFF), {"none", "not sampled", "not sampled, remote"}),
    "by parent, on": (ParentBased(ALWAYS_ON), {"not sampled", "not sampled, remote"}),
    "by parent, ratio": (ParentBased(TraceIdRatioBased(0.1)), {"not sampled", "not sampled, remote"}),
    "by local parent": (ParentBased(ALWAYS_OFF, local_parent_not_sampled=ALWAYS_ON), {"none", "not sampled, remote"}),
    "own": (Own(ALWAYS_OFF), set()),
}


@pytest.mark.parametrize("name", SAMPLERS)
def test_what_is_certain_to_be_dropped_is_dropped(name):
    sampler, expected = SAMPLERS[name]
    tracer = TracerProvider(sampler=sampler, shutdown_on_exit=False).get_tracer("t")
    assert {kind for kind, context in PARENTS.items() if is_dropped(tracer, context)} == expected
    assert not any(tracer.start_span("s", PARENTS[kind]).is_recording() for kind in expected)


def test_a_sampler_of_the_programs_own_sees_the_model():
    seen = []

    class Seeing(Sampler):
        def should_sample(self, parent_context, trace_id, name, kind=None, attributes=None, *more, **others):
            seen.append((name, dict(attributes or {})))
            return ALWAYS_OFF.should_sample(parent_context, trace_id, name)

        def get_description(self):
            return "Seeing"

    callspan.instrument(tracer_provider=TracerProvider(sampler=Seeing(), shutdown_on_exit=False))
    try:
        for _ in range(2):
            FakeListChatModel(responses=["hi"]).invoke("x", config={"metadata": {"ls_model_name": "m"}})
    finally:
        callspan.uninstrument()
    assert [name for name, _ in seen] == ["chat m"] * 2
    assert all(attributes["gen_ai.request.model"] == "m" for _, attributes in seen)
