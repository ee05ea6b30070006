"""What spans can say, through the real Collector and the real Jaeger: what is kept, what is masked, what is dropped."""

from __future__ import annotations

from typing import Any

import pytest
from tests.pipeline.conftest import Pipeline
from tests.pipeline.otlp_json import BADGER_BYTES, spans_in_full

PROGRAM = """
from opentelemetry import trace
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

tracer = trace.get_tracer("spans", "1.2", attributes={"scope.of": "all"})
elsewhere = SpanContext(0xABC, 0xDEF, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))

with tracer.start_as_current_span("root", kind=SpanKind.SERVER) as root:
    with tracer.start_as_current_span("types") as span:
        span.set_attributes({
            "text": "é 𝄞 \\n \\"quoted\\" <b>&", "empty": "", "json": '{"a": [1, 2]}',
            "yes": True, "no": False,
            "int": 17, "zero": 0, "big": 2**63 - 1, "negative": -(2**63),
            "float": 0.1, "whole": 2.0, "small": 1e-300,
            "texts": ["a", "b"], "ints": [1, 2**53 + 1], "bools": [True, False], "long": "é" * 50_000,
        })
    with tracer.start_as_current_span("events") as span:
        span.add_event("first", {"n": 1, "words": ["a", "b"]}, timestamp=1_700_000_000_000_000_001)
        span.add_event("second")
    links = [Link(root.get_span_context(), {"langchain.link.cause": "asked_by"}), Link(elsewhere)]
    with tracer.start_as_current_span("links", kind=SpanKind.CLIENT, links=links):
        pass
    with tracer.start_as_current_span("failed") as span:
        span.set_status(Status(StatusCode.ERROR, "it broke"))
    with tracer.start_as_current_span("in order") as span:
        span.set_status(Status(StatusCode.OK))
    with tracer.start_as_current_span("secrets") as span:
        span.set_attributes({
            "said": "write to ann.b@example.org, pay with 4111 1111 1111 1111",
            "http.request.header.authorization": "Bearer abc",
            "gen_ai.input.messages": '[{"role": "user", "parts": [{"type": "text", "content": "my key is sk-proj-'
            + "a1B2" * 8 + '"}]}]',
            "gen_ai.usage.input_tokens": 4111111111111111,
            "id": "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9",
        })
        span.set_status(Status(StatusCode.ERROR, "no such user: ann.b@example.org"))
    with tracer.start_as_current_span("noise") as span:
        span.set_attribute("url.path", "/healthz")
"""


@pytest.fixture(scope="module")
def spans(pipeline: Pipeline) -> tuple[dict[str, Any], dict[str, Any]]:
    """The spans by their names, as the program wrote them and as Jaeger has them."""
    program = pipeline.folder / "spans.py"
    program.write_text(PROGRAM, encoding="utf-8")
    sent = spans_in_full(pipeline.send(program, OTEL_SERVICE_NAME="spans", OTEL_RESOURCE_ATTRIBUTES="team=ours"))
    [trace_id] = {span["traceId"] for span in sent.values()}
    received = spans_in_full(pipeline.jaeger.keep_trace(trace_id, len(sent) - 1, pipeline.folder / "received.jsonl"))
    return _by_name(pipeline.as_kept(sent)), _by_name(received)


def test_the_health_check_is_dropped_and_nothing_else(spans: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """The Collector drops the spans of health checks."""
    sent, received = spans
    assert set(received) == set(sent) - {"noise"}


@pytest.mark.parametrize("name", ["root", "types", "events", "links", "failed", "in order"])
def test_a_span_arrives_as_it_was_sent(name: str, spans: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """Every type of attribute, events, links, kinds, statuses, scope and resource come through."""
    sent, received = spans
    assert received[name] == sent[name]


def test_secrets_are_masked(spans: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """The Collector masks addresses, cards and keys, leaves JSON sound, and counts and ids alone."""
    _, received = spans
    said = {key: value for key, (_, value) in received["secrets"]["attributes"].items() if "redaction" not in key}
    assert said == {
        "said": "write to ****, pay with ****",
        "http.request.header.authorization": "****",
        "gen_ai.input.messages": '[{"role": "user", "parts": [{"type": "text", "content": "my key is ****"}]}]',
        "gen_ai.usage.input_tokens": "4111111111111111",
        "id": "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9",
    }
    assert received["secrets"]["status"]["message"] == "no such user: ****"


def test_a_long_text_is_stored(pipeline: Pipeline, spans: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """A text of 100 kB is whole in memory; before Badger, which would refuse its span, it is cut."""
    _, received = spans
    assert len(received["types"]["attributes"]["long"][1].encode()) == (BADGER_BYTES if pipeline.on_disk else 100_000)


def test_in_badger_a_link_does_not_say_why(pipeline: Pipeline, spans: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """A link still leads where it led, but in Badger it does not say why: a span's own attribute must say it too."""
    _, received = spans
    [to_the_root, _] = received["links"]["links"]
    cause = to_the_root["attributes"].get("langchain.link.cause")
    assert cause == (None if pipeline.on_disk else ("stringValue", "asked_by"))
    leads_to = [link["spanId"] for link in received["links"]["links"]]
    assert leads_to == [received["root"]["spanId"], f"{0xDEF:016x}"]


@pytest.mark.parametrize("pipeline", ["memory"], indirect=True)
def test_over_grpc_the_same_arrives(pipeline: Pipeline) -> None:
    """OpenTelemetry's default protocol carries what the other one does."""
    pytest.importorskip("opentelemetry.exporter.otlp.proto.grpc", reason="needs the extra otlp")
    program = pipeline.folder / "grpc.py"
    program.write_text(PROGRAM, encoding="utf-8")
    sent = spans_in_full(pipeline.send(program, protocol="grpc", OTEL_SERVICE_NAME="grpc"))
    [trace_id] = {span["traceId"] for span in sent.values()}
    received = spans_in_full(pipeline.jaeger.keep_trace(trace_id, len(sent) - 1, pipeline.folder / "over-grpc.jsonl"))
    changed = {"noise", "secrets"}
    assert {name: span for name, span in _by_name(received).items() if name not in changed} == {
        name: span for name, span in _by_name(sent).items() if name not in changed
    }


def _by_name(spans: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return {span["name"]: span for span in spans.values()}
