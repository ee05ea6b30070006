"""The user's redactor has the last word on each part, and what it fails on is lost."""

from __future__ import annotations

import json
import sys
import types
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.language_models.fake_chat_models import FakeMessagesListChatModel
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool
from langgraph.types import Command
from tests.content.schemas import all_faults

import callspan
from callspan.capture.redact import Place
from callspan.testing import record

SAID = "what was said"


class Search(BaseRetriever):
    """Finds one document."""

    def _get_relevant_documents(self, query: str, **kwargs: Any) -> list[Document]:
        return [Document(SAID, id="d1")]


@tool
def look(up: str) -> str:
    """Look up."""
    return SAID


def program(given: Any) -> Any:
    """Call one of each kind."""
    call = {"name": "look", "args": {"up": SAID}, "id": "c1"}
    messages = [
        SystemMessage(SAID),
        HumanMessage(SAID),
        AIMessage("", tool_calls=[call]),
        ToolMessage(SAID, tool_call_id="c1"),
    ]
    FakeMessagesListChatModel(responses=[AIMessage(SAID)]).invoke(messages)
    look.invoke(call["args"])
    Search().invoke(SAID)
    return RunnableLambda(lambda state: {"messages": [HumanMessage(SAID)], "note": SAID}).invoke(given)


def run(redact: Any) -> Any:
    with record(content="span_only", redact=redact) as recording:
        RunnableLambda(program).with_config(run_name="program").invoke({"note": SAID})
    return recording


def content(recording: Any) -> str:
    return "\n".join(
        str(value)
        for span in recording.spans
        for holder in (span, *span.events)
        for value in holder.attributes.values()
    )


def test_it_gets_each_part_with_its_place():
    seen: list[Any] = []

    def redact(part: Any, place: Place) -> Any:
        seen.append(
            (place.kind, place.role, place.key, part["type"] if isinstance(part, dict) and "type" in part else part)
        )
        return part

    run(redact)
    document = {"id": "d1", "score": 0.0, "content": SAID, "metadata": {}}
    assert seen == [
        ("input_messages", "user", "note", SAID),
        ("input_messages", "system", None, "text"),
        ("input_messages", "user", None, "text"),
        ("input_messages", "assistant", None, "tool_call"),
        ("input_messages", "tool", None, "tool_call_response"),
        ("output_messages", "assistant", None, "text"),
        ("tool_arguments", None, "up", SAID),
        ("tool_result", None, None, SAID),
        ("query", None, None, SAID),
        ("documents", None, None, document),
        ("inputs", None, "note", SAID),
        ("outputs", "user", "messages", "text"),
        ("outputs", None, "note", SAID),
        ("output_messages", "user", None, "text"),
    ]


def test_who_said_something_is_plain_wherever_it_stands():
    """Whoever drops what the system said loses none of it in states within states, commands and lists."""

    def redact(part: Any, place: Place) -> Any:
        return None if place.role == "system" else part

    told = {"in": {"messages": [SystemMessage(SAID), HumanMessage("hi")]}, "all": [[SystemMessage(SAID)]]}
    with record(content="span_only", redact=redact) as recording:
        RunnableLambda(lambda given: RunnableLambda(lambda x: Command(update=x)).invoke(given)).invoke(told)
    assert len(recording.spans) == 2
    assert "hi" in content(recording)
    assert SAID not in content(recording)


def test_what_is_written_as_a_text_is_valid_after_secrets_are_taken_out():
    with record(content="span_only") as recording:
        RunnableLambda(lambda given: None).with_config(run_name="f").invoke(
            {"token": ["a", "b"], "q": 4111111111111111}
        )
    [message] = json.loads(recording.spans[0].attributes["gen_ai.input.messages"])
    assert json.loads(message["parts"][0]["content"]) == {"token": "[redacted]", "q": "[redacted]"}


def test_a_redactor_of_ones_own_can_take_out_secrets_too():
    def redact(part: Any, place: Place) -> Any:
        return None if place.role == "system" else callspan.redact_secrets(part, place)

    with record(content="span_only", redact=redact) as recording:
        FakeMessagesListChatModel(responses=[AIMessage("ok")]).invoke([SystemMessage(SAID), ("user", "mail a@b.de")])
    assert SAID not in content(recording)
    assert "mail [redacted]" in content(recording)


def test_what_it_changes_is_written_changed():
    def redact(part: Any, place: Place) -> Any:
        return {**part, "content": "changed"} if isinstance(part, dict) and part.get("type") == "text" else part

    span = run(redact).named("chat")
    assert [message["parts"][0].get("content") for message in json.loads(span.attributes["gen_ai.input.messages"])] == [
        *("changed", "changed", None, None),
    ]


def test_what_it_drops_is_not_written():
    recording = run(lambda part, place: None)
    assert SAID not in content(recording)
    assert all_faults(recording.spans) == []


class Odd:
    """Says what it holds."""

    def __repr__(self) -> str:
        return SAID


def raises(part: Any, place: Any) -> Any:
    raise ValueError(SAID)


def recurses(part: Any, place: Any) -> Any:
    return recurses(part, place)


def cyclic(part: Any, place: Any) -> Any:
    found: dict[str, Any] = {"type": "text", "content": SAID}
    found["itself"] = found
    return found


RUBBISH = {
    "raises": raises,
    "recurses": recurses,
    "an object": lambda part, place: Odd(),
    "an object inside": lambda part, place: {"type": "text", "content": SAID, "odd": Odd()},
    "bytes": lambda part, place: SAID.encode(),
    "a set": lambda part, place: {SAID},
    "a cycle": cyclic,
    "keys that are none": lambda part, place: {("type",): SAID},
}


