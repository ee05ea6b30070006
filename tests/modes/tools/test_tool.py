"""A tool in all its call forms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.messages import ToolMessage
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import BaseTool, StructuredTool, tool
from opentelemetry.trace import SpanKind, StatusCode
from pydantic import BaseModel, field_validator
from tests.modes.models.calls import call

FORMS = ("invoke", "ainvoke", "run", "arun")
ONCE = """\
execute_tool add
  http
"""
TOOL_CALL: Any = {"type": "tool_call", "id": "call-1", "name": "add", "args": {"a": 1, "b": 2}}


@pytest.mark.parametrize("form", FORMS)
def test_call(form: str, add: BaseTool, tree: Callable[..., str]) -> None:
    """A call is one span around the body, also in a thread."""
    assert call(form, add, {"a": 1, "b": 2}) == 3
    assert tree() == ONCE


@pytest.mark.parametrize("form", ["stream", "astream", "transform", "atransform"])
def test_stream(form: str, add: BaseTool, tree: Callable[..., str]) -> None:
    """A tool's stream is its call."""
    assert call(form, add, {"a": 1, "b": 2}) == [3]
    assert tree() == ONCE


@pytest.mark.parametrize("form", ["batch", "abatch"])
def test_batch(form: str, add: BaseTool, tree: Callable[..., str]) -> None:
    """A batch is a call for each input."""
    assert call(form, add, [{"a": 1}, {"a": 2}]) == [2, 3]
    assert tree() == ONCE * 2


@pytest.mark.parametrize("form", ["invoke", "ainvoke"])
def test_tool_call(form: str, add: BaseTool, tree: Callable[..., str]) -> None:
    """A model's tool call as the input gives a message for it."""
    message = call(form, add, TOOL_CALL)
    assert isinstance(message, ToolMessage)
    assert (message.content, message.tool_call_id) == ("3", "call-1")
    assert tree() == ONCE


def test_inside_a_span(add: BaseTool, recording: Any) -> None:
    """A call hangs under the span that is current around it."""
    with recording.tracer.start_as_current_span("mine"):
        add.invoke({"a": 1})
    assert (
        recording.tree()
        == """\
mine
  execute_tool add
    http
"""
    )


@pytest.mark.without_content
def test_attributes(add: BaseTool, recording: Any) -> None:
    """A tool's span says the operation, the tool and LangChain's run; the run may have a name of its own."""
    add.invoke({"a": 1}, {"run_name": "my sum", "tags": ["mine"]})
    span = recording.named("execute_tool add")
    assert span.kind is SpanKind.INTERNAL
    assert span.status.status_code is StatusCode.UNSET
    attributes = dict(span.attributes)
    assert len(attributes.pop("langchain.run.id")) == 36
    assert attributes["gen_ai.tool.description"].startswith("Add")
    assert attributes == {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.description": attributes["gen_ai.tool.description"],
        "gen_ai.tool.name": "add",
        "gen_ai.tool.type": "function",
        "langchain.run.name": "my sum",
        "langchain.run.tags": ("mine",),
        "langchain.run.type": "tool",
    }


@pytest.mark.parametrize("form", ["invoke", "ainvoke"])
def test_tool_that_calls_a_chain(form: str, http: Callable[..., None], tree: Callable[..., str]) -> None:
    """What a tool's body calls hangs under the tool."""
    chain = RunnableLambda(lambda text: text, name="f") | RunnableLambda(lambda text: http() or text, name="g")

    def look_up(text: str) -> str:
        """Look something up."""
        return str(chain.invoke(text))

    async def alook_up(text: str) -> str:
        return str(await chain.ainvoke(text))

    looking = StructuredTool.from_function(look_up, coroutine=alook_up)
    assert call(form, looking, {"text": "x"}) == "x"
    assert (
        tree()
        == """\
execute_tool look_up
  chain RunnableSequence
    chain f
    chain g
      http
"""
    )


@pytest.mark.parametrize("form", ["invoke", "ainvoke"])
def test_tool_that_calls_a_tool(form: str, add: BaseTool, tree: Callable[..., str]) -> None:
    """A tool in a tool's body hangs under it."""

    def twice(a: int) -> int:
        """Add twice."""
        return int(add.invoke({"a": add.invoke({"a": a})}))

    async def atwice(a: int) -> int:
        return int(await add.ainvoke({"a": await add.ainvoke({"a": a})}))

    assert call(form, StructuredTool.from_function(twice, coroutine=atwice), {"a": 1}) == 3
    assert (
        tree()
        == """\
execute_tool twice
  execute_tool add
    http
  execute_tool add
    http
"""
    )


@pytest.mark.parametrize("form", ["invoke", "ainvoke"])
def test_tool_in_a_chain(form: str, add: BaseTool, tree: Callable[..., str]) -> None:
    """A tool as a step of a chain hangs under the chain."""
    chain = RunnableLambda(lambda a: {"a": a}, name="f") | add
    assert call(form, chain, 1) == 2
    assert (
        tree()
        == """\
invoke_workflow
  chain f
  execute_tool add
    http
"""
    )


@pytest.mark.filterwarnings("ignore:.*is in beta")
@pytest.mark.parametrize("form", ["invoke", "ainvoke"])
def test_runnable_as_tool(form: str, http: Callable[..., None], tree: Callable[..., str]) -> None:
    """A chain that was made a tool is the tool with the chain in it."""
    chain = RunnableLambda(lambda given: given["a"], name="f") | RunnableLambda(lambda a: http() or a, name="g")
    made = chain.as_tool(name="identity", description="Gives it back.", arg_types={"a": int})
    assert call(form, made, {"a": 1}) == 1
    assert (
        tree()
        == """\
execute_tool identity
  chain RunnableSequence
    chain f
    chain g
      http
"""
    )


class Checked(BaseModel):
    """Arguments whose check works, as one that asks a server would."""

    a: int

    @field_validator("a")
    @classmethod
    def _check(cls, a: int) -> int:
        check = Checked.check
        check()
        return a


@pytest.mark.parametrize("form", ["invoke", "ainvoke"])
def test_what_validation_does_is_the_tools(
    form: str, http: Callable[..., None], tree: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The arguments are validated in the tool's run: what that does is the run's."""
    monkeypatch.setattr(Checked, "check", staticmethod(lambda: http("check")), raising=False)

    async def achecked(a: int) -> int:
        http("body")
        return a

    def checked(a: int) -> int:
        """Take what was checked."""
        http("body")
        return a

    made = (
        tool(checked, args_schema=Checked) if form == "invoke" else tool(achecked, description="", args_schema=Checked)
    )
    assert call(form, made, {"a": 1}) == 1
    assert tree().splitlines()[1:] == ["  check", "  body"]
