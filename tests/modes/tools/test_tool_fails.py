"""A tool that fails, that handles its failure, that is cancelled or interrupted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import BaseTool, ToolException
from opentelemetry.context import get_current
from opentelemetry.trace import StatusCode
from pydantic import ValidationError
from tests.modes.models.calls import Hold, Standstill, acall, call, cancel

FORMS = ("invoke", "ainvoke")
WAYS = ("functions", "function in threads", "class", "class in threads")
ONCE = """\
execute_tool add
  http
"""
TOOL_CALL: Any = {"type": "tool_call", "id": "call-1", "name": "add", "args": {"a": 1}}


def raising(http: Callable[..., None], error: BaseException) -> Callable[[], None]:
    """Make a body that makes a span and raises this."""

    def body() -> None:
        http()
        raise error

    return body


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("how", WAYS)
def test_fails(form: str, how: str, make_tool: Any, http: Callable[..., None], tree: Callable[..., str]) -> None:
    """An exception in the body reaches the caller as the same object, and fails the span."""
    error = LookupError("no such thing")
    with pytest.raises(LookupError) as raised:
        call(form, make_tool(how, raising(http, error)), {"a": 1})
    assert raised.value is error
    assert (
        tree()
        == """\
execute_tool add !LookupError
  http
"""
    )


@pytest.mark.without_content
@pytest.mark.parametrize("form", FORMS)
def test_invalid_arguments(form: str, add: BaseTool, recording: Any) -> None:
    """Arguments that do not fit fail the span, whose text has none of them."""
    with pytest.raises(ValidationError):
        call(form, add, {"a": "my secret"})
    assert recording.tree() == "execute_tool add !pydantic_core._pydantic_core.ValidationError\n"
    span = recording.named("execute_tool add")
    assert "secret" not in repr([dict(span.attributes), span.status, [dict(event.attributes) for event in span.events]])


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("how", WAYS)
def test_handled_error(form: str, how: str, make_tool: Any, http: Callable[..., None], recording: Any) -> None:
    """An error that the tool handles is a result for the caller, and a failure of the tool."""
    failing = make_tool(how, raising(http, ToolException("try again")), handle_tool_error=True)
    message = call(form, failing, TOOL_CALL)
    assert (message.content, message.status) == ("try again", "error")
    assert recording.tree() == "execute_tool add !tool_error\n  http\n"
    assert recording.named("execute_tool add").status.status_code is StatusCode.ERROR


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("how", WAYS)
def test_handled_invalid_arguments(form: str, how: str, make_tool: Any, tree: Callable[..., str]) -> None:
    """Arguments that do not fit, where the tool handles that, give a result."""
    message = call(form, make_tool(how, handle_validation_error="what?"), {**TOOL_CALL, "args": {"a": "x"}})
    assert (message.content, message.status) == ("what?", "error")
    assert tree() == "execute_tool add !tool_error\n"


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("how", ["functions", "class"])
def test_interrupted(
    interrupt: type[BaseException], how: str, make_tool: Any, http: Callable[..., None], tree: Callable[..., str]
) -> None:
    """Ctrl-C in the body ends the span as cancelled."""
    before = get_current()
    with pytest.raises(interrupt):
        make_tool(how, raising(http, interrupt())).invoke({"a": 1})
    assert get_current() is before
    assert (
        tree()
        == """\
execute_tool add ~cancelled
  http
"""
    )


@pytest.fixture
def standing(make_tool: Any, http: Callable[..., None]) -> tuple[BaseTool, Standstill]:
    """A tool that stands still asynchronously, and what tells when it does."""
    standstill = Standstill()

    def body() -> Any:
        http()
        return standstill()

    return make_tool("functions", body), standstill


@pytest.mark.parametrize("form", ["ainvoke", "arun", "astream"])
async def test_cancelled(form: str, standing: tuple[BaseTool, Standstill], tree: Callable[..., str]) -> None:
    """A cancelled tool ends as cancelled, also where LangChain reports nothing."""
    waiting, standstill = standing
    await cancel(acall(form, waiting, {"a": 1}), standstill.reached)
    assert (
        tree()
        == """\
execute_tool add ~cancelled
  http
"""
    )


async def test_cancelled_in_a_chain(standing: tuple[BaseTool, Standstill], tree: Callable[..., str]) -> None:
    """A chain that is cancelled in a tool ends both."""
    waiting, standstill = standing
    chain = RunnableLambda(lambda a: {"a": a}, name="f") | waiting
    await cancel(chain.ainvoke(1), standstill.reached)
    assert (
        tree()
        == """\
invoke_workflow ~cancelled
  chain f
  execute_tool add ~cancelled
    http
"""
    )


async def test_many_cancelled_at_once(standing: tuple[BaseTool, Standstill], tree: Callable[..., str]) -> None:
    """Tools that are cancelled together all end."""
    waiting, standstill = standing
    await cancel(waiting.abatch([{"a": a} for a in range(10)]), lambda: standstill.reached(10))
    assert tree() == "execute_tool add ~cancelled\n  http\n" * 10


@pytest.mark.parametrize("how", ["function in threads", "class in threads"])
async def test_cancelled_while_a_thread_works(
    how: str, make_tool: Any, http: Callable[..., None], recording: Any, tree: Callable[..., str]
) -> None:
    """A tool in a thread goes on when its caller is cancelled; what it does is still its own."""
    hold = Hold()

    def body() -> None:
        http("before")
        hold()
        http("after")

    await cancel(make_tool(how, body).ainvoke({"a": 1}), hold.reached)
    await hold.release()
    # LangChain runs the whole of the one tool in the thread, and only the body of the other.
    outcome = "" if how.startswith("function") else " ~cancelled"
    assert (
        tree()
        == f"""\
execute_tool add{outcome}
  before
  after
"""
    )
