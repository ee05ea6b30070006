"""A secret in any place of a program is nowhere in what is exported; neither is it with content off."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.callbacks import dispatch_custom_event
from langchain_core.documents import Document
from langchain_core.language_models.fake_chat_models import FakeMessagesListChatModel
from langchain_core.messages import AIMessage, ChatMessage, HumanMessage, SystemMessage
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import StructuredTool
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from tests.content.planted import SECRETS, Secret
from tests.pairs import examples

import callspan
from callspan.testing import record


class Shelf(BaseRetriever):
    """Finds what it has."""

    found: list[Document]

    def _get_relevant_documents(self, query: str, **kwargs: Any) -> list[Document]:
        return self.found


class Keeper:
    """Says what it holds, if it is printed."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


def model(message: AIMessage) -> Any:
    return FakeMessagesListChatModel(responses=[message])


def asked(text: str) -> None:
    model(AIMessage("x")).invoke([SystemMessage(text), HumanMessage([{"type": "text", "text": text}])])


def answered(text: str) -> None:
    model(AIMessage([{"type": "thinking", "thinking": text}, {"type": "text", "text": text}])).invoke("x")


def called(text: str) -> None:
    calls = [{"name": "t", "args": {"x": text, "deep": [{"y": text}]}, "id": "c1"}]
    model(AIMessage("", tool_calls=calls)).invoke("x")


def spoken_by(text: str) -> None:
    model(AIMessage("x")).invoke([HumanMessage("x", name=text), ChatMessage("x", role=text)])


def tools(text: str) -> None:
    definition = {"type": "function", "function": {"name": "t", "description": text, "parameters": {"default": text}}}
    model(AIMessage("x")).bind(tools=[definition]).invoke("x")


def unknown_block(text: str) -> None:
    model(AIMessage([{"type": "new", "value": {"deep": [text]}}])).invoke("x")


def tool(text: str) -> None:
    StructuredTool.from_function(lambda x: {"said": x, x: [x]}, name="t", description="d").invoke({"x": text})


def described_tool(text: str) -> None:
    StructuredTool.from_function(lambda x: x, name="t", description=text).invoke({"x": text})


def documents(text: str) -> None:
    Shelf(found=[Document(text, metadata={"source": text, text: text})]).invoke(text)


def through(text: str) -> None:
    RunnableLambda(lambda x: {"x": x, "object": Keeper(text), "bytes": text.encode()}).invoke({"x": text, text: [text]})


def graph_state(text: str) -> None:
    RunnableLambda(lambda x: {"messages": [HumanMessage(text)]}).invoke({"messages": [HumanMessage(text)]})


def named(text: str) -> None:
    RunnableLambda(lambda x: x).with_config(run_name=text).invoke(1)


def named_inside(text: str) -> None:
    RunnableLambda(lambda x: RunnableLambda(lambda y: y).with_config(run_name=text).invoke(1)).invoke(1)


def workflow(text: str) -> None:
    with callspan.workflow(text, metadata={"note": text}, tags=[text]):
        pass


def tool_named(text: str) -> None:
    StructuredTool.from_function(lambda x: x, name=text, description="d").invoke({"x": 1})


def tagged(text: str) -> None:
    RunnableLambda(lambda x: x).with_config(tags=[text]).invoke(1)


def metadata(text: str) -> None:
    said = {"note": text, text: 1, "object": Keeper(text), "list": [text]}
    RunnableLambda(lambda x: x).with_config(metadata=said).invoke(1)


def failing(text: str) -> None:
    def fail(x: Any) -> Any:
        raise ValueError(text)

    with suppress(ValueError):
        RunnableLambda(fail).invoke(1)


def failing_behind(text: str) -> None:
    def fail(x: Any) -> Any:
        try:
            raise KeyError(text)
        except KeyError as error:
            error.add_note(text)
            raise RuntimeError("see: " + text) from error

    with pytest.raises(RuntimeError):
        RunnableLambda(fail).invoke(1)


