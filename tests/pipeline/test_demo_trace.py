"""The demo's agent, sent through the real Collector to the real Jaeger, and read back from Jaeger's API."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.pipeline import demo
from tests.pipeline.conftest import Pipeline
from tests.pipeline.otlp_json import spans_in_full
from tests.pipeline.servers import ROOT, get, wait_until

from callspan.testing import read_trace_file, span_tree
from callspan.testing.tree import SpanRecord

RUN = {"langchain.run.id", "langchain.run.type", "langchain.run.name"}
IN_GRAPH = {"langchain.run.tags", "langgraph.step", "langgraph.checkpoint.ns", "langgraph.task.id"}
TOOL = {
    *("gen_ai.operation.name", "gen_ai.agent.name", "gen_ai.tool.name", "gen_ai.tool.type", "gen_ai.tool.description"),
    *("gen_ai.tool.call.id", "langchain.asked_by"),
}
TOTALS = {f"langchain.total.{what}" for what in ("model_calls", "tool_calls", "input_tokens", "output_tokens")}
MODEL = {"gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model", "server.address", "server.port"}
CHAT = {
    *("gen_ai.agent.name", "gen_ai.response.model", "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"),
    *("gen_ai.request.stream", "gen_ai.response.time_to_first_chunk", "gen_ai.response.finish_reasons"),
    *("gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.reasoning.output_tokens"),
    *("openai.api.type", "openai.response.service_tier", "openai.response.system_fingerprint"),
}

EXPECTED: dict[str, set[str]] = {
    "invoke_agent research_agent": RUN | TOTALS | {"gen_ai.operation.name", "gen_ai.agent.name"},
    "node model": RUN | IN_GRAPH | {"langgraph.node", "langgraph.triggers"},
    "node tools": RUN | IN_GRAPH | {"langgraph.node", "langgraph.triggers"},
    "chat gpt-5-mini": RUN | IN_GRAPH | MODEL | CHAT,
    "execute_tool search_notes": RUN | IN_GRAPH | TOOL,
    "execute_tool read_station": RUN | IN_GRAPH | TOOL,
    "retrieval": RUN | IN_GRAPH | {"gen_ai.operation.name"},
    "embeddings text-embedding-3-small": RUN | MODEL,
}
"""What every span of a name says at least."""

FAILED = {"error.type"}
RETRIED = {"langchain.retry_of", "langchain.run.attempt"}
"""What the failed tool says besides, and what the one after it."""

_SETTINGS = "max_tokens temperature top_p top_k frequency_penalty presence_penalty seed choice.count stop_sequences"

CONTENT = (
    *("gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.system_instructions", "gen_ai.tool.definitions"),
    *("gen_ai.tool.call.arguments", "gen_ai.tool.call.result", "gen_ai.retrieval.query.text"),
    *("gen_ai.retrieval.documents", "langchain.run.inputs", "langchain.run.outputs", "langchain.event.data"),
    *("langgraph.interrupt.value", "langgraph.resume.value"),
)

NOT_HERE = {
    **{f"gen_ai.request.{name}": "the model has no settings of its own" for name in _SETTINGS.split()},
    "gen_ai.request.reasoning.level": "the model has no settings of its own",
    "gen_ai.request.previous_response.id": "Chat Completions has no stored responses",
    "gen_ai.request.encoding_formats": "the embeddings have no settings of their own",
    "gen_ai.embeddings.dimension.count": "the embeddings have no settings of their own",
    "gen_ai.output.type": "the agent asks for no format",
    "openai.request.service_tier": "the agent asks for none",
    "aws.bedrock.guardrail.id": "the model is OpenAI's",
    "gen_ai.response.id": "langchain-openai leaves it out of streams",
    "gen_ai.usage.cache_write.input_tokens": "OpenAI counts none",
    "gen_ai.usage.audio.input_tokens": "there is no sound",
    "gen_ai.usage.audio.output_tokens": "there is no sound",
    **dict.fromkeys(("gen_ai.usage.cost", "langchain.total.cost"), "the setting `prices` is off"),
    "langchain.usage.service_tier": "OpenAI's has an attribute of its own",
    "langchain.usage.cache_write_1h_tokens": "the model is OpenAI's",
    "langchain.usage.incomplete": "all tokens are counted",
    "langchain.cache.hit": "there is no cache",
    **{f"langchain.rerank.{name}": "nothing is reranked" for name in ("model", "top_n", "documents", "kept")},
    "langchain.structured_output.schema": "the agent asks for no format",
    "langchain.structured_output.parsed": "the agent asks for no format",
    "gen_ai.conversation.id": "the agent has no thread",
    "session.id": "the agent has no session",
    "user.id": "the agent has no session",
    "gen_ai.agent.description": "the agent has none",
    "gen_ai.workflow.name": "the root is an agent",
    "gen_ai.data_source.id": "the retriever names none",
    "langchain.metadata.{key}": "the program has no metadata of its own",
    "langchain.instead_of": "there is no fallback",
    "langchain.resumes": "nothing pauses",
    "langgraph.resume.wait_time": "nothing pauses",
    "langgraph.interrupt.id": "nothing pauses",
    "langchain.event.type": "the program dispatches no event",
    "langchain.retry.attempt": "the model's client needs no second attempt",
    "langchain.retry.wait_time": "the model's client needs no second attempt",
    "langchain.run.outcome": "every run returns or fails",
    "langgraph.checkpoint.id": "there is no checkpointer",
    "langgraph.goto": "no node returns a Command",
    "langchain.approval.granted": "no tool wants approval",
    "langchain.guard.rule": "there is no guard",
    "langchain.guard.side": "there is no guard",
    **{f"gen_ai.evaluation.{name}": "nothing is scored" for name in ("name", "score.value", "score.label")},
    "gen_ai.evaluation.explanation": "nothing is scored",
    **dict.fromkeys(CONTENT, "content is off"),
}
"""Which attributes of the documentation this program cannot have, and why."""


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

    def named(self, word: str) -> list[SpanRecord]:
        """Give the spans that arrived whose names begin with a word, by their start.

        Args:
            word: The word.
        """
        spans = [span for span in read_trace_file(self.received) if span.name.split()[0] == word]
        return sorted(spans, key=lambda span: span.start)

    def links(self, span: SpanRecord) -> list[dict[str, Any]]:
        """Give the links that a span arrived with.

        Args:
            span: The span.
        """
        return spans_in_full(self.received)[span.span_id]["links"]


@pytest.fixture(scope="session")
def agent() -> Path:
    """The agent's program, before any server is started for it."""
    demo.skip_where_it_cannot_run()
    return demo.PROGRAM


