"""Each message is a role and parts, and a message that came in chunks is the one that came whole."""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import Any

import pytest
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    ChatMessage,
    ChatMessageChunk,
    FunctionMessage,
    HumanMessage,
    HumanMessageChunk,
    RemoveMessage,
    SystemMessage,
    SystemMessageChunk,
    ToolMessage,
)
from tests.content.schemas import faults

from callspan.langchain.messages import chat_message, definitions

HI = [{"type": "text", "content": "hi"}]
PICTURE = {"type": "image_url", "image_url": {"url": "https://example.org/it"}}
CALL = {"name": "add", "args": {"a": 1}, "id": "c1", "type": "tool_call"}
CALLED = {"type": "tool_call", "name": "add", "arguments": {"a": 1}, "id": "c1"}


def answered(answer: Any, **more: Any) -> list[Any]:
    return [{"type": "tool_call_response", "response": answer, "id": "c1", **more}]


MESSAGES: list[tuple[Any, Any]] = [
    ("hi", {"role": "user", "parts": HI}),
    (HumanMessage("hi"), {"role": "user", "parts": HI}),
    (HumanMessage("hi", name="ann"), {"role": "user", "parts": HI, "name": "ann"}),
    (HumanMessageChunk("hi"), {"role": "user", "parts": HI}),
    (SystemMessage("hi"), {"role": "system", "parts": HI}),
    (SystemMessageChunk("hi"), {"role": "system", "parts": HI}),
    (AIMessage("hi"), {"role": "assistant", "parts": HI}),
    (AIMessage(""), {"role": "assistant", "parts": []}),
    (ChatMessage("hi", role="critic"), {"role": "critic", "parts": HI}),
    (ChatMessageChunk("hi", role="critic"), {"role": "critic", "parts": HI}),
    (ChatMessage("hi", role="ai"), {"role": "assistant", "parts": HI}),
    (RemoveMessage(id="m1"), {"role": "remove", "parts": [{"type": "remove", "id": "m1"}]}),
    (
        FunctionMessage("2", name="add"),
        {"role": "tool", "parts": [{"type": "tool_call_response", "response": "2"}], "name": "add"},
    ),
    (ToolMessage("2", tool_call_id="c1"), {"role": "tool", "parts": answered("2")}),
    (ToolMessage('{"sum": 2}', tool_call_id="c1"), {"role": "tool", "parts": answered('{"sum": 2}')}),
    (ToolMessage("2", tool_call_id="c1", name="add"), {"role": "tool", "parts": answered("2"), "name": "add"}),
    (ToolMessage("no", tool_call_id="c1", status="error"), {"role": "tool", "parts": answered("no", status="error")}),
    (ToolMessage("2", tool_call_id="c1", artifact={"secret": "x"}), {"role": "tool", "parts": answered("2")}),
    (ToolMessage([], tool_call_id="c1"), {"role": "tool", "parts": answered([])}),
    (
        ToolMessage([{"type": "text", "text": "hi"}, PICTURE], tool_call_id="c1"),
        {
            "role": "tool",
            "parts": answered([*HI, {"modality": "image", "type": "uri", "uri": "https://example.org/it"}]),
        },
    ),
    (AIMessage("hi", tool_calls=[CALL]), {"role": "assistant", "parts": [*HI, CALLED]}),
    (
        AIMessage(
            "",
            invalid_tool_calls=[{"name": "add", "args": "{a", "id": "c1", "error": "no", "type": "invalid_tool_call"}],
        ),
        {"role": "assistant", "parts": [{**CALLED, "arguments": "{a", "error": "no"}]},
    ),
    (
        AIMessage([{"type": "tool_use", "id": "c1", "name": "add", "input": {"a": 1}}, "hi"], tool_calls=[CALL]),
        {"role": "assistant", "parts": [CALLED, *HI]},
    ),
    (
        AIMessage(
            ["hi", {"type": "function_call", "id": "fc", "call_id": "c1", "name": "add", "arguments": '{"a": 1}'}]
        ),
        {"role": "assistant", "parts": [*HI, CALLED]},
    ),
    (
        AIMessage([{"functionCall": {"name": "add", "args": {"a": 1}}}], tool_calls=[CALL]),
        {"role": "assistant", "parts": [CALLED]},
    ),
]


@pytest.mark.parametrize(("message", "said"), MESSAGES, ids=lambda value: f"{type(value).__name__} {value}"[:60])
def test_a_message_is_a_role_and_parts(message: Any, said: Any) -> None:
    assert chat_message(message) == said
    assert faults("gen_ai.input.messages", [said]) == []


