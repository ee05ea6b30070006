"""Each block of LangChain's and of the providers' is the part that the conventions have for it."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.messages import AIMessage, HumanMessage
from tests.content.schemas import faults

from callspan.langchain.messages import chat_message
from callspan.testing import record

DATA = b"\x89PNG not really"
B64 = base64.b64encode(DATA).decode()
DIGEST = {"size": len(DATA), "sha256": hashlib.sha256(DATA).hexdigest()}
LARGE = bytes(range(256)) * 8
LARGE_B64 = base64.b64encode(LARGE).decode()
LARGE_DIGEST = f"[base64, {len(LARGE)} bytes, sha256 {hashlib.sha256(LARGE).hexdigest()}]"
LINK = "https://example.org/it"


def text(words: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "content": words, **more}


def thought(words: str) -> dict[str, Any]:
    return {"type": "reasoning", "content": words}


def blob(modality: str, mime: str, **more: Any) -> dict[str, Any]:
    return {"modality": modality, "mime_type": mime, **more, "type": "blob", "content": "", **DIGEST}


def uri(modality: str, link: str = LINK, **more: Any) -> dict[str, Any]:
    return {"modality": modality, **more, "type": "uri", "uri": link}


def file(modality: str, identity: str, **more: Any) -> dict[str, Any]:
    return {"modality": modality, **more, "type": "file", "file_id": identity}


def call(arguments: Any, **more: Any) -> dict[str, Any]:
    return {"type": "tool_call", "name": "add", "arguments": arguments, **more}


def answered(answer: Any, identity: str = "c1") -> dict[str, Any]:
    return {"type": "tool_call_response", "response": answer, "id": identity}


def served(name: str, identity: str | None = "s1", **more: Any) -> dict[str, Any]:
    part: dict[str, Any] = {"type": "server_tool_call", "name": name, "server_tool_call": {"type": name, **more}}
    return part if identity is None else {**part, "id": identity}


def returned(kind: str, identity: str | None = "s1", **more: Any) -> dict[str, Any]:
    part: dict[str, Any] = {"type": "server_tool_call_response", "server_tool_call_response": {"type": kind, **more}}
    return part if identity is None else {**part, "id": identity}


CITED = [{"type": "citation", "url": LINK, "title": "It"}]
SEARCHED = {"query": "it"}

LANGCHAIN: list[tuple[Any, Any]] = [
    ("hi", text("hi")),
    ({"type": "text", "text": "hi"}, text("hi")),
    ({"type": "text", "text": "hi", "annotations": CITED, "index": 0}, text("hi", annotations=CITED)),
    ({"type": "text-plain", "text": "hi", "title": "t", "mime_type": "text/plain"}, text("hi", title="t")),
    ({"type": "reasoning", "reasoning": "hm", "extras": {"signature": "x"}}, thought("hm")),
    ({"type": "image", "url": LINK, "mime_type": "image/png"}, uri("image", mime_type="image/png")),
    ({"type": "image", "base64": B64, "mime_type": "image/png"}, blob("image", "image/png")),
    ({"type": "image", "file_id": "f1"}, file("image", "f1")),
    ({"type": "audio", "base64": B64, "mime_type": "audio/wav"}, blob("audio", "audio/wav")),
    ({"type": "video", "url": LINK}, uri("video")),
    (
        {"type": "file", "file_id": "f1", "mime_type": "application/pdf"},
        file("document", "f1", mime_type="application/pdf"),
    ),
    ({"type": "file", "base64": B64, "mime_type": "application/pdf"}, blob("document", "application/pdf")),
    ({"type": "image", "source_type": "url", "url": LINK}, uri("image")),
    ({"type": "image", "source_type": "base64", "data": B64, "mime_type": "image/png"}, blob("image", "image/png")),
    ({"type": "file", "source_type": "id", "id": "f1"}, file("document", "f1")),
    ({"type": "file", "source_type": "text", "text": "plain"}, text("plain")),
    ({"type": "tool_call", "id": "c1", "name": "add", "args": {"a": 1}}, call({"a": 1}, id="c1")),
    ({"type": "tool_call_chunk", "id": "c1", "name": "add", "args": '{"a": 1}'}, call({"a": 1}, id="c1")),
    (
        {"type": "invalid_tool_call", "id": "c1", "name": "add", "args": "{a", "error": "no JSON"},
        call("{a", id="c1", error="no JSON"),
    ),
    (
        {"type": "server_tool_call", "id": "s1", "name": "web_search", "args": SEARCHED},
        served("web_search", arguments=SEARCHED),
    ),
    (
        {"type": "server_tool_call_chunk", "id": "s1", "name": "web_search", "args": '{"query": "it"}'},
        served("web_search", arguments=SEARCHED),
    ),
    (
        {"type": "server_tool_result", "tool_call_id": "s1", "status": "success", "output": "found"},
        returned("server_tool_result", status="success", output="found"),
    ),
    ({"type": "refusal", "refusal": "no"}, {"type": "refusal", "content": "no"}),
    ({"type": "non_standard", "value": {"type": "thing", "x": 1}}, {"x": 1, "type": "thing"}),
    ({"type": "non_standard", "value": {"type": "text", "text": "hi"}}, text("hi")),
    ({"type": "non_standard", "value": 7}, {"value": 7, "type": "non_standard"}),
    ({"type": "text", "x": 1}, {"x": 1, "type": "other"}),
    ({"type": "uri"}, {"type": "other"}),
    ({"x": 1, "y": 2}, {"x": 1, "y": 2, "type": "other"}),
]
OPENAI: list[tuple[Any, Any]] = [
    ({"type": "image_url", "image_url": {"url": LINK, "detail": "low"}}, uri("image")),
    ({"type": "image_url", "image_url": LINK}, uri("image")),
    ({"type": "image_url", "image_url": {"url": f"data:image/png;base64,{B64}"}}, blob("image", "image/png")),
    ({"type": "input_audio", "input_audio": {"data": B64, "format": "wav"}}, blob("audio", "audio/wav")),
    ({"type": "file", "file": {"file_id": "f1"}}, file("document", "f1")),
    (
        {"type": "file", "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{B64}"}},
        {
            "modality": "document",
            "name": "a.pdf",
            "mime_type": "application/pdf",
            "type": "blob",
            "content": "",
            **DIGEST,
        },
    ),
    ({"type": "input_text", "text": "hi"}, text("hi")),
    ({"type": "output_text", "text": "hi", "annotations": []}, text("hi")),
    ({"type": "input_image", "image_url": LINK}, uri("image")),
    ({"type": "input_image", "file_id": "f1"}, file("image", "f1")),
    (
        {"type": "input_file", "file_url": LINK, "filename": "a"},
        {"modality": "document", "name": "a", "type": "uri", "uri": LINK},
    ),
    (
        {"type": "reasoning", "id": "r", "summary": [{"type": "summary_text", "text": t} for t in "ab"]},
        thought("a\n\nb"),
    ),
    ({"type": "reasoning", "id": "r", "summary": [], "encrypted_content": "x"}, thought("")),
    (
        {"type": "function_call", "id": "fc", "call_id": "c1", "name": "add", "arguments": '{"a": 1}'},
        call({"a": 1}, id="c1"),
    ),
    ({"type": "function_call_output", "call_id": "c1", "output": "2"}, answered("2")),
    ({"type": "custom_tool_call", "call_id": "c1", "name": "add", "input": "1 + 1"}, call("1 + 1", id="c1")),
    (
        {"type": "computer_call", "id": "x", "call_id": "c1", "action": {"type": "click"}},
        {"type": "tool_call", "name": "computer", "arguments": {"type": "click"}, "id": "c1"},
    ),
    (
        {"type": "web_search_call", "id": "s1", "status": "completed", "action": SEARCHED},
        served("web_search", status="completed", action=SEARCHED),
    ),
    (
        {"type": "image_generation_call", "id": "s1", "result": B64},
        served("image_generation", result=B64),
    ),
    (
        {"type": "mcp_approval_request", "id": "x", "name": "n"},
        {"name": "n", "id": "x", "type": "mcp_approval_request"},
    ),
]
ANTHROPIC: list[tuple[Any, Any]] = [
    ({"type": "thinking", "thinking": "hm", "signature": "x"}, thought("hm")),
    ({"type": "redacted_thinking", "data": "opaque"}, thought("")),
    ({"type": "tool_use", "id": "c1", "name": "add", "input": {"a": 1}}, call({"a": 1}, id="c1")),
    ({"type": "tool_use", "id": "c1", "name": "add", "input": {}, "partial_json": '{"a": 1}'}, call({"a": 1}, id="c1")),
    ({"type": "tool_result", "tool_use_id": "c1", "content": "2"}, answered("2")),
    ({"type": "tool_result", "tool_use_id": "c1", "content": [{"type": "text", "text": "2"}]}, answered("2")),
    (
        {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": SEARCHED},
        served("web_search", arguments=SEARCHED),
    ),
    (
        {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {}, "partial_json": '{"query": "it"}'},
        served("web_search", arguments=SEARCHED),
    ),
    (
        {
            "type": "web_search_tool_result",
            "tool_use_id": "s1",
            "content": [{"type": "web_search_result", "url": LINK}],
        },
        returned("web_search_tool_result", content=[{"type": "web_search_result", "url": LINK}]),
    ),
    (
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": B64}},
        blob("image", "image/png"),
    ),
    ({"type": "image", "source": {"type": "url", "url": LINK}}, uri("image")),
    ({"type": "document", "source": {"type": "file", "file_id": "f1"}}, file("document", "f1")),
    (
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "hi"}, "title": "t"},
        text("hi", title="t"),
    ),
    ({"type": "text", "text": "hi", "citations": CITED}, text("hi", citations=CITED)),
    ({"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}}, text("hi")),
    ({"type": "compaction", "content": "so far"}, {"type": "compaction", "content": "so far"}),
    (
        {"type": "search_result", "source": "s", "title": "t", "content": [{"type": "text", "text": "hi"}]},
        {"source": "s", "title": "t", "content": [{"type": "text", "text": "hi"}], "type": "search_result"},
    ),
]
GOOGLE: list[tuple[Any, Any]] = [
    ({"type": "media", "mime_type": "audio/mp3", "data": B64}, blob("audio", "audio/mp3")),
    (
        {"type": "media", "mime_type": "video/mp4", "file_uri": "gs://b/v"},
        uri("video", "gs://b/v", mime_type="video/mp4"),
    ),
    ({"text": "hi"}, text("hi")),
    ({"inlineData": {"mimeType": "image/png", "data": B64}}, blob("image", "image/png")),
    ({"inline_data": {"mime_type": "image/png", "data": DATA}}, blob("image", "image/png")),
    ({"fileData": {"mimeType": "image/png", "fileUri": LINK}}, uri("image", mime_type="image/png")),
    ({"functionCall": {"name": "add", "args": {"a": 1}}}, call({"a": 1})),
    (
        {"functionResponse": {"id": "c1", "name": "add", "response": {"result": 2}}},
        answered({"result": 2}),
    ),
    (
        {"type": "executable_code", "executable_code": "1 + 1", "language": "PYTHON"},
        served("executable_code", None, executable_code="1 + 1", language="PYTHON"),
    ),
    (
        {"type": "code_execution_result", "code_execution_result": "2", "outcome": 1},
        returned("code_execution_result", None, code_execution_result="2", outcome=1),
    ),
]
BEDROCK: list[tuple[Any, Any]] = [
    ({"toolUse": {"toolUseId": "c1", "name": "add", "input": {"a": 1}}}, call({"a": 1}, id="c1")),
    ({"toolResult": {"toolUseId": "c1", "content": [{"json": {"sum": 2}}], "status": "success"}}, answered({"sum": 2})),
    ({"toolResult": {"toolUseId": "c1", "content": [{"text": "2"}]}}, answered("2")),
    ({"image": {"format": "png", "source": {"bytes": DATA}}}, blob("image", "image/png")),
    (
        {"video": {"format": "mp4", "source": {"s3Location": {"uri": "s3://b/v"}}}},
        uri("video", "s3://b/v", mime_type="video/mp4"),
    ),
    (
        {"document": {"format": "pdf", "name": "a", "source": {"bytes": DATA}}},
        blob("document", "application/pdf", name="a"),
    ),
    ({"reasoningContent": {"reasoningText": {"text": "hm", "signature": "x"}}}, thought("hm")),
    ({"reasoningContent": {"redactedContent": DATA}}, thought("")),
    ({"type": "reasoning_content", "reasoning_content": {"text": "hm", "signature": "x"}}, thought("hm")),
    ({"guardContent": {"text": {"text": "hi"}}}, text("hi")),
    ({"cachePoint": {"type": "default"}}, {"cachePoint": {"type": "default"}, "type": "cachePoint"}),
]
MISTRAL: list[tuple[Any, Any]] = [
    ({"type": "thinking", "thinking": [{"type": "text", "text": "h"}, {"type": "text", "text": "m"}]}, thought("hm")),
    ({"type": "document_url", "document_url": LINK}, uri("document")),
]

BLOCKS = [*LANGCHAIN, *OPENAI, *ANTHROPIC, *GOOGLE, *BEDROCK, *MISTRAL]

BESIDE: list[tuple[Any, Any, Any]] = [
    ("hi", {"reasoning_content": "hm"}, [thought("hm"), text("hi")]),
    ("hi", {"reasoning": {"summary": [{"type": "summary_text", "text": "hm"}]}}, [thought("hm"), text("hi")]),
    ([{"type": "reasoning", "reasoning": "hm"}, "hi"], {"reasoning_content": "hm"}, [thought("hm"), text("hi")]),
    ("", {"refusal": "no"}, [{"type": "refusal", "content": "no"}]),
    ("hi", {"refusal": None, "reasoning_content": ""}, [text("hi")]),
    (
        "",
        {"audio": {"id": "a1", "data": B64, "transcript": "hi", "expires_at": 1}},
        [{"modality": "audio", "type": "blob", "content": "", **DIGEST, "transcript": "hi"}],
    ),
    ("", {"audio": {"id": "a1"}}, [file("audio", "a1")]),
    (
        "",
        {"tool_calls": [{"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}]},
        [call({"a": 1}, id="c1")],
    ),
    ("", {"function_call": {"name": "add", "arguments": "{a"}}, [call("{a")]),
    (
        "hi",
        {"tool_outputs": [{"type": "web_search_call", "id": "s1", "status": "completed"}]},
        [served("web_search", status="completed"), text("hi")],
    ),
]


@pytest.mark.parametrize(("block", "part"), BLOCKS, ids=lambda value: str(value)[:60])
def test_a_block_is_the_part_of_the_conventions(block: Any, part: Any) -> None:
    said = chat_message(HumanMessage([block]))
    assert said == {"role": "user", "parts": [part]}
    assert faults("gen_ai.input.messages", [said]) == []


@pytest.mark.parametrize(("content", "more", "parts"), BESIDE, ids=lambda value: str(value)[:60])
def test_what_integrations_put_beside_the_content_is_said_once(content: Any, more: Any, parts: Any) -> None:
    said = chat_message(AIMessage(content).model_copy(update={"additional_kwargs": more}))
    assert said == {"role": "assistant", "parts": parts}
    assert faults("gen_ai.output.messages", [said]) == []


UNTYPED = {
    "inlineData": {"mimeType": "image/png", "data": B64},
    "toolUse": {"toolUseId": "t1", "name": "look", "input": {"a": 1}},
    "functionCall": {"name": "look", "args": {"a": 1}},
    "toolResult": {"toolUseId": "t1", "content": [{"text": "found"}]},
    "reasoningContent": {"reasoningText": {"text": "hm", "signature": "s1gn3d"}},
}


@pytest.mark.parametrize("key", UNTYPED)
def test_a_block_without_a_type_is_read_in_a_call_too(key: str) -> None:
    """LangChain gives it one before it tells us of it."""
    with record(content="span_only", redact="none") as recording:
        FakeListChatModel(responses=["hi"]).invoke([HumanMessage([{key: UNTYPED[key]}])])
    [said] = json.loads(str(recording.spans[0].attributes["gen_ai.input.messages"]))
    assert said["parts"] == chat_message(HumanMessage([{key: UNTYPED[key]}]))["parts"]
    assert said["parts"][0]["type"] in ("blob", "tool_call", "tool_call_response", "reasoning")


@pytest.mark.parametrize("redact", ["none", "secrets", lambda part, place: part])
def test_data_that_a_block_has_as_a_text_is_described_when_it_is_written(redact: Any) -> None:
    block = {"type": "image_generation_call", "id": "s1", "result": LARGE_B64}
    with record(content="span_only", redact=redact) as recording:
        FakeListChatModel(responses=["hi"]).invoke([HumanMessage([block])])
    [said] = json.loads(str(recording.spans[0].attributes["gen_ai.input.messages"]))
    assert said["parts"] == [served("image_generation", result=LARGE_DIGEST)]
