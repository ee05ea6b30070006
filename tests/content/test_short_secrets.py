"""A key in a name, an id or a label is written nowhere: spans, metrics and log events, content off too."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any, TypedDict

import pytest
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.language_models import FakeMessagesListChatModel
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool
from langgraph.graph import StateGraph
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

import callspan
from callspan import semconv
from callspan.testing import record

KEY = "sk-proj-" + "a1" * 20


class Model(FakeMessagesListChatModel):
    """Is asked for by a name, at an address."""

    model: str = "m"
    base_url: str = "https://example.org/v1"
    service_tier: str | None = None
    reasoning_effort: str | None = None
    stop: list[str] | None = None

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model": self.model}


@tool
def look(place: str) -> str:
    """Look somewhere."""
    return "nothing"


Act = Callable[[Any], None]


def model_named(go: Any) -> None:
    go(Model(responses=[AIMessage("hi")], model=KEY), "x")


def answered_by(go: Any) -> None:
    said = {"model_name": KEY, "id": KEY, "system_fingerprint": KEY, "service_tier": KEY, "finish_reason": KEY}
    go(Model(responses=[AIMessage("hi", response_metadata=said)]), "x")


def message_id(go: Any) -> None:
    go(Model(responses=[AIMessage("hi", id=KEY)]), "x")


def asked_with(go: Any) -> None:
    go(Model(responses=[AIMessage("hi")], reasoning_effort=KEY, service_tier=KEY, stop=[KEY]), "x")


def in_the_address(go: Any) -> None:
    go(Model(responses=[AIMessage("hi")], base_url=f"https://{KEY}:x@example.org"), "x")


def tool_call_id(go: Any) -> None:
    go(look, {"name": "look", "args": {"place": "here"}, "id": KEY, "type": "tool_call"})


def asked_for(go: Any) -> None:
    call = {"name": KEY, "args": {}, "id": KEY, "type": "tool_call"}
    go(Model(responses=[AIMessage("", tool_calls=[call])]), "x")


def run_named(go: Any) -> None:
    go(RunnableLambda(lambda x: x).with_config(run_name=KEY, tags=[KEY], metadata={"note": KEY, KEY: 1}), "x")


def conversation(go: Any) -> None:
    go(RunnableLambda(lambda x: x).with_config(metadata={"thread_id": KEY}), "x")


def session(go: Any) -> None:
    with callspan.session(KEY, user=KEY, labels={"tier": KEY}, tenant=KEY):
        go(Model(responses=[AIMessage("hi")]), "x")


def graph(go: Any) -> None:
    class State(TypedDict):
        said: str

    built = StateGraph(State)
    built.add_node(KEY, lambda state: state)
    built.set_entry_point(KEY)
    built.set_finish_point(KEY)
    go(built.compile(name=KEY), {"said": "x"})


def failing(go: Any) -> None:
    def fail(x: Any) -> Any:
        raise type(KEY, (ValueError,), {})(KEY)

    with pytest.raises(ValueError, match="sk-proj"):
        go(RunnableLambda(fail), "x")


def of_a_callback(go: Any) -> None:
    class Writes(callspan.Callback):
        def on_llm_start(self, run: Any) -> None:
            run.set_attribute(KEY, KEY)
            run.add_event(KEY, {KEY: KEY, "list": [KEY]})

    with callspan.callbacks(Writes()):
        go(Model(responses=[AIMessage("hi")]), "x")


def scored(go: Any) -> None:
    with callspan.callbacks(callspan.Evaluate(lambda run: KEY)):
        go(Model(responses=[AIMessage("hi")]), "x")


PLACES = (model_named, answered_by, message_id, asked_with, in_the_address, tool_call_id, asked_for, run_named,
          conversation, session, graph, failing, of_a_callback, scored)  # fmt: skip


def exported(place: Act, form: str, content: str) -> str:
    """Return all that is exported of a program, as one text."""
    logs, reader = InMemoryLogRecordExporter(), InMemoryMetricReader()
    provider = LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(SimpleLogRecordProcessor(logs))

    def go(runnable: Any, given: Any) -> None:
        async def main() -> None:
            if form == "astream":
                [chunk async for chunk in runnable.astream(given)]
            else:
                await getattr(runnable, form)([given] if form == "abatch" else given)

        if form.startswith("a"):
            asyncio.run(main())
        elif form == "stream":
            list(runnable.stream(given))
        else:
            getattr(runnable, form)([given] if form == "batch" else given)

    options: dict[str, Any] = {"logger_provider": provider, "meter_provider": MeterProvider([reader])}
    with record(content=content, compat=["openinference", "langsmith", "legacy"], **options) as spans:
        place(go)
    assert len(spans) > 0
    measured = reader.get_metrics_data()
    said = [str((one.log_record.body, one.log_record.attributes)) for one in logs.get_finished_logs()]
    return "\n".join([*(span.to_json() for span in spans), *said, measured.to_json() if measured else ""])


@pytest.mark.parametrize("form", ["invoke", "ainvoke", "stream", "astream", "batch", "abatch"])
@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
def test_a_key_in_a_short_text_is_written_nowhere(place, form):
    assert KEY not in exported(place, form, "no_content")


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
def test_nor_is_it_with_content_on(place):
    assert KEY not in exported(place, "invoke", "span_and_event")


def test_nor_is_it_in_the_name_of_a_model_of_embeddings():
    class Embeddings(DeterministicFakeEmbedding):
        model: str

    reader = InMemoryMetricReader()
    with record(meter_provider=MeterProvider([reader])) as spans:
        Embeddings(size=2, model=KEY).embed_query("x")
    assert KEY not in spans.spans[0].to_json() + reader.get_metrics_data().to_json()


def test_nor_does_it_travel_in_baggage():
    from opentelemetry import baggage

    with record(), callspan.session(KEY, user=KEY):
        assert set(baggage.get_all().values()) == {"[redacted]"}


def test_ids_and_names_that_are_no_keys_stay_as_they_are():
    said = {"model_name": "gpt-5-mini", "id": "chatcmpl-1", "system_fingerprint": "fp_44709d6fcb"}
    with record() as spans, callspan.session("ada@analytical.example", user="auth:7"):
        Model(responses=[AIMessage("hi", response_metadata=said)], model="gpt-5").invoke("x")
    attributes = spans.named("chat gpt-5").attributes
    assert (attributes[semconv.RESPONSE_MODEL], attributes[semconv.RESPONSE_ID]) == ("gpt-5-mini", "chatcmpl-1")
    assert attributes[semconv.OPENAI_SYSTEM_FINGERPRINT] == "fp_44709d6fcb"
    assert attributes[semconv.CONVERSATION_ID] == attributes[semconv.SESSION_ID] == "ada@analytical.example"
    assert attributes[semconv.USER_ID] == "auth:7"


def test_a_node_whose_name_is_a_telling_key_keeps_its_task():
    class State(TypedDict):
        said: str

    built = StateGraph(State)
    built.add_node("auth", lambda state: state)
    built.set_entry_point("auth")
    with record() as spans:
        built.compile().invoke({"said": "x"})
    attributes = spans.named("node auth").attributes
    assert attributes[semconv.GRAPH_CHECKPOINT_NS] == f"auth:{attributes[semconv.GRAPH_TASK_ID]}"


def test_keys_of_the_users_own_count_in_names_and_tags_too():
    with record(redact_keys=["Kunden Nummer"]) as spans:
        RunnableLambda(lambda x: x).with_config(tags=["kunden-nummer: K-17"], run_name="kunden-nummer: K-17").invoke(1)
    with record() as plain:
        RunnableLambda(lambda x: x).with_config(tags=["kunden-nummer: K-17"]).invoke(1)
    assert "K-17" not in spans.spans[0].to_json()
    assert json.loads(plain.spans[0].to_json())["attributes"][semconv.RUN_TAGS] == ["kunden-nummer: K-17"]