STREAMS: dict[str, tuple[list[AIMessageChunk], AIMessage]] = {
    "texts": ([AIMessageChunk("h"), AIMessageChunk("i")], AIMessage("hi")),
    "text then blocks": (
        [
            AIMessageChunk(""),
            AIMessageChunk([{"type": "text", "text": "h"}]),
            AIMessageChunk([{"type": "text", "text": "i"}]),
        ],
        AIMessage([{"type": "text", "text": "hi"}]),
    ),
    "thoughts without an index": (
        [
            AIMessageChunk([{"type": "thinking", "thinking": "h"}]),
            AIMessageChunk([{"type": "thinking", "thinking": "m"}]),
            AIMessageChunk("hi"),
        ],
        AIMessage([{"type": "thinking", "thinking": "hm"}, "hi"]),
    ),
    "Anthropic's thinking": (
        [
            AIMessageChunk([{"type": "thinking", "thinking": "h", "index": 0}]),
            AIMessageChunk([{"type": "thinking", "thinking": "m", "index": 0}]),
            AIMessageChunk([{"type": "thinking", "signature": "x", "index": 0}]),
            AIMessageChunk([{"type": "text", "text": "hi", "index": 1}]),
        ],
        AIMessage([{"type": "thinking", "thinking": "hm", "signature": "x"}, {"type": "text", "text": "hi"}]),
    ),
    "Anthropic's server tools": (
        [
            AIMessageChunk([{"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {}, "index": 0}]),
            AIMessageChunk([{"type": "input_json_delta", "partial_json": '{"query": ', "index": 0}]),
            AIMessageChunk([{"type": "input_json_delta", "partial_json": '"it"}', "index": 0}]),
        ],
        AIMessage([{"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"query": "it"}}]),
    ),
    "reasoning beside": (
        [
            AIMessageChunk("", additional_kwargs={"reasoning_content": "h"}),
            AIMessageChunk("", additional_kwargs={"reasoning_content": "m"}),
            AIMessageChunk("hi"),
        ],
        AIMessage("hi", additional_kwargs={"reasoning_content": "hm"}),
    ),
    "Responses' reasoning": (
        [
            AIMessageChunk([{"type": "reasoning", "id": "r", "summary": [], "index": 0}]),
            AIMessageChunk(
                [{"type": "reasoning", "summary": [{"type": "summary_text", "text": "h", "index": 0}], "index": 0}]
            ),
            AIMessageChunk(
                [{"type": "reasoning", "summary": [{"type": "summary_text", "text": "m", "index": 0}], "index": 0}]
            ),
        ],
        AIMessage([{"type": "reasoning", "id": "r", "summary": [{"type": "summary_text", "text": "hm"}]}]),
    ),
    "calls": (
        [
            AIMessageChunk("", tool_call_chunks=[{"name": "add", "args": '{"a"', "id": "c1", "index": 0}]),
            AIMessageChunk("", tool_call_chunks=[{"name": None, "args": ": 1}", "id": None, "index": 0}]),
        ],
        AIMessage("", tool_calls=[CALL]),
    ),
}


@pytest.mark.parametrize("name", STREAMS)
def test_what_came_in_chunks_is_what_came_whole(name: str) -> None:
    chunks, whole = STREAMS[name]
    said = chat_message(reduce(add, chunks))
    assert said == chat_message(whole)
    assert faults("gen_ai.output.messages", [said]) == []


SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}
ADD = {"type": "function", "name": "add", "description": "Add.", "parameters": SCHEMA}
SPEC = {"name": "add", "description": "Add."}


class Bound:
    """A tool that a custom model takes as it is."""

    name = "add"
    description = "Add."


DEFINITIONS: list[tuple[Any, Any]] = [
    ({"type": "function", "function": {**SPEC, "parameters": SCHEMA, "strict": True}}, ADD),
    ({"type": "function", **SPEC, "parameters": SCHEMA}, ADD),
    ({**SPEC, "input_schema": SCHEMA}, ADD),
    ({"type": "custom", **SPEC, "input_schema": SCHEMA}, ADD),
    ({"toolSpec": {**SPEC, "inputSchema": {"json": SCHEMA}}}, ADD),
    ({"function_declarations": [{**SPEC, "parameters": SCHEMA}]}, ADD),
    ({"type": "custom", "custom": SPEC}, {"type": "custom", **SPEC}),
    ({"type": "web_search_20250305", "name": "web_search"}, {"type": "web_search_20250305", "name": "web_search"}),
    ({"type": "web_search", "size": 1}, {"type": "web_search", "name": "web_search", "size": 1}),
    ({"google_search": {}}, {"type": "google_search", "name": "google_search"}),
    pytest.param(Bound(), {"type": "function", **SPEC}, id="a tool object"),
    pytest.param(Bound, {"type": "function", **SPEC}, id="a tool class"),
    (7, {"type": "function", "name": "int"}),
    ({}, {"type": "function", "name": ""}),
    ({"type": 7, "name": None}, {"type": "function", "name": ""}),
]


@pytest.mark.parametrize(("tool", "definition"), DEFINITIONS, ids=lambda value: str(value)[:60])
def test_a_tool_is_defined_as_the_conventions_do(tool: Any, definition: Any) -> None:
    said = definitions([tool])
    assert said == [definition]
    assert faults("gen_ai.tool.definitions", said) == []


@pytest.mark.parametrize("tools", [None, [], (), {}, "tools"])
def test_where_there_are_no_tools_nothing_is_defined(tools: Any) -> None:
    assert definitions(tools) is None
