"""Events beside spans, where they are asked for: a model's call with what was said, and how a call failed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.language_models import FakeListLLM, GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

import callspan
from callspan.testing import record

DETAILS = "gen_ai.client.inference.operation.details"
FAILED = "gen_ai.client.operation.exception"
EVENTS = ("event_only", "span_and_event")
CONTENT = ("gen_ai.input.messages", "gen_ai.output.messages")


class Logs:
    """A provider of the test's own, and what was logged with it."""

    def __init__(self) -> None:
        self._exporter = InMemoryLogRecordExporter()
        self.provider = LoggerProvider()
        self.provider.add_log_record_processor(SimpleLogRecordProcessor(self._exporter))

    @property
    def all(self) -> list[Any]:
        """What was exported."""
        return list(self._exporter.get_finished_logs())

    @property
    def records(self) -> list[Any]:
        """The records."""
        return [one.log_record for one in self.all]

    @property
    def names(self) -> list[str]:
        """The names of the events."""
        return [one.event_name for one in self.records]


@pytest.fixture
def logs() -> Iterator[Logs]:
    """A provider of logs."""
    logs = Logs()
    yield logs
    logs.provider.shutdown()


@pytest.fixture(autouse=True)
def no_variables(monkeypatch):
    """The environment says nothing of events."""
    monkeypatch.delenv("OTEL_INSTRUMENTATION_GENAI_EMIT_EVENT", raising=False)


def model(*answers: Any) -> GenericFakeChatModel:
    """Make a chat model; an exception among the answers is raised."""

    def said():
        for answer in answers or (AIMessage("rain", response_metadata={"model_name": "m-1", "finish_reason": "stop"}),):
            if isinstance(answer, BaseException):
                raise answer
            yield answer

    return GenericFakeChatModel(messages=said(), metadata={"ls_model_name": "m", "ls_provider": "openai"})


ASKED = [SystemMessage("Be brief."), HumanMessage("weather?")]

FORMS = {
    "invoke": lambda model: model.invoke(ASKED),
    "stream": lambda model: list(model.stream(ASKED)),
    "ainvoke": lambda model: asyncio.run(model.ainvoke(ASKED)),
}


@pytest.mark.parametrize("mode", EVENTS)
@pytest.mark.parametrize("form", FORMS)
def test_a_models_call_is_an_event_with_what_was_said(form, mode, logs):
    """What was said is structured there: the very values that JSON writes on a span."""
    with record(content=mode, logger_provider=logs.provider):
        FORMS[form](model())
    (event,) = logs.records
    said = event.attributes
    assert (event.event_name, event.body, said["gen_ai.operation.name"]) == (DETAILS, None, "chat")
    assert [message["role"] for message in said["gen_ai.input.messages"]] == ["system", "user"]
    assert [dict(part) for part in said["gen_ai.input.messages"][1]["parts"]] == [
        {"type": "text", "content": "weather?"}
    ]
    (answer,) = said["gen_ai.output.messages"]
    assert (answer["role"], answer["parts"][0]["content"]) == ("assistant", "rain")


@pytest.mark.parametrize("mode", EVENTS)
def test_the_event_says_all_that_the_span_says(mode, logs):
    """Also who is at work, and what callbacks wrote."""
    writes = callspan.Listen(on_end=lambda run: run.set_attribute("app.score", 3))
    with record(content=mode, logger_provider=logs.provider) as recording, callspan.session("s1", user="u1"):
        model().invoke("hi", {"callbacks": [writes]})
    (span,), (event,) = recording.spans, logs.records
    plain = {name: value for name, value in span.attributes.items() if name not in CONTENT}
    assert {name: value for name, value in event.attributes.items() if name not in CONTENT} == plain
    assert plain["session.id"] == plain["gen_ai.conversation.id"] == "s1"
    assert (plain["app.score"], plain["gen_ai.response.model"]) == (3, "m-1")
    assert (CONTENT[0] in span.attributes) is (mode == "span_and_event")


def test_the_event_is_in_the_context_of_its_span(logs):
    with record(content="event_only", logger_provider=logs.provider) as recording:
        RunnableLambda(lambda x: model().invoke(x)).invoke("hi")
    (event,) = logs.records
    chat = recording.named("chat m")
    assert (event.trace_id, event.span_id) == (chat.context.trace_id, chat.context.span_id)
    assert event.timestamp == chat.end_time
    assert logs.all[0].instrumentation_scope.name == "callspan"