@pytest.mark.may_log
@pytest.mark.parametrize("redact", RUBBISH.values(), ids=RUBBISH)
def test_what_it_fails_on_is_lost_and_that_is_said_once(redact, caplog):
    recording = run(redact)
    assert SAID not in content(recording)
    assert "[redaction failed]" in content(recording)
    assert all_faults(recording.spans) == []
    (said,) = [entry for entry in caplog.records if entry.name == "callspan"]
    assert said.getMessage().startswith("the redactor ")
    assert SAID not in said.getMessage()
    assert said.exc_info is None


PARTS = {
    "no type": {"content": SAID},
    "a type that is none": {"type": 1, "content": SAID},
    "a text without content": {"type": "text", "words": SAID},
    "a call without a name": {"type": "tool_call", "arguments": SAID},
    "an answer without one": {"type": "tool_call_response", "result": SAID},
    "a link to nowhere": {"type": "uri", "modality": "image", "content": SAID},
    "a text": SAID,
    "a list": [SAID],
    "a number": 4,
}


@pytest.mark.may_log
@pytest.mark.parametrize("part", PARTS.values(), ids=PARTS)
def test_a_part_that_is_none_any_more_is_lost(part):
    recording = run(lambda given, place: part if place.kind.endswith("messages") and not place.key else None)
    assert SAID not in content(recording)
    assert all_faults(recording.spans) == []


def test_a_huge_part_is_cut():
    def redact(part: Any, place: Place) -> Any:
        return {"type": "text", "content": "x" * 3_000_000} if place.role else None

    recording = run(redact)
    assert all(len(str(value)) <= 65536 for span in recording.spans for value in span.attributes.values())
    assert all_faults(recording.spans) == []


def test_what_it_is_given_is_its_own():
    """A part that it keeps and changes later, or changes and then drops, changes nothing that is the program's."""
    given = HumanMessage([{"type": "text", "text": SAID}])

    def redact(part: Any, place: Place) -> Any:
        part["content"] = "changed"
        return part

    with record(content="span_only", redact=redact) as recording:
        FakeMessagesListChatModel(responses=[AIMessage("x")]).invoke([given])
    assert given.content == [{"type": "text", "text": SAID}]
    assert SAID not in content(recording)


@pytest.mark.parametrize(("setting", "written"), [("all", False), ("none", True), ("secrets", True)])
def test_the_words(setting, written):
    recording = run(setting)
    assert (SAID in content(recording)) is written
    assert all_faults(recording.spans) == []


def test_all_leaves_who_spoke_and_in_what_shape():
    span = run("all").named("chat")
    assert json.loads(span.attributes["gen_ai.input.messages"])[2:] == [
        {
            "role": "assistant",
            "parts": [{"type": "tool_call", "name": "look", "arguments": "[redacted]", "id": "c1"}],
        },
        {"role": "tool", "parts": [{"type": "tool_call_response", "response": "[redacted]", "id": "c1"}]},
    ]


def test_none_still_writes_no_binary_data():
    data = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUg=="
    with record(content="span_only", redact="none") as recording:
        RunnableLambda(lambda text: {"page": f"<img src='{text}'>", "raw": b"\x89PNG"}).invoke(data)
    assert "iVBORw0" not in content(recording)
    assert "PNG" not in content(recording)


def test_a_function_is_given_by_name(monkeypatch):
    module = types.ModuleType("own_redaction")
    module.redact = lambda part, place: None  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "own_redaction", module)
    monkeypatch.setenv("CALLSPAN_REDACT", "own_redaction:redact")
    assert SAID not in content(run(None))


@pytest.mark.parametrize("redact", ["secrets", "all", lambda part, place: None])
def test_what_only_looks_like_a_message_is_none(redact):
    """A program's own dict with a role and parts is redacted like any other."""
    account = {"role": "admin", "parts": ["x"], "api_key": "tr0ub4dor"}
    with record(content="span_only", redact=redact) as recording:
        RunnableLambda(lambda given: RunnableLambda(lambda x: {"a": account}).invoke({"b": [account]})).invoke(account)
    assert "tr0ub4dor" not in content(recording)


def test_all_keeps_no_name_of_what_is_the_programs():
    given = [{"name": "PRIVATE", "id": "PRIVATE", "type": "PRIVATE"}]
    message = HumanMessage([{"type": "odd", "name": "PRIVATE", "size": "PRIVATE"}])
    with record(content="span_only", redact="all") as recording:
        RunnableLambda(lambda x: RunnableLambda(lambda y: y).invoke(x)).invoke(given)
        FakeMessagesListChatModel(responses=[AIMessage("x")]).invoke([message])
    assert "PRIVATE" not in content(recording)


@pytest.mark.may_log
@pytest.mark.parametrize(
    ("kind", "rubbish"),
    [
        ("documents", {"id": 5, "score": "x"}),
        ("tool_definitions", {"type": "function", "name": "n", "parameters": "s"}),
        ("tool_definitions", {"type": "text", "content": "x"}),
    ],
)
def test_a_document_or_a_definition_that_is_none_any_more_is_lost(kind, rubbish):
    recording = run(lambda part, place: rubbish if place.kind == kind else part)
    assert all_faults(recording.spans) == []


def test_what_holds_itself_or_has_no_end_is_written_in_a_moment():
    """A parent that its children point back to, a cycle in many places, a long text a thousand times."""
    ring: dict[str, Any] = {}
    ring["again"] = [ring] * 50
    long = ["x" * 1_000_000] * 1000
    with record(content="span_only", content_limit=1024) as recording:
        RunnableLambda(lambda x: RunnableLambda(lambda y: None).invoke(x)).invoke({"ring": ring, "long": long})
    assert all(len(str(value)) <= 1024 for span in recording.spans for value in span.attributes.values())
