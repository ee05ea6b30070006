"""Values of a program in content: records by their fields, numbers of other libraries, blocks of tools."""

from __future__ import annotations

import asyncio
import json
from collections import UserDict, deque
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import PurePosixPath
from typing import Any, NamedTuple
from uuid import UUID

import pydantic
import pytest
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import StructuredTool, tool
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from tests.content.models import calls

from callspan.langchain.content import value_of
from callspan.testing import record


class Loose(pydantic.BaseModel, extra="allow"):
    """A record that takes any field."""

    declared: int
    _kept: str = pydantic.PrivateAttr("private")


class Strict(pydantic.BaseModel):
    """A record inside of which is one with more fields."""

    loose: Loose


@dataclass
class Point:
    """A dataclass."""

    x: int
    _kept: str = "private"


class Pair(NamedTuple):
    """A named tuple."""

    left: int
    right: Any


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (Loose(declared=1, extra=[2], _more=3), {"declared": 1, "extra": [2]}),
        (Strict(loose=Loose(declared=1, extra=Loose(declared=2, deep=3))),
         {"loose": {"declared": 1, "extra": {"declared": 2, "deep": 3}}}),
        (Loose.model_construct(declared=1, extra=2), {"declared": 1, "extra": 2}),
        (Point(1), {"x": 1}),
        (Pair(1, Point(2)), {"left": 1, "right": {"x": 2}}),
        (deque([1, 2]), [1, 2]),
        (range(3), [0, 1, 2]),
        ({"a": 1}.keys(), ["a"]),
        (PurePosixPath("a/b"), "a/b"),
        (datetime(2026, 1, 1, tzinfo=UTC), "2026-01-01 00:00:00+00:00"),
        (date(2026, 1, 1), "2026-01-01"),
        ({UUID(int=1): Decimal("1.50"), Fraction(1, 2): 1},
         {"00000000-0000-0000-0000-000000000001": "1.50", "1/2": 1}),
        (UserDict(a=1), {"a": 1}),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_a_value_is_written_by_what_it_holds(value: Any, said: Any) -> None:
    assert value_of(value) == said


def test_an_older_pydantics_extra_fields_are_written() -> None:
    old = pytest.importorskip("pydantic.v1", reason="needs a pydantic with v1")

    class Old(old.BaseModel):  # type: ignore[misc] # its type is known at run time only
        class Config:
            extra = "allow"

        declared: int

    assert value_of(Old(declared=1, extra=[2])) == {"declared": 1, "extra": [2]}


def test_an_attrs_class_is_written_by_its_fields() -> None:
    attr = pytest.importorskip("attr", reason="needs attrs")
    slotted = attr.make_class("Slotted", ["x", "_kept"], slots=True)

    assert value_of([slotted(1, "private"), attr.make_class("Plain", ["x"])(2)]) == [{"x": 1}, {"x": 2}]


def test_numpys_values_are_numbers_and_lists() -> None:
    numpy = pytest.importorskip("numpy", reason="needs numpy")
    scalars = [numpy.int64(7), numpy.uint8(255), numpy.float32(0.5), numpy.float16(2), numpy.bool_(True)]
    others = [numpy.float64("nan"), numpy.array(3), numpy.datetime64("2026-01-01"), numpy.complex64(1)]

    assert value_of(scalars) == [7, 255, 0.5, 2.0, True]
    assert [type(one) for one in value_of(scalars)] == [int, int, float, float, bool]
    assert value_of(others) == ["nan", 3, "2026-01-01", "<complex64>"]
    assert value_of(numpy.array([[1, 2], [3, 4]])) == [[1, 2], [3, 4]]
    assert value_of({numpy.int64(1): "a", numpy.int64(2): "b"}) == {"1": "a", "2": "b"}
    assert value_of(numpy.zeros(5000))[-1] == "… [904 cut]"


PICTURE = {"type": "image", "base64": "iVBORw0KGgo=", "mime_type": "image/png"}
BLOB = {
    "type": "blob",
    "modality": "image",
    "mime_type": "image/png",
    "content": "",
    "size": 8,
    "sha256": "4c4b6a3be1314ab86138bef4314dde022e600960d8689a2c8f8631802d20dab6",
}
RESULTS: list[tuple[Any, Any]] = [
    ([{"type": "text", "text": "hi", "id": "lc_1"}, PICTURE], {"result": [{"type": "text", "content": "hi"}, BLOB]}),
    ([{"type": "text", "text": "hi"}], "hi"),
    (["hi", PICTURE], {"result": [{"type": "text", "content": "hi"}, BLOB]}),
    (["a", "b"], {"result": ["a", "b"]}),
    ({"a": [1]}, {"a": [1]}),
    ("hi", "hi"),
]

ARGUMENTS: dict[str, Any] = {"text": "x"}
CALL: dict[str, Any] = {"name": "given", "args": ARGUMENTS, "id": "c1", "type": "tool_call"}


def in_a_graph(one: StructuredTool, method: str) -> None:
    """Call a tool in a graph, as a model would."""
    graph = StateGraph(MessagesState)
    graph.add_node("tools", ToolNode([one]))
    graph.add_edge(START, "tools")
    asked = {"messages": [calls("given", text="x")]}
    called: Any = getattr(graph.compile(), method)(asked)
    if method == "ainvoke":
        asyncio.run(_awaited(called))
    elif method == "stream":
        list(called)


async def _awaited(called: Any) -> Any:
    return await called


FORMS: dict[str, Any] = {
    "invoke": lambda one: one.invoke(ARGUMENTS),
    "ainvoke": lambda one: asyncio.run(_awaited(one.ainvoke(ARGUMENTS))),
    "batch": lambda one: one.batch([ARGUMENTS]),
    "called": lambda one: one.invoke(CALL),
    "called, async": lambda one: asyncio.run(_awaited(one.ainvoke(CALL))),
    "chain": lambda one: (RunnableLambda(lambda _: CALL) | one).invoke(1),
    "graph": lambda one: in_a_graph(one, "invoke"),
    "graph, async": lambda one: in_a_graph(one, "ainvoke"),
    "graph, stream": lambda one: in_a_graph(one, "stream"),
}


@pytest.mark.parametrize(("result", "said"), RESULTS, ids=lambda value: str(value)[:20])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("artifact", [False, True])
def test_a_tool_says_the_same_in_every_form(form: str, result: Any, said: Any, *, artifact: bool) -> None:
    form_of: Any = "content_and_artifact" if artifact else "content"

    @tool(response_format=form_of)
    def given(text: str) -> Any:
        """Give what there is."""
        return (result, {"kept": "apart"}) if artifact else result

    with record(content="span_only") as recording:
        FORMS[form](given)
    found = recording.named("execute_tool given").attributes["gen_ai.tool.call.result"]
    assert (json.loads(found) if isinstance(said, dict) else found) == said
