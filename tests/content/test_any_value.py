"""Whatever a message, an input or a result is made of, it is written as valid JSON, and nothing raises."""

from __future__ import annotations

import json
from collections import ChainMap, UserDict
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import Enum
from types import MappingProxyType
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langchain_core.documents import Document
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.prompt_values import ChatPromptValue
from langchain_core.runnables import RunnableLambda
from pydantic import BaseModel, SecretStr
from tests.content.schemas import faults, strict_json
from tests.pairs import examples

from callspan.capture.limit import to_json
from callspan.langchain.blocks import _BLOCKS, _UNTYPED
from callspan.langchain.content import messages_of, value_of
from callspan.langchain.messages import chat_message, definitions


class Explosive:
    """Raises whatever is done with it."""

    def explode(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("do not touch me")

    __repr__ = __str__ = __eq__ = __bool__ = __len__ = __iter__ = __getattr__ = explode
    __hash__ = object.__hash__


class ExplosiveDict(dict[Any, Any]):
    """A dict that raises when it is read in the usual ways."""

    def explode(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("do not touch me")

    __iter__ = __len__ = __getitem__ = items = keys = explode


class Colour(Enum):
    RED = "red"


class Person(BaseModel):
    name: str
    key: SecretStr = SecretStr("sk-hidden")


@dataclass
class Point:
    x: int


CYCLE: list[Any] = []
CYCLE.append([CYCLE, CYCLE])
RING: list[Any] = []
RING.append(RING)
LAUGHS: Any = "ha"
for _ in range(40):
    LAUGHS = [LAUGHS, LAUGHS]
DEEP: Any = "down"
for _ in range(5000):
    DEEP = {"type": "non_standard", "value": DEEP}

ODD = [
    *(CYCLE, LAUGHS, DEEP, Explosive(), {"x": Explosive()}, {Explosive(): 1}, ExplosiveDict(x=1), Explosive),
    *(10**5000, float("nan"), float("inf"), -0.0, b"\xff", bytearray(3), memoryview(b"x"), {1, 2}, frozenset("a")),
    *("\ud800", {"\ud800": "\udfff"}, "\x00", "[" * 100_000, Colour.RED, Decimal("1.5"), date(2026, 1, 1), UUID(int=1)),
    *(
        {1: 2, None: 3, (1,): 4, 10**5000: 5, float("nan"): 6},
        MappingProxyType({"a": 1}),
        ChainMap({"a": 1}),
        UserDict(a=1),
    ),
    *(iter("abc"), (n for n in "abc"), range(3), object(), lambda: 0, type, Person(name="ann"), Point(1)),
    *(
        Document("d", metadata={"x": Explosive()}),
        HumanMessage("hi"),
        RunnableLambda(len),
        HumanMessage.model_construct(),
    ),
]


@pytest.mark.parametrize("value", ODD, ids=lambda value: type(value).__name__)
def test_an_odd_value_is_valid_json_wherever_it_stands(value: Any) -> None:
    """As a content, as a block of one, within a block, as arguments, as an answer, and as an input or result."""
    holders = [
        AIMessage.model_construct(content=value, tool_calls=value, additional_kwargs=value),
        AIMessage.model_construct(content=[value, {"type": value}, {"type": "text", "text": value}]),
        AIMessage.model_construct(content="", tool_calls=[{"name": value, "args": value, "id": value}]),
        AIMessage.model_construct(
            content="", additional_kwargs=dict.fromkeys(("audio", "refusal", "reasoning"), value)
        ),
        ToolMessage.model_construct(content=value, tool_call_id="c1", status=value, name=value),
    ]
    said = [chat_message(holder) for holder in holders]
    assert faults("gen_ai.input.messages", to_json(said, 10**9)) == []
    for limit in (1024, 65536):
        strict_json(to_json(value_of(value), limit))
        strict_json(to_json(messages_of(value, "user"), limit))
    assert faults("gen_ai.tool.definitions", to_json(definitions([value]), 10**9)) == []


def test_objects_are_named_by_their_type_and_records_by_their_fields() -> None:
    assert value_of(
        {
            "person": Person(name="ann"),
            "point": Point(1),
            "document": Document("d", metadata={"page": 1}),
            "prompt": ChatPromptValue(messages=[HumanMessage("hi")]),
            "runnable": RunnableLambda(len),
            "object": Explosive(),
            "colour": Colour.RED,
            "proxy": MappingProxyType({"a": (1, 2)}),
        }
    ) == {
        "person": {"name": "ann", "key": "<SecretStr>"},
        "point": {"x": 1},
        "document": {"content": "d", "metadata": {"page": 1}},
        "prompt": [{"role": "user", "parts": [{"type": "text", "content": "hi"}]}],
        "runnable": "<RunnableLambda>",
        "object": "<Explosive>",
        "colour": "red",
        "proxy": {"a": [1, 2]},
    }


LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.builds(lambda: 10**5000),
    st.floats(),
    st.text(st.characters(codec=None), max_size=20),
    st.binary(max_size=20),
    st.builds(Explosive),
    st.sampled_from([RING, object(), Colour.RED, Decimal(1), "data:image/png;base64,AAAA", "data:", "{}"]),
)
KEYS = st.one_of(
    st.sampled_from(
        [
            *("type", "text", "content", "id", "name", "args", "input", "arguments", "url", "source", "data", "value"),
            *("image_url", "file", "file_id", "title", "call_id", "output", "summary", "partial_json", *_UNTYPED),
        ]
    ),
    st.text(st.characters(codec=None), max_size=5),
    st.integers(),
    st.none(),
)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12
)
BLOCKS = st.builds(
    lambda kind, rest: {**rest, "type": kind},
    st.sampled_from([*_BLOCKS, "non_standard", "blob", "uri", "compaction", "else"]),
    st.dictionaries(KEYS, VALUES, max_size=5),
)
CONTENTS = st.lists(BLOCKS | VALUES, max_size=4)
RELAXED = settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=examples(200), database=None)


@RELAXED
@given(CONTENTS, VALUES)
def test_any_message_is_valid(content: Any, other: Any) -> None:
    messages = [
        AIMessage.model_construct(content=content, tool_calls=[other], additional_kwargs={"tool_outputs": content}),
        ToolMessage.model_construct(content=content, tool_call_id="c1"),
    ]
    said = [chat_message(message) for message in messages]
    assert faults("gen_ai.output.messages", to_json(said, 10**9)) == []
    strict_json(to_json(said, 1024))


@RELAXED
@given(st.lists(VALUES, max_size=4))
def test_any_tools_are_defined(tools: Any) -> None:
    assert faults("gen_ai.tool.definitions", to_json(definitions(tools) or [], 10**9)) == []


@RELAXED
@given(VALUES)
def test_any_value_is_json(value: Any) -> None:
    said = value_of(value)
    assert strict_json(to_json(said, 10**9)) == json.loads(json.dumps(said, allow_nan=False))
    assert len(to_json(said, 1024).encode()) <= 1024
    strict_json(to_json(messages_of(value, "user") or [], 1024))
