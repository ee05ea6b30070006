"""However much was said, an attribute is at most as long as it may be, is valid, and says what it lacks."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.messages import HumanMessage
from tests.content.schemas import faults, strict_json
from tests.pairs import examples

from callspan.capture.limit import cut_text, to_json, within
from callspan.capture.serialize import plain
from callspan.testing import record

LONG_TEXTS = st.builds(str.__mul__, st.text('é漢🙂"\\\n\x00\ud800a', min_size=1, max_size=20), st.integers(30, 200))
TEXTS = st.one_of(st.text(max_size=60), LONG_TEXTS)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXTS, st.binary(max_size=50), st.uuids())
VALUES: Any = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=30),
        st.dictionaries(st.one_of(TEXTS, st.integers(), st.none(), st.tuples(st.integers())), inner, max_size=20),
        st.tuples(inner, inner),
    ),
    max_leaves=60,
)
LIMITS = st.one_of(st.just(1024), st.integers(1024, 20_000))

PARTS = st.one_of(
    st.builds(lambda text: {"type": "text", "content": text}, TEXTS),
    st.builds(lambda text: {"type": "reasoning", "content": text}, TEXTS),
    st.builds(lambda text, args: {"type": "tool_call", "name": text, "arguments": args, "id": "c"}, TEXTS, VALUES),
    st.builds(lambda answer: {"type": "tool_call_response", "response": answer}, VALUES),
    st.builds(
        lambda text, more: {"type": "server_tool_call", "name": text, "server_tool_call": {"more": more, "type": "x"}},
        TEXTS,
        VALUES,
    ),
    st.builds(
        lambda more: {"more": more, "type": "server_tool_call_response", "server_tool_call_response": {"type": "x"}},
        VALUES,
    ),
    st.builds(lambda text: {"modality": "image", "name": text, "uri": text, "type": "uri"}, TEXTS),
    st.builds(lambda text: {"modality": "image", "name": text, "size": 1, "type": "blob", "content": ""}, TEXTS),
    st.builds(lambda text, more: {"a": text, "b": more, "c": 1, "d": 2, "type": "citation"}, TEXTS, VALUES),
)
MESSAGES = st.lists(
    st.builds(
        lambda role, parts: {"role": role, "parts": parts, "finish_reason": "stop"},
        st.sampled_from(["user", "assistant", "tool"]),
        st.lists(PARTS, max_size=4),
    ),
    max_size=12,
)


@settings(max_examples=examples(60), deadline=None)
@given(VALUES, LIMITS)
def test_any_value_within_any_limit_is_valid_json(value, limit):
    text = to_json(plain(value), limit)
    assert len(text.encode("utf-8")) <= limit
    strict_json(text)


@settings(max_examples=examples(60), deadline=None)
@given(MESSAGES, LIMITS)
def test_messages_stay_messages_however_much_is_cut(messages, limit):
    text = to_json(plain(messages), limit)
    assert len(text.encode("utf-8")) <= limit
    assert faults("gen_ai.input.messages", text) == []
    assert faults("gen_ai.output.messages", text) == []
    assert faults("gen_ai.input.messages", within(plain(messages), limit)) == []


@settings(max_examples=examples(60), deadline=None)
@given(TEXTS, LIMITS)
def test_a_plain_text_is_cut_between_characters(text, limit):
    text = plain(text)
    kept = cut_text(text * 3, limit)
    assert len(kept.encode("utf-8")) <= limit
    assert kept == text * 3 or kept.endswith("characters cut]")


@settings(max_examples=examples(50), deadline=None)
@given(st.lists(st.dictionaries(st.text(max_size=3), VALUES, max_size=4), max_size=50), LIMITS)
def test_objects_and_lists_of_objects_stay_such(objects, limit):
    definitions = [{**one, "name": "n", "type": "function"} for one in plain(objects)]
    assert faults("gen_ai.tool.definitions", to_json(definitions, limit)) == []
    documents = [{**one, "id": "1", "score": 0.5} for one in plain(objects)]
    assert faults("gen_ai.retrieval.documents", to_json(documents, limit)) == []
    assert faults("gen_ai.tool.call.arguments", to_json({"objects": documents}, limit)) == []


def test_what_is_cut_is_said_where_it_was():
    said = [{"role": "user", "parts": [{"type": "text", "content": "x" * 5000}, {"type": "text", "content": "short"}]}]
    cut = json.loads(to_json(said, 1024))
    (long, short) = cut[0]["parts"]
    kept = long["content"].partition("…")[0]
    assert long["content"] == f"{kept}… [{5000 - len(kept)} characters cut]"
    assert short == {"type": "text", "content": "short"}


def test_of_many_messages_the_first_and_the_last_are_kept():
    said = [{"role": "user", "parts": [{"type": "text", "content": f"message {place}"}]} for place in range(1000)]
    cut = json.loads(to_json(said, 8192))
    texts = [message["parts"][0]["content"] for message in cut]
    assert texts[0] == "message 0"
    assert texts[-1] == "message 999"
    assert [text for text in texts if text.startswith("…")] == [f"… [{1001 - len(texts)} cut]"]


@pytest.mark.parametrize("letter", ["x", "é", "🙂", '"'])
@pytest.mark.parametrize("limit", [1024, 65536])
def test_most_of_the_room_is_used(letter, limit):
    text = to_json([{"role": "user", "parts": [{"type": "text", "content": letter * limit}]}], limit)
    assert limit // 2 < len(text.encode("utf-8")) <= limit


@pytest.mark.parametrize("content", ["span_only", "span_and_event"])
def test_the_limit_holds_on_spans(content):
    with record(content=content, content_limit=1024) as recording:
        FakeListChatModel(responses=["y" * 3000]).invoke([HumanMessage("x" * 3000)])
    (span,) = recording.spans
    said = [span.attributes[f"gen_ai.{side}.messages"] for side in ("input", "output")]
    assert [512 < len(text.encode()) <= 1024 for text in said] == [True, True]