def failing_tool(text: str) -> None:
    def fail(x: str) -> str:
        raise ValueError(f"{x} is wrong")

    with pytest.raises(ValueError, match="wrong"):
        StructuredTool.from_function(fail, name="t", description="d").invoke({"x": text})


def failing_class(text: str) -> None:
    def fail(x: Any) -> Any:
        raise type(text, (Exception,), {})("x")

    with pytest.raises(Exception, match="x"):
        RunnableLambda(fail).invoke(1)


def retried(text: str) -> None:
    def fail(x: Any) -> Any:
        raise ValueError(text)

    with suppress(ValueError):
        RunnableLambda(fail).with_retry(stop_after_attempt=2, wait_exponential_jitter=False).invoke(1)


def custom_event(text: str) -> None:
    RunnableLambda(lambda x: dispatch_custom_event(text, {"x": text})).invoke(1)


def stop_sequence(text: str) -> None:
    model(AIMessage("x")).bind(stop=[text]).invoke("x")


def model_named(text: str) -> None:
    model(AIMessage("x")).with_config(metadata={"ls_model_name": text, "data_source_id": text}).invoke("x")


BOTH = (custom_event, stop_sequence, failing_tool)

SPOKEN = (
    *(asked, answered, called, spoken_by, tools, unknown_block, tool, documents, through, graph_state, retried),
    *BOTH,
)
ALWAYS = (
    *(described_tool, named, named_inside, workflow, tool_named, tagged, metadata, failing, failing_behind),
    *(failing_class, model_named),
)


def exported(place: Any, texts: list[str], content: str) -> str:
    """Run a program with each of the texts, and give all that is exported of it, as text."""
    logs = InMemoryLogRecordExporter()
    provider = LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(SimpleLogRecordProcessor(logs))
    with record(content=content, logger_provider=provider) as recording:
        for text in texts:
            place(text)
    spans = [json.loads(span.to_json()) for span in recording.spans]
    assert len(spans) >= len(texts)
    events = [
        (one.log_record.event_name, one.log_record.body, one.log_record.attributes) for one in logs.get_finished_logs()
    ]
    return "\n".join(_texts([spans, events]))


def _texts(value: Any) -> list[str]:
    """Give all texts in it, keys too; what is JSON again as such, so that nothing hides behind an escape."""
    if isinstance(value, str):
        try:
            inner = json.loads(value)
        except ValueError:
            return [value]
        return [value, *(_texts(inner) if isinstance(inner, (dict, list)) else [])]
    if isinstance(value, Mapping):
        return [text for pair in value.items() for one in pair for text in _texts(one)]
    return [text for one in value for text in _texts(one)] if isinstance(value, (list, tuple)) else []


def got_out(place: Any, content: str) -> list[str]:
    """Give the kinds of the secrets that are exported, planted in this place."""
    said = exported(place, [secret.text for secret in SECRETS], content)
    return [secret.kind for secret in SECRETS if secret.core in said]


@pytest.mark.parametrize("place", [*SPOKEN, *ALWAYS], ids=lambda place: place.__name__)
def test_a_secret_in_any_place_is_not_exported(place):
    assert got_out(place, "span_and_event") == []


@pytest.mark.parametrize(
    "place", [*ALWAYS, custom_event, stop_sequence, failing_tool], ids=lambda place: place.__name__
)
def test_nor_is_it_with_content_off(place):
    assert got_out(place, "no_content") == []


@settings(max_examples=examples(40), deadline=None)
@given(
    secret=st.sampled_from(SECRETS),
    place=st.sampled_from([*SPOKEN, *ALWAYS]),
    before=st.text("abc é\n.,", max_size=40),
    after=st.text("abc é\n.,", max_size=40),
)
def test_nor_is_it_among_other_words(secret: Secret, place, before, after):
    said = exported(place, [f"{before} {secret.text} {after}"], "span_and_event")
    assert secret.core not in said


def test_without_a_secret_all_of_it_is():
    """What the tests above look for would be found."""
    for place in SPOKEN:
        assert "harmless" in exported(place, ["harmless"], "span_and_event"), place.__name__
