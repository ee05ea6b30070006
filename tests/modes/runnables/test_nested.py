"""Runnables that call runnables: with a config, without one, with callbacks of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.runnables import RunnableConfig, RunnableLambda
from opentelemetry.context import get_current
from opentelemetry.trace import get_current_span

NESTED = """\
invoke_workflow f
  chain g
    http
"""


def test_a_lambda_that_returns_a_runnable(way: Any, step: Any, tree: Callable[..., str]) -> None:
    """A runnable that a body returns is run in that body's place: it hangs under its run."""
    f = RunnableLambda(lambda value: step("g"), name="f")
    assert way.invoke(f, "x") == "xg"
    assert tree() == NESTED


def test_a_returned_runnable_that_streams(way: Any, spell: Any, tree: Callable[..., str]) -> None:
    """A returned runnable streams through the run that returned it."""
    f = RunnableLambda(lambda value: spell("g"), name="f")
    assert way.stream(f, "xy") == ["x", "y"]
    assert tree() == NESTED + "    http\n"


@pytest.fixture(params=["with config", "without config", "own callbacks", "no callbacks"])
def call(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """How a body calls another runnable."""
    return {
        "with config": lambda config: config,
        "without config": lambda config: None,
        "own callbacks": lambda config: {"callbacks": [BaseCallbackHandler()]},
        "no callbacks": lambda config: {"callbacks": []},
    }[request.param]


def test_a_nested_call(way: Any, call: Any, step: Any, http: Callable[..., None], tree: Callable[..., str]) -> None:
    """A nested call hangs under the run it is made in, whatever config it is given; that run goes on behind it."""

    def f(value: str, config: RunnableConfig) -> str:
        result = step("g").invoke(value, call(config))
        http("behind")
        return str(result)

    async def af(value: str, config: RunnableConfig) -> str:
        result = await step("g").ainvoke(value, call(config))
        http("behind")
        return str(result)

    assert way.invoke(RunnableLambda(f, afunc=af), "x") == "xg"
    assert tree() == NESTED + "  behind\n"


def test_nested_three_deep(way: Any, call: Any, step: Any, tree: Callable[..., str]) -> None:
    """Each call hangs under the one that made it, at any depth."""

    def around(inner: Any, name: str) -> Any:
        def body(value: str, config: RunnableConfig) -> Any:
            return inner.invoke(value, call(config))

        async def abody(value: str, config: RunnableConfig) -> Any:
            return await inner.ainvoke(value, call(config))

        return RunnableLambda(body, afunc=abody, name=name)

    assert way.invoke(around(around(around(step("i"), "h"), "g"), "f"), "x") == "xi"
    assert (
        tree()
        == """\
invoke_workflow f
  chain g
    chain h
      chain i
        http
"""
    )


def test_a_span_of_the_user_between_two_runs(way: Any, call: Any, step: Any, recording: Any) -> None:
    """A span that the user makes in a body stands between that run and what is called in the span."""

    def f(value: str, config: RunnableConfig) -> Any:
        with recording.tracer.start_as_current_span("mine"):
            return step("g").invoke(value, call(config))

    async def af(value: str, config: RunnableConfig) -> Any:
        with recording.tracer.start_as_current_span("mine"):
            return await step("g").ainvoke(value, call(config))

    assert way.invoke(RunnableLambda(f, afunc=af), "x") == "xg"
    assert (
        recording.tree()
        == """\
invoke_workflow f
  mine
    chain g
      http
"""
    )


def test_the_outer_config_in_an_inner_body(way: Any, step: Any, tree: Callable[..., str]) -> None:
    """Where an inner body uses the outer config, LangChain's parent is an ancestor, but the call is made inside."""
    outer: list[RunnableConfig] = []

    def f(value: str, config: RunnableConfig) -> Any:
        outer.append(config)
        return g.invoke(value, config)

    async def af(value: str, config: RunnableConfig) -> Any:
        outer.append(config)
        return await g.ainvoke(value, config)

    def inner(value: str) -> Any:
        return step("h").invoke(value, outer[0])

    async def ainner(value: str) -> Any:
        return await step("h").ainvoke(value, outer[0])

    g = RunnableLambda(inner, afunc=ainner, name="g")
    assert way.invoke(RunnableLambda(f, afunc=af), "x") == "xh"
    assert (
        tree()
        == """\
invoke_workflow f
  chain g
    chain h
      http
"""
    )


def test_a_nested_call_fails_and_is_caught(way: Any, step: Any, tree: Callable[..., str]) -> None:
    """A failure that the outer body catches is the inner run's alone."""
    failing = step("g", raises=ValueError("no"))

    def f(value: str) -> str:
        with pytest.raises(ValueError, match="no"):
            failing.invoke(value)
        return "saved"

    async def af(value: str) -> str:
        with pytest.raises(ValueError, match="no"):
            await failing.ainvoke(value)
        return "saved"

    assert way.invoke(RunnableLambda(f, afunc=af), "x") == "saved"
    assert tree() == NESTED.replace("chain g", "chain g !ValueError")


def test_the_body_is_current_again_behind_a_nested_call(step: Any, recording: Any) -> None:
    """Behind a nested call, and between the steps of a nested stream, the outer body's context is the same object."""

    def f(value: str) -> None:
        before, span = get_current(), get_current_span()
        step("g").invoke(value)
        assert get_current() is before
        for _ in step("g").stream(value):
            assert get_current() is before
        assert get_current_span() is span

    RunnableLambda(f).invoke("x")
    assert recording.tree() == NESTED + NESTED.partition("\n")[2]
