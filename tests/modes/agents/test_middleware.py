"""Middleware around an agent: its hooks are nodes, its wrappers belong to what they wrap."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.tools import BaseTool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

middleware = pytest.importorskip("langchain.agents.middleware", reason="it came with langchain 1.0")

Fn = Callable[..., Any]

ASKED: Any = {"messages": [("user", "What is there?")]}


@pytest.fixture
def hooks(http: Fn) -> Any:
    """Middleware that makes a call to the world in each of its hooks."""

    class Hooks(middleware.AgentMiddleware):  # type: ignore[misc, name-defined]
        def before_agent(self, state: Any, runtime: Any) -> None:
            http("before agent")

        def before_model(self, state: Any, runtime: Any) -> None:
            http("before model")

        def after_model(self, state: Any, runtime: Any) -> None:
            http("after model")

        def after_agent(self, state: Any, runtime: Any) -> None:
            http("after agent")

    return Hooks()


def test_hooks(call: Fn, actor: Fn, hooks: Any, tree: Fn) -> None:
    """Each hook is a node of its own, and current in its body."""
    from langchain.agents import create_agent

    call(create_agent(actor("hello"), middleware=[hooks]), ASKED)
    assert (
        tree()
        == """\
invoke_agent
  node Hooks.before_agent
    before agent
  node Hooks.before_model
    before model
  node model
    chat actor
      http
  node Hooks.after_model
    after model
  node Hooks.after_agent
    after agent
"""
    )


def test_a_hook_that_calls_a_model(call: Fn, actor: Fn, tree: Fn) -> None:
    """A model that a hook calls hangs under the hook."""
    from langchain.agents import create_agent

    judge = actor("fine")

    @middleware.before_model
    def check(state: Any, runtime: Any) -> None:
        judge.invoke("is this fine?")

    call(create_agent(actor("hello"), middleware=[check]), ASKED)
    assert (
        tree()
        == """\
invoke_agent
  node check.before_model
    chat actor
      http
  node model
    chat actor
      http
"""
    )


@pytest.fixture
def wrappers(http: Fn) -> Any:
    """Middleware that makes a call to the world before and after each model and tool."""

    class Wrappers(middleware.AgentMiddleware):  # type: ignore[misc, name-defined]
        def wrap_model_call(self, request: Any, handler: Fn) -> Any:
            http("around model")
            answer = handler(request)
            http("around model")
            return answer

        async def awrap_model_call(self, request: Any, handler: Fn) -> Any:
            http("around model")
            answer = await handler(request)
            http("around model")
            return answer

        def wrap_tool_call(self, request: Any, handler: Fn) -> Any:
            http("around tool")
            answer = handler(request)
            http("around tool")
            return answer

        async def awrap_tool_call(self, request: Any, handler: Fn) -> Any:
            http("around tool")
            answer = await handler(request)
            http("around tool")
            return answer

    return Wrappers()


def test_wrappers(call: Fn, actor: Fn, look: BaseTool, wrappers: Any, tree: Fn) -> None:
    """A wrapper has no run: what it does belongs to the node, before and after what it wraps."""
    from langchain.agents import create_agent

    call(create_agent(actor(["look"], "a tree"), [look], middleware=[wrappers]), ASKED)
    model = """\
  node model
    around model
    chat actor
      http
    around model
"""
    assert tree() == (
        f"""\
invoke_agent
{model}\
  node tools
    around tool
    execute_tool look
      http
    around tool
{model}"""
    )


def test_a_wrapper_that_tries_again(call: Fn, actor: Fn, tree: Fn) -> None:
    """Each attempt that a wrapper makes is a model run of the node."""
    from langchain.agents import create_agent

    class Twice(middleware.AgentMiddleware):  # type: ignore[misc, name-defined]
        def wrap_model_call(self, request: Any, handler: Fn) -> Any:
            handler(request)
            return handler(request)

        async def awrap_model_call(self, request: Any, handler: Fn) -> Any:
            await handler(request)
            return await handler(request)

    call(create_agent(actor("hello"), middleware=[Twice()]), ASKED)
    attempt = "    chat actor\n      http\n"
    assert tree() == f"invoke_agent\n  node model\n{attempt}{attempt}"


def test_a_hook_that_ends_the_agent(call: Fn, actor: Fn, tree: Fn) -> None:
    """A hook that jumps to the end keeps the model from being called."""
    from langchain.agents import create_agent

    @middleware.before_model(can_jump_to=["end"])
    def stop(state: Any, runtime: Any) -> Any:
        return {"jump_to": "end"}

    call(create_agent(actor("never"), middleware=[stop]), ASKED)
    lines = tree().splitlines()
    assert lines[:2] == ["invoke_agent", "  node stop.before_model"]
    assert not any("chat" in line for line in lines)


def test_a_human_in_the_loop(call: Fn, actor: Fn, look: BaseTool, tree: Fn) -> None:
    """An agent that asks a human before a tool pauses; approved, it goes on as another root."""
    from langchain.agents import create_agent

    approval = middleware.HumanInTheLoopMiddleware(interrupt_on={"look": True})
    agent = create_agent(actor(["look"], "a tree"), [look], middleware=[approval], checkpointer=InMemorySaver())
    config = {"configurable": {"thread_id": "1"}}

    assert "__interrupt__" in call(agent, ASKED, config)
    answer = call(agent, Command(resume={"decisions": [{"type": "approve"}]}), config)
    assert answer["messages"][-1].content == "a tree"
    assert (
        tree()
        == """\
invoke_agent ~paused
  node model
    chat actor
      http
  node HumanInTheLoopMiddleware.after_model ~paused
invoke_agent
  node HumanInTheLoopMiddleware.after_model
  node tools
    execute_tool look
      http
  node model
    chat actor
      http
  node HumanInTheLoopMiddleware.after_model
"""
    )