@pytest.fixture(scope="module")
def journey(agent: Path, pipeline: Pipeline) -> Journey:
    """The agent has run, and its trace is in Jaeger; what an instrumentation of the model's client adds is not here."""
    alone = {"OTEL_SERVICE_NAME": demo.SERVICE, "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "openai"}
    with demo.scripted_model() as model:
        sent = pipeline.send(agent, **alone, **model)
    spans = read_trace_file(sent)
    [root] = [span for span in spans if span.name == demo.AGENT]
    count = sum(span.trace_id == root.trace_id for span in spans)
    received = pipeline.jaeger.keep_trace(root.trace_id, count, pipeline.folder / "received.jsonl")
    return Journey(sent, root.trace_id, received)


def test_the_tree_is_the_one_that_was_sent(journey: Journey) -> None:
    """Jaeger has the agent's tree, with the HTTP requests and the failed tool in their places."""
    assert span_tree(read_trace_file(journey.received)) == span_tree(journey.sent_spans()) == demo.TREE


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


def test_only_the_failed_tool_has_a_status(journey: Journey) -> None:
    """All other spans are unset, the root among them: the second attempt was in order."""
    assert [span.name for span in read_trace_file(journey.received) if span.failed] == ["execute_tool read_station"]
    assert [span["name"] for span in spans_in_full(journey.received).values() if span["events"]] == [
        "execute_tool read_station"
    ]


def test_every_span_says_where_it_comes_from(journey: Journey) -> None:
    """The scope tells callspan's spans from those of the HTTP client, and the resource is the service's."""
    spans = spans_in_full(journey.received).values()
    scopes = {span["name"]: span["scope"][0] for span in spans}
    assert scopes.pop("POST").startswith("opentelemetry.instrumentation.httpx")
    assert set(scopes) == set(EXPECTED)
    assert set(scopes.values()) == {"callspan"}
    assert {span["resource"]["service.name"] for span in spans} == {("stringValue", demo.SERVICE)}


def test_a_tool_names_the_chat_that_asked_for_it(journey: Journey, pipeline: Pipeline) -> None:
    """`langchain.asked_by` is the chat's span, and so is a link; Badger has the attribute too."""
    first, second, _ = journey.named("chat")
    tools = journey.named("execute_tool")
    asked_by = [tool.attributes["langchain.asked_by"] for tool in tools]
    assert asked_by == [first.span_id, first.span_id, second.span_id, second.span_id]
    for tool in tools:
        assert _link(journey, tool, "asked_by", pipeline) == (journey.trace_id, tool.attributes["langchain.asked_by"])


def test_a_tool_says_which_call_it_answers(journey: Journey) -> None:
    """`gen_ai.tool.call.id` is the id that the model gave the call: both attempts answer the same one."""
    calls = [tool.attributes["gen_ai.tool.call.id"] for tool in journey.named("execute_tool")]
    assert sorted(calls) == ["call_0_0", "call_0_1", "call_1_0", "call_1_0"]


def test_the_second_attempt_names_the_failed_one(journey: Journey, pipeline: Pipeline) -> None:
    """`langchain.retry_of` is the failed tool's span, and so is a link; it is the second attempt."""
    failed, again = [span for span in journey.named("execute_tool") if span.name == "execute_tool read_station"]
    assert (failed.failed, again.failed) == (True, False)
    assert again.attributes["langchain.retry_of"] == failed.span_id
    assert again.attributes["langchain.run.attempt"] == 2
    assert _link(journey, again, "retry_of", pipeline) == (journey.trace_id, failed.span_id)
    assert "langchain.run.attempt" not in failed.attributes


def test_no_other_span_has_a_cause(journey: Journey) -> None:
    """Each cause is one link: nothing but tools has any."""
    links = {span.span_id: len(journey.links(span)) for span in read_trace_file(journey.received)}
    assert [links.pop(tool.span_id) for tool in journey.named("execute_tool")] == [1, 1, 1, 2]
    assert set(links.values()) == {0}


def test_a_streamed_chat_says_its_tokens_and_when_it_began_to_answer(journey: Journey) -> None:
    """Each chat was streamed, was counted, and had its first chunk before its end."""
    for chat in journey.named("chat"):
        said = chat.attributes
        assert said["gen_ai.request.stream"] is True
        assert said["gen_ai.usage.input_tokens"] > 0
        assert said["gen_ai.usage.output_tokens"] > 0
        assert chat.end is not None
        assert 0 < said["gen_ai.response.time_to_first_chunk"] <= (chat.end - chat.start) / 1e9


def test_the_agent_adds_up_what_was_called_in_it(journey: Journey) -> None:
    """The root's totals are the sums over the spans below it; an attempt that failed is a call too."""
    [agent] = journey.named("invoke_agent")
    chats = journey.named("chat")
    totals = {key: value for key, value in agent.attributes.items() if key.startswith("langchain.total.")}
    assert totals == {
        "langchain.total.model_calls": 3,
        "langchain.total.tool_calls": 4,
        "langchain.total.input_tokens": sum(chat.attributes["gen_ai.usage.input_tokens"] for chat in chats),
        "langchain.total.output_tokens": sum(chat.attributes["gen_ai.usage.output_tokens"] for chat in chats),
    }


@pytest.mark.parametrize("name", EXPECTED)
def test_every_attribute_that_a_span_can_have_is_in_jaeger(name: str, journey: Journey) -> None:
    """Each span of this name says all that the documentation promises for it."""
    spans = [span for span in read_trace_file(journey.received) if span.name == name]
    assert spans
    for span in spans:
        assert EXPECTED[name] - set(span.attributes) == set()


def test_the_two_attempts_say_what_else_they_can(journey: Journey) -> None:
    """The failed tool has its error, and the one after it what it answers to."""
    failed, again = journey.named("execute_tool")[2:]
    assert set(failed.attributes) >= FAILED
    assert set(again.attributes) >= RETRIED


def test_every_attribute_that_is_expected_is_documented() -> None:
    """What is expected stands in the table of docs/spans.md, by its own name."""
    expected = FAILED | RETRIED | set().union(*EXPECTED.values())
    assert expected - set(_documented()) == set()


def test_every_attribute_of_every_span_is_looked_for() -> None:
    """What the documentation has on every span is expected of every span."""
    everywhere = {attribute for attribute, on in _documented().items() if on == "every span"}
    assert everywhere
    assert [name for name, attributes in EXPECTED.items() if not everywhere <= attributes] == []


def test_every_documented_attribute_is_in_jaeger_or_cannot_be(journey: Journey) -> None:
    """Each attribute of the table stands on a span of this trace, unless the program gives no occasion for it."""
    written = {key for span in read_trace_file(journey.received) for key in span.attributes}
    assert set(_documented()) - written - set(NOT_HERE) == set()
    assert written & set(NOT_HERE) == set()


def test_nothing_undocumented_is_in_jaeger(journey: Journey) -> None:
    """Each attribute of callspan's spans stands in the table of docs/spans.md."""
    spans = spans_in_full(journey.received).values()
    written = {key for span in spans if span["scope"][0] == "callspan" for key in span["attributes"]}
    assert written - set(_documented()) == set()


def test_the_agent_is_found_by_its_service(journey: Journey, pipeline: Pipeline) -> None:
    """Whoever searches Jaeger for the service and the operation finds the trace."""
    assert demo.SERVICE in pipeline.jaeger.ask("/api/v3/services")["services"]
    assert pipeline.jaeger.find(demo.SERVICE, demo.AGENT) == {journey.trace_id}


def test_the_collector_counts_every_span(journey: Journey, pipeline: Pipeline) -> None:
    """The Collector's span metrics count each span once, and know its operation and its model."""

    def calls() -> list[tuple[str, int]]:
        page = get(pipeline.collector.metrics_port, "/metrics")[1].decode()
        found = re.findall(r"^traces_span_metrics_calls_total\{(.*?)\} (\d+)", page, re.MULTILINE)
        return [(labels, int(count)) for labels, count in found if f'job="{demo.SERVICE}"' in labels]

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
    assert span_tree(read_trace_file(again)) == demo.TREE
    assert spans_in_full(again) == before


def _link(journey: Journey, span: SpanRecord, cause: str, pipeline: Pipeline) -> tuple[str, str]:
    """Give where the link of a cause leads; on disk it does not say its cause, and is found by the attribute."""
    if pipeline.on_disk:
        leads = [link for link in journey.links(span) if link["spanId"] == span.attributes[f"langchain.{cause}"]]
    else:
        said = {"langchain.link.cause": ("stringValue", cause)}
        leads = [link for link in journey.links(span) if link["attributes"] == said]
    [link] = leads
    return link["traceId"], link["spanId"]


def _documented() -> dict[str, str]:
    """Read the table of attributes: each with the runs that have it."""
    text = (ROOT / "docs/spans.md").read_text(encoding="utf-8")
    table = text.partition("## Attributes")[2].partition("\n## ")[0]
    rows = [line.split(" | ") for line in table.splitlines() if line.startswith("| `")]
    return {attribute.strip("| `"): on for attribute, on, *_ in rows}
