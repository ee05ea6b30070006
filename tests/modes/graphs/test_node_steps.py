"""A node that is a sequence: LangGraph runs its steps in one run, so each of them must have the node current."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import Runnable, RunnableLambda

Fn = Callable[..., Any]
State = dict[str, Any]


class Silent(Runnable[Any, Any]):
    """A Runnable that opens no run of its own, and makes a call to the world."""

    def __init__(self, http: Fn, answer: Fn) -> None:
        self.http, self.answer = http, answer

    def invoke(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
        self.http("silent")
        return self.answer(input)

    async def ainvoke(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
        self.http("silent")
        return self.answer(input)


def _said(message: AIMessage) -> State:
    return {"trail": [message.content]}


def test_prompt_model_and_a_step_without_a_run(call: Fn, line: Fn, chat: Any, http: Fn, tree: Fn) -> None:
    """Steps with a run are children of the node, and what a step without one does is the node's."""
    steps = ChatPromptTemplate.from_template("{trail}") | chat | Silent(http, _said)

    assert call(line(("n", steps)), {"trail": []}) == {"trail": ["pretty polly"]}
    assert (
        tree()
        == """\
invoke_workflow
  node n
    chain ChatPromptTemplate
    chat parrot
      http
    silent
"""
    )


@pytest.mark.parametrize("mode", ["updates", "messages"])
def test_streamed(mode: str, stream: Fn, line: Fn, chat: Any, http: Fn, tree: Fn) -> None:
    """When the graph is streamed the steps of its nodes have the node current, too."""
    steps = ChatPromptTemplate.from_template("{trail}") | chat | Silent(http, _said)

    assert stream(line(("n", steps)), {"trail": []}, stream_mode=mode) != []
    assert (
        tree()
        == """\
invoke_workflow
  node n
    chain ChatPromptTemplate
    chat parrot
      http
    silent
"""
    )


def test_first_step_without_a_run(call: Fn, line: Fn, http: Fn, tree: Fn) -> None:
    """A first step that opens no run has the node current."""
    steps = Silent(http, lambda state: state) | RunnableLambda(lambda state: {"trail": ["n"]})

    assert call(line(("n", steps)), {"trail": []}) == {"trail": ["n"]}
    assert tree() == "invoke_workflow\n  node n\n    silent\n    chain RunnableLambda\n"


def test_a_step_that_raises(call: Fn, line: Fn, http: Fn, tree: Fn) -> None:
    """A second step that raises fails its node, and nothing stays current."""
    boom = ValueError("boom")

    def fail(state: State) -> State:
        http()
        raise boom

    steps = Silent(http, lambda state: state) | Silent(http, fail)
    with pytest.raises(ValueError, match="boom") as raised:
        call(line(("n", steps)), {"trail": []})

    assert raised.value is boom
    assert (
        tree()
        == """\
invoke_workflow !ValueError
  node n !ValueError
    silent
    silent
    http
"""
    )


def test_a_node_without_a_run(call: Fn, line: Fn, http: Fn, tree: Fn) -> None:
    """A node that is a Runnable without a run has the run that LangGraph opens for each node."""
    node = Silent(http, lambda state: {"trail": ["n"]})

    assert call(line(("n", node)), {"trail": []}) == {"trail": ["n"]}
    assert tree() == "invoke_workflow\n  node n\n    silent\n"
