"""What spans say whatever they are of: conversation, metadata, totals, and what survives the SDK's limit."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import pytest
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool
from opentelemetry.sdk.trace import SpanLimits

from callspan.testing import record

USAGE: Any = {"input_tokens": 5, "output_tokens": 2, "total_tokens": 7}


def model(**more: Any) -> Any:
    """Give a model that answers, and says what that used."""
    return GenericFakeChatModel(messages=iter([AIMessage("yes", usage_metadata=USAGE, **more) for _ in range(9)]))


@tool
def look(what: str) -> str:
    """Ask a model what to see."""
    return str(model().invoke(what).content)


def totals(span: Any) -> dict[str, Any]:
    prefix = "langchain.total."
    return {key.removeprefix(prefix): value for key, value in span.attributes.items() if key.startswith(prefix)}


def test_a_root_says_what_everything_below_adds_up_to(recording):
    """Calls and tokens, however deep; only the root says it."""

    def body(_: Any) -> str:
        chain = RunnableLambda(lambda x: x) | model()
        chain.invoke("a")
        chain.batch(["a", "b"])
        return str(look.invoke("c"))

    RunnableLambda(body, name="f").invoke(0)
    assert totals(recording.named("invoke_workflow f")) == {
        "input_tokens": 20, "output_tokens": 8, "model_calls": 4, "tool_calls": 1,
    }  # fmt: skip
    assert [span.name for span in recording.spans if totals(span)] == ["invoke_workflow f"]


def test_where_nothing_was_called_there_are_no_totals(recording):
    (RunnableLambda(lambda x: x, name="f") | RunnableLambda(lambda x: x)).invoke(0)
    assert [totals(span) for span in recording.spans] == [{}, {}, {}]


def test_a_failed_call_is_a_call(recording):
    """What was called counts, also if it failed."""

    def body(_: Any) -> None:
        with pytest.raises(StopIteration):
            GenericFakeChatModel(messages=iter([])).invoke("hi")

    RunnableLambda(body, name="f").invoke(0)
    assert totals(recording.named("invoke_workflow f")) == {"model_calls": 1}


@pytest.mark.parametrize("key", ["thread_id", "session_id", "conversation_id"])
def test_a_conversation_is_what_the_program_says(key, recording):
    """Of any of the three keys, on every span of the run."""
    (RunnableLambda(lambda x: x) | model()).invoke("hi", {"metadata": {key: "c 1"}})
    assert {span.attributes.get("gen_ai.conversation.id") for span in recording.spans} == {"c 1"}


def test_no_conversation_is_made_up(recording):
    model().invoke("hi")
    assert "gen_ai.conversation.id" not in recording.spans[0].attributes


def said(recording: Any) -> dict[str, Any]:
    prefix = "langchain.metadata."
    attributes = recording.named("invoke_workflow f").attributes
    return {key.removeprefix(prefix): value for key, value in attributes.items() if key.startswith(prefix)}


METADATA = {"team": "blue", "n": 3, "rate": 0.5, "yes": True, "list": [1], "none": None, "object": object()}


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        (None, {"team": "blue", "n": 3, "rate": 0.5, "yes": True}),
        ("*", {"team": "blue", "n": 3, "rate": 0.5, "yes": True}),
        ("none", {}),
        ("team, rate", {"team": "blue", "rate": 0.5}),
        (["n"], {"n": 3}),
    ],
)
def test_metadata_is_written_as_far_as_it_is_wanted(metadata, expected):
    """Single values only; objects are never printed."""
    with record(metadata=metadata) as recording:
        RunnableLambda(lambda x: x, name="f").invoke(0, {"metadata": METADATA})
        assert said(recording) == expected


@pytest.mark.may_log
def test_what_a_span_is_known_by_survives_the_limit_on_attributes():
    """However many attributes a program adds, the operation, the provider and the model are there."""
    with record(span_limits=SpanLimits(max_span_attributes=12)) as recording:

        def body(_: Any) -> str:
            from opentelemetry import trace

            trace.get_current_span().set_attributes({f"mine.{n}": n for n in range(50)})
            return "x"

        RunnableLambda(body, name="f").invoke(0, {"metadata": {f"key {n}": n for n in range(20)}})
        attributes = recording.named("invoke_workflow f").attributes
    assert len(attributes) == 12
    assert attributes["gen_ai.operation.name"] == "invoke_workflow"
    assert attributes["gen_ai.workflow.name"] == "f"


class Level(IntEnum):
    """A number that is more than one."""

    HIGH = 3


def test_numbers_of_any_class_are_numbers(recording):
    """An enum's number is written, at once."""
    RunnableLambda(lambda x: x, name="f").invoke(0, {"metadata": {"level": Level.HIGH, "huge": 2**70}})
    assert said(recording) == {"level": 3}


def test_metadata_keys_are_made_safe(recording):
    """What no encoder takes, and what is no name, does not get out."""
    RunnableLambda(lambda x: x, name="f").invoke(0, {"metadata": {"a\ud800": 1, "k" * 1000: 2}})
    assert [len(key) for key in said(recording)] == [2, 256]
    assert all(key.encode() for key in said(recording))


def test_of_several_ids_those_that_are_not_the_conversation_are_metadata(recording):
    RunnableLambda(lambda x: x, name="f").invoke(0, {"metadata": {"thread_id": "t", "session_id": "s"}})
    assert said(recording) == {"session_id": "s"}
    assert recording.named("invoke_workflow f").attributes["gen_ai.conversation.id"] == "t"


class Wrapping(GenericFakeChatModel):
    """Hands on what another model answered, with its counts."""

    inner: Any

    def _generate(self, messages: Any, *args: Any, **kwargs: Any) -> Any:
        return ChatResult(generations=[ChatGeneration(message=self.inner.invoke(messages))])


def test_tokens_that_a_model_hands_on_are_counted_once(recording):
    """Both models were called; one of them used something."""
    wrapping = Wrapping(messages=iter([]), inner=model())
    RunnableLambda(wrapping.invoke, name="f").invoke("hi")
    assert totals(recording.named("invoke_workflow f")) == {"input_tokens": 5, "output_tokens": 2, "model_calls": 2}
