"""The demo's agent, sent through the real Collector to the real Jaeger, and read back from Jaeger's API."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from runpy import run_path
from urllib.parse import urlencode

import pytest
from tests.pipeline.conftest import Pipeline
from tests.pipeline.otlp_json import spans_in_full
from tests.pipeline.servers import ROOT, get, wait_until

from callspan.testing import OpenAIServer, read_trace_file, span_tree
from callspan.testing.span_record import SpanRecord

SERVICE = "research-agent"

TREE = """\
invoke_agent research_agent
  node model
    chat gpt-5-mini
      POST
  node tools
    execute_tool search_notes
      retrieval
        embeddings text-embedding-3-small
          POST
  node tools
    execute_tool search_notes
      retrieval
        embeddings text-embedding-3-small
          POST
  node model
    chat gpt-5-mini
      POST
  node tools
    execute_tool read_station !ConnectionError
    execute_tool read_station
  node model
    chat gpt-5-mini
      POST
"""


@dataclass(frozen=True)
class Journey:
    """One run of the agent: what it sent, and what arrived.

    Args:
        sent: The trace file that the program itself wrote, beside sending.
        trace_id: The agent's trace; there is one more, of the embeddings that fill its store.
        received: The agent's trace as Jaeger tells it.
    """

    sent: Path
    trace_id: str
    received: Path

    def sent_spans(self) -> list[SpanRecord]:
        """Give the spans of the agent's trace as the program wrote them."""
        return [span for span in read_trace_file(self.sent) if span.trace_id == self.trace_id]


@pytest.fixture(scope="module")
def journey(pipeline: Pipeline) -> Journey:
    """The agent has run, and its trace is in Jaeger."""
    if not hasattr(pytest.importorskip("langchain.agents"), "create_agent"):
        pytest.skip("the demo's agent needs langchain 1.x")
    with OpenAIServer(run_path(str(ROOT / "examples/demo.py"))["SCRIPT"]) as server:
        sent = pipeline.send(
            ROOT / "examples/research_agent.py",
            OPENAI_BASE_URL=server.base_url,
            OPENAI_API_KEY="scripted",
            OTEL_SERVICE_NAME=SERVICE,
        )
    spans = read_trace_file(sent)
    [agent] = [span for span in spans if span.name == "invoke_agent research_agent"]
    count = sum(span.trace_id == agent.trace_id for span in spans)
    received = pipeline.jaeger.keep_trace(agent.trace_id, count, pipeline.folder / "received.jsonl")
    return Journey(sent, agent.trace_id, received)


def test_the_tree_is_the_one_that_was_sent(journey: Journey) -> None:
    """Jaeger has the agent's tree, with the HTTP requests and the failed tool in their places."""
    assert span_tree(read_trace_file(journey.received)) == span_tree(journey.sent_spans()) == TREE


def test_every_span_says_what_was_sent(journey: Journey, pipeline: Pipeline) -> None:
    """Names, kinds, times, attributes, events, links and statuses of each span are those that were sent."""
    sent = spans_in_full(journey.sent, journey.trace_id)
    assert spans_in_full(journey.received) == pipeline.as_kept(sent)


def test_the_failed_tool_has_its_status_and_its_exception(journey: Journey) -> None:
    """The failure can be read in Jaeger: status ERROR, the error's type, and one event with the exception."""
    [failed] = [span for span in spans_in_full(journey.received).values() if span.get("status")]
    assert failed["name"] == "execute_tool read_station"
    assert failed["status"]["code"] == 2
    assert failed["attributes"]["error.type"] == ("stringValue", "ConnectionError")
    [event] = failed["events"]
    assert event["name"] == "exception"
    assert event["attributes"]["exception.message"] == ("stringValue", "the line to K7 dropped")


def test_the_agent_is_found_by_its_service(journey: Journey, pipeline: Pipeline) -> None:
    """Whoever searches Jaeger for the service and the operation finds the trace."""
    now = datetime.now(UTC)
    query = {
        "query.service_name": SERVICE,
        "query.operation_name": "invoke_agent research_agent",
        "query.start_time_min": (now - timedelta(hours=1)).isoformat(),
        "query.start_time_max": (now + timedelta(hours=1)).isoformat(),
        "query.num_traces": 20,
    }
    assert SERVICE in pipeline.jaeger.ask("/api/v3/services")["services"]
    found = pipeline.jaeger.ask(f"/api/v3/traces?{urlencode(query)}")["result"]["resourceSpans"]
    spans = [span for resource in found for scope in resource["scopeSpans"] for span in scope["spans"]]
    assert {span["traceId"] for span in spans} == {journey.trace_id}


def test_the_collector_counts_every_span(journey: Journey, pipeline: Pipeline) -> None:
    """The Collector's span metrics count each span once, and know its operation and its model."""

    def calls() -> list[tuple[str, int]]:
        page = get(pipeline.collector.metrics_port, "/metrics")[1].decode()
        found = re.findall(r"^traces_span_metrics_calls_total\{(.*?)\} (\d+)", page, re.MULTILINE)
        return [(labels, int(count)) for labels, count in found if f'job="{SERVICE}"' in labels]

    sent = len(read_trace_file(journey.sent))
    wait_until(lambda: sum(count for _, count in calls()) >= sent, "all spans are counted")
    assert sum(count for _, count in calls()) == sent
    chat = 'gen_ai_operation_name="chat"', 'gen_ai_request_model="gpt-5-mini"'
    assert [count for labels, count in calls() if all(label in labels for label in chat)] == [3]


@pytest.mark.parametrize("pipeline", ["badger"], indirect=True)
def test_on_disk_the_trace_outlives_jaeger(journey: Journey, pipeline: Pipeline, tmp_path: Path) -> None:
    """With Badger the trace is there after a restart, as it was before."""
    pipeline.jaeger.stop()
    pipeline.jaeger.start()
    before = spans_in_full(journey.received)
    again = pipeline.jaeger.keep_trace(journey.trace_id, len(before), tmp_path / "again.jsonl")
    assert span_tree(read_trace_file(again)) == TREE
    assert spans_in_full(again) == before
