"""A `Stop` is an exception: what retries and fallbacks do with one, and what passes them all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableLambda
from tests.callbacks.hearing import Notes, stopper
from tests.callbacks.stoppable import TOOL_CALL, Body
from tests.modes.models.calls import call
from tests.modes.models.chat_models import ANSWER, ChatNative

import callspan
from callspan.testing import Recording

Tree = Callable[..., str]

FORMS = pytest.mark.parametrize("form", ["invoke", "ainvoke"])


class Abort(BaseException):
    """A stop that no `except Exception` sees."""


def stopping(error: BaseException, kind: str = "llm") -> Any:
    """Give the block in which every start of such a run is stopped."""
    return callspan.callbacks(stopper(f"on_{kind}_start", error, Notes(), asynchronous=False))


@FORMS
def test_with_retry_tries_again(form: str, tree: Tree, recording: Recording) -> None:
    """Each attempt is stopped again, before its body; then the caller gets the stop."""
    body, error = Body(), callspan.Stop("enough")
    model = ChatNative(body=body).with_retry(wait_exponential_jitter=False, stop_after_attempt=2)
    with stopping(error), pytest.raises(callspan.Stop) as raised:
        call(form, model, "hello")
    assert raised.value is error
    assert body.calls == 0
    assert tree().splitlines()[1:] == ["  chat m !callspan.Stop ~stopped"] * 2


@FORMS
def test_with_fallbacks_falls_back(form: str, recording: Recording) -> None:
    """The stop of one model is for its fallback what an error is."""
    body = Body()
    model = ChatNative(body=body).with_fallbacks([RunnableLambda(lambda value: AIMessage("instead"))])
    with stopping(callspan.Stop("enough")):
        assert call(form, model, "hello").content == "instead"
    assert body.calls == 0


def _graph(node: Any, **options: Any) -> Any:
    graph = pytest.importorskip("langgraph.graph")
    builder = graph.StateGraph(dict)
    builder.add_node("a", node, **options)
    builder.add_edge(graph.START, "a")
    builder.add_edge("a", graph.END)
    return builder.compile()


@FORMS
def test_the_retries_of_a_node_try_again(form: str, recording: Recording) -> None:
    """Each attempt is stopped again, before the model's body; then the caller gets the stop."""
    types = pytest.importorskip("langgraph.types")
    body, error, attempts = Body(), callspan.Stop("enough"), []
    model = ChatNative(body=body)

    def node(state: Any) -> Any:
        attempts.append(state)
        return {"said": model.invoke("hello")}

    graph = _graph(node, retry_policy=types.RetryPolicy(max_attempts=2, initial_interval=0, jitter=False))
    with stopping(error), pytest.raises(callspan.Stop) as raised:
        call(form, graph, {})
    assert raised.value is error
    assert len(attempts) == 2
    assert body.calls == 0


def _tool_node(body: Body, **options: Any) -> Any:
    from langchain_core.tools import StructuredTool
    from langgraph.graph import MessagesState, StateGraph

    prebuilt = pytest.importorskip("langgraph.prebuilt")

    def count(x: int) -> Any:
        """Count."""
        return body(x)

    builder = StateGraph(MessagesState)
    builder.add_node("tools", prebuilt.ToolNode([StructuredTool.from_function(count)], **options))
    builder.set_entry_point("tools")
    return builder.compile()


ASKED = {"messages": [AIMessage("", tool_calls=[TOOL_CALL])]}


@FORMS
def test_a_tool_node_that_handles_errors_makes_a_message_of_it(form: str, recording: Recording) -> None:
    """The model reads the stop as the tool's answer, and the agent goes on."""
    pytest.importorskip("langgraph")
    body = Body()
    with stopping(callspan.Stop("enough"), "tool"):
        said = call(form, _tool_node(body, handle_tool_errors=True), ASKED)
    assert said["messages"][-1].status == "error"
    assert "enough" in said["messages"][-1].content
    assert body.calls == 0


def _retrying(body: Body) -> Any:
    return ChatNative(body=body).with_retry(wait_exponential_jitter=False, stop_after_attempt=2)


def _falling_back(body: Body) -> Any:
    return ChatNative(body=body).with_fallbacks([RunnableLambda(lambda value: AIMessage(ANSWER))])


def _retried_node(body: Body) -> Any:
    types = pytest.importorskip("langgraph.types")
    model = ChatNative(body=body)
    policy = types.RetryPolicy(max_attempts=2, initial_interval=0, jitter=False)
    return _graph(lambda state: {"said": model.invoke("hello")}, retry_policy=policy)


def _handling_tools(body: Body) -> Any:
    pytest.importorskip("langgraph")
    return _tool_node(body, handle_tool_errors=True)


@pytest.mark.parametrize("form", ["invoke", "ainvoke", "stream", "astream"])
@pytest.mark.parametrize(
    ("make", "given", "kind"),
    [
        (_retrying, "hello", "llm"),
        (_falling_back, "hello", "llm"),
        (_retried_node, {}, "llm"),
        (_handling_tools, ASKED, "tool"),
    ],
)
def test_what_is_no_exception_passes_them_all(
    make: Callable[[Body], Any], given: Any, kind: str, form: str, recording: Recording
) -> None:
    """A subclass of BaseException is neither tried again, nor replaced, nor made a message."""
    body, error = Body(), Abort("enough")
    with stopping(error, kind), pytest.raises(Abort) as raised:
        call(form, make(body), given)
    assert raised.value is error
    assert body.calls == 0
    outcomes = [(span.attributes or {}).get("langchain.run.outcome") for span in recording.spans]
    assert outcomes.count("stopped") == 1