@pytest.mark.parametrize(
    ("mode", "variable", "names"),
    [
        ("no_content", None, []),
        ("span_only", None, []),
        ("event_only", None, [DETAILS]),
        ("span_and_event", None, [DETAILS]),
        ("no_content", "true", [DETAILS]),
        ("span_only", "true", [DETAILS]),
        ("event_only", "false", []),
        ("span_and_event", "false", []),
    ],
)
def test_who_asks_for_events_gets_them(mode, variable, names, logs, monkeypatch):
    """The mode says it, unless OpenTelemetry's variable says otherwise."""
    if variable:
        monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_EMIT_EVENT", variable)
    with record(content=mode, logger_provider=logs.provider):
        model().invoke("hi")
    assert logs.names == names


@pytest.mark.parametrize("mode", ["no_content", "span_only"])
def test_an_event_that_only_the_variable_asks_for_has_no_content(mode, logs, monkeypatch):
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_EMIT_EVENT", "true")
    with record(content=mode, logger_provider=logs.provider):
        model().invoke("hi")
    (event,) = logs.records
    assert [name for name in CONTENT if name in event.attributes] == []
    assert event.attributes["gen_ai.request.model"] == "m"


@pytest.mark.may_log
def test_a_wrong_value_of_the_variable_warns_and_changes_nothing(logs, monkeypatch, caplog):
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_EMIT_EVENT", "yes")
    with record(content="event_only", logger_provider=logs.provider):
        model().invoke("hi")
    assert logs.names == [DETAILS]
    assert 'OTEL_INSTRUMENTATION_GENAI_EMIT_EVENT is "yes"; use true or false. Using the default.' in caplog.text


def test_a_block_switches_them_on(logs):
    with record(logger_provider=logs.provider):
        model().invoke("before")
        with callspan.content("event_only"):
            model().invoke("hi")
    assert [one.attributes["gen_ai.input.messages"][0]["parts"][0]["content"] for one in logs.records] == ["hi"]


def test_completion_models_have_it_too_and_nobody_else(logs):
    """There is no such event for tools, chains, embeddings and retrievers."""

    @tool
    def look(topic: str) -> str:
        """Look something up."""
        return topic

    with record(content="event_only", logger_provider=logs.provider):
        (RunnableLambda(lambda x: x) | FakeListLLM(responses=["rain"])).invoke("hi")
        look.invoke({"topic": "rain"})
        DeterministicFakeEmbedding(size=1).embed_query("hi")
    assert [one.attributes["gen_ai.operation.name"] for one in logs.records] == ["text_completion"]


def test_what_is_too_long_is_cut_there_too(logs):
    with record(content="event_only", content_limit=1024, logger_provider=logs.provider):
        model().invoke("x" * 5000)
    (event,) = logs.records
    assert len(str(event.attributes["gen_ai.input.messages"])) < 1200


def test_secrets_are_redacted_there_too(logs):
    with record(content="event_only", logger_provider=logs.provider):
        model().invoke("my key is sk-proj-abcdefghijklmnopqrstuvwxyz123456")
    assert "abcdefghijklmnop" not in str(logs.records[0].attributes)


# Failures


class Broken(DeterministicFakeEmbedding):
    """Embeddings that fail."""

    def embed_query(self, text: str) -> list[float]:
        raise ConnectionError("gone")


class Lost(BaseRetriever):
    """A retriever whose embeddings fail."""

    def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Any]:
        return [Broken(size=1).embed_query(query)]


@pytest.mark.parametrize("mode", EVENTS)
def test_a_failed_call_is_a_warning_with_its_exception(mode, logs):
    with (
        record(content=mode, logger_provider=logs.provider) as recording,
        pytest.raises(ConnectionError),
    ):
        model(ConnectionError("gone")).invoke("hi")
    failed, details = logs.records
    assert (failed.event_name, failed.severity_number.name, failed.severity_text) == (FAILED, "WARN", "WARN")
    assert (failed.attributes["exception.type"], failed.attributes["exception.message"]) == ("ConnectionError", "gone")
    assert "Traceback" in failed.attributes["exception.stacktrace"]
    assert (details.event_name, details.attributes["error.type"]) == (DETAILS, "ConnectionError")
    assert details.attributes["gen_ai.input.messages"][0]["parts"][0]["content"] == "hi"
    assert {one.span_id for one in (failed, details)} == {recording.spans[0].context.span_id}


