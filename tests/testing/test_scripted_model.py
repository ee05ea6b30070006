"""The scripted chat model: what a test makes it say, whole and in pieces, sync and async."""

from __future__ import annotations

import asyncio

import pytest
from langchain_core.messages import AIMessage
from langchain_core.tools import tool
from pydantic import BaseModel

from callspan.testing import CallTools, Say, ScriptedChatModel, ToolCall, span_tree

CALL = {"name": "add", "args": {"a": 1, "word": "long enough"}, "type": "tool_call"}


@tool
def add(a: int, word: str) -> str:
    """Add."""
    return f"{word}{a}"


def ways():
    """Ask a model in each of the four ways, and put a stream together."""

    async def invoked(model):
        return await model.ainvoke("hi")

    async def streamed(model):
        return whole([chunk async for chunk in model.astream("hi")])

    def whole(chunks):
        first, *others = chunks
        for chunk in others:
            first += chunk
        return first

    return {
        "invoke": lambda model: model.invoke("hi"),
        "stream": lambda model: whole(list(model.stream("hi"))),
        "ainvoke": lambda model: asyncio.run(invoked(model)),
        "astream": lambda model: asyncio.run(streamed(model)),
    }


@pytest.mark.parametrize("way", ways())
@pytest.mark.parametrize(
    ("reply", "text", "calls", "reason"),
    [
        ("hello you", "hello you", [], "stop"),
        (Say("cut", finish_reason="length"), "cut", [], "length"),
        (["on", "e"], "one", [], "stop"),
        (ToolCall("add", CALL["args"], id="c"), "", [{**CALL, "id": "c"}], "tool_calls"),
        (CallTools(ToolCall("add", CALL["args"]), text="well"), "well", [{**CALL, "id": "call_1_0"}], "tool_calls"),
    ],
)
def test_every_way_says_the_same(way, reply, text, calls, reason):
    """Words, calls, the reason of the end and the counts are the same, whole and in pieces."""
    model = ScriptedChatModel(reply)
    said = ways()[way](model)
    assert (said.content, said.tool_calls) == (text, calls)
    assert said.response_metadata == {"model_name": "scripted", "finish_reason": reason}
    assert said.usage_metadata["input_tokens"] == 1
    assert [messages[0].content for messages in model.asked] == ["hi"]


@pytest.mark.parametrize("way", ways())
def test_a_message_is_said_as_it_is(way):
    """For what the other replies cannot say."""
    usage = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
    message = AIMessage("as is", tool_calls=[{**CALL, "id": "c"}], usage_metadata=usage, response_metadata={"a": 1})
    said = ways()[way](ScriptedChatModel(message))
    assert (said.content, said.tool_calls, said.usage_metadata) == ("as is", message.tool_calls, usage)
    assert said.response_metadata["a"] == 1


def test_errors_come_where_the_script_has_them():
    """Instead of an answer, or after some of its pieces; and at the end of the script."""
    model = ScriptedChatModel(TimeoutError("slow"), ["hel", ConnectionError("dropped")], ValueError)
    with pytest.raises(TimeoutError, match="slow"):
        model.invoke("hi")
    heard = []
    with pytest.raises(ConnectionError, match="dropped"):
        heard.extend(chunk.content for chunk in model.stream("hi"))
    assert heard == ["hel"]
    with pytest.raises(ValueError):  # noqa: PT011 - a class is raised as it is, without words
        model.invoke("hi")
    with pytest.raises(LookupError, match="the script has 3 replies, and this is one call more"):
        model.invoke("hi")


def test_one_function_makes_every_reply():
    """It is asked each time, with the messages."""
    model = ScriptedChatModel(lambda messages: f"{messages[-1].content}!")
    assert [said.content for said in model.batch(["a", "b"])] == ["a!", "b!"]
    assert "".join(chunk.content for chunk in model.stream("c d")) == "c d!"


def test_it_can_have_tools_and_give_structured_answers():
    """Tools are bound to its calls; the structured answer is one call of a tool."""

    class Weather(BaseModel):
        """The weather."""

        city: str

    assert ScriptedChatModel("ok").bind_tools([add]).kwargs["tools"][0]["function"]["name"] == "add"
    model = ScriptedChatModel(ToolCall("Weather", {"city": "Nuuk"})).with_structured_output(Weather)
    assert model.invoke("?") == Weather(city="Nuuk")


def test_its_spans_say_what_a_models_spans_say(recording):
    """Model, reason and counts; without counts if that is what is tested."""
    ScriptedChatModel("hello", model="m").invoke("hi")
    ScriptedChatModel("hello", model="n", counts=False).invoke("hi")
    shown = ["gen_ai.response.finish_reasons", "gen_ai.usage.output_tokens"]
    assert span_tree(recording.spans, attributes=shown) == (
        'chat m gen_ai.response.finish_reasons=["stop"] gen_ai.usage.output_tokens=2\n'
        'chat n gen_ai.response.finish_reasons=["stop"]\n'
    )