def test_it_is_told_once_where_it_began(logs):
    """What passes an exception on says nothing of its own."""
    with record(content="event_only", logger_provider=logs.provider) as recording, pytest.raises(ConnectionError):
        RunnableLambda(lambda x: Lost().invoke(x)).invoke("hi")
    assert logs.names == [FAILED]
    assert logs.records[0].span_id == recording.named("embeddings").context.span_id


def test_a_chain_or_a_tool_that_fails_is_no_such_event(logs):
    def fail(x):
        raise ValueError("no")

    with record(content="event_only", logger_provider=logs.provider), pytest.raises(ValueError, match="no"):
        RunnableLambda(fail).invoke("hi")
    assert logs.names == []


def test_a_call_that_a_callback_stopped_says_so(logs):
    class No(callspan.Callback):
        def on_llm_end(self, run):
            raise callspan.Stop("over budget")

    with record(content="event_only", logger_provider=logs.provider, callbacks=[No()]), pytest.raises(callspan.Stop):
        model().invoke("hi")
    assert [(one.event_name, one.attributes.get("langchain.run.outcome")) for one in logs.records] == [
        (FAILED, None),
        (DETAILS, "stopped"),
    ]


# Nothing


def test_of_what_is_sampled_out_there_is_none(logs):
    with record(content="event_only", logger_provider=logs.provider, sampler=ALWAYS_OFF):
        model().invoke("hi")
        with pytest.raises(ConnectionError):
            Broken(size=1).embed_query("hi")
    assert logs.names == []


def test_without_a_provider_nothing_happens():
    with record(content="event_only") as recording:
        assert model().invoke("hi").content == "rain"
    assert [name for name in recording.spans[0].attributes if name in CONTENT] == []


def test_of_a_call_that_another_instrumentation_watches_there_is_none(logs):
    handlers = pytest.importorskip("opentelemetry.util.genai.handler", reason="needs opentelemetry-util-genai")
    with record(content="event_only", logger_provider=logs.provider) as recording:
        handler = handlers.TelemetryHandler(tracer_provider=recording.provider, meter_provider=MeterProvider())
        with handler.inference("acme", request_model="outer"):
            model().invoke("hi")
    assert logs.names == []


# Providers


def test_a_global_provider_that_is_set_later_gets_them(logs, monkeypatch):
    with record(content="event_only"):
        monkeypatch.setattr("opentelemetry._logs._internal._LOGGER_PROVIDER", logs.provider)
        model().invoke("hi")
    assert logs.names == [DETAILS]


@pytest.mark.may_log
def test_a_processor_that_fails_costs_the_event_only(logs, monkeypatch, caplog):
    def fail(record):
        raise OSError("disk full")

    monkeypatch.setattr(SimpleLogRecordProcessor, "on_emit", lambda self, record: fail(record))
    with record(content="event_only", logger_provider=logs.provider) as recording:
        assert model().invoke("hi").content == "rain"
    assert [span.name for span in recording.spans] == ["chat m"]
    assert "OpenTelemetry failed to write an event" in caplog.text


def test_flush_sends_them(logs, monkeypatch):
    asked = []
    monkeypatch.setattr(logs.provider, "force_flush", lambda timeout=0: asked.append(timeout) or True)
    with record(logger_provider=logs.provider):
        assert callspan.flush(1.0)
    assert asked == [1000]


def test_on_the_wire_what_was_said_is_structured(logs):
    """OTLP has lists and maps for it, not a text."""
    encoder = pytest.importorskip("opentelemetry.exporter.otlp.proto.common._log_encoder", reason="needs the encoder")
    with record(content="event_only", logger_provider=logs.provider):
        model().invoke("hi")
    sent = encoder.encode_logs(logs.all).resource_logs[0].scope_logs[0].log_records[0]
    said = {pair.key: pair.value for pair in sent.attributes}
    message = said["gen_ai.input.messages"].array_value.values[0].kvlist_value
    assert sent.event_name == DETAILS
    assert message.values[0].value.string_value == "user"
