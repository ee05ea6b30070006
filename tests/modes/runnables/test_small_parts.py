"""Router, each, assign, pick and passthrough."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.runnables import RouterRunnable, RunnablePassthrough


@pytest.mark.parametrize("call", ["invoke", "stream"])
def test_a_router_has_no_run(way: Any, call: str, step: Any, tree: Callable[..., str]) -> None:
    """A router is no run of its own: only what it chose is."""
    router = RouterRunnable(runnables={"f": step("f"), "g": step("g")})
    result = getattr(way, call)(router, {"key": "g", "input": "x"})
    assert result == ("xg" if call == "invoke" else ["xg"])
    assert (
        tree()
        == """\
invoke_workflow g
  http
"""
    )


def test_a_router_in_a_batch(way: Any, step: Any, tree: Callable[..., str]) -> None:
    """Each input of a router's batch is a run of what was chosen for it."""
    router = RouterRunnable(runnables={"f": step("f"), "g": step("g")})
    assert way.batch(router, [{"key": "g", "input": "x"}, {"key": "f", "input": "y"}]) == ["xg", "yf"]
    assert (
        tree(sort=True)
        == """\
invoke_workflow f
  http
invoke_workflow g
  http
"""
    )


def test_each(way: Any, step: Any, tree: Callable[..., str]) -> None:
    """`map()` is one run with a child for each element."""
    assert way.invoke(step("f").map(), ["x", "y", "z"]) == ["xf", "yf", "zf"]
    assert (
        tree()
        == """\
invoke_workflow
  chain f
    http
  chain f
    http
  chain f
    http
"""
    )


@pytest.mark.parametrize("call", ["invoke", "stream"])
def test_assign(way: Any, call: str, step: Any, tree: Callable[..., str]) -> None:
    """`assign` runs a parallel, which runs what is assigned."""
    result = getattr(way, call)(RunnablePassthrough.assign(b=step("f")), {"a": 1})
    assert result == ({"a": 1, "b": "{'a': 1}f"} if call == "invoke" else [{"a": 1}, {"b": "{'a': 1}f"}])
    assert (
        tree()
        == """\
invoke_workflow
  chain RunnableParallel<b>
    chain f
      http
"""
    )


@pytest.mark.parametrize("call", ["invoke", "stream"])
def test_pick(way: Any, call: str, step: Any, tree: Callable[..., str]) -> None:
    """`pick` is a step like others."""
    result = getattr(way, call)(RunnablePassthrough.assign(b=step("f")).pick("b") | step("g"), {"a": 1})
    assert result == ("{'a': 1}fg" if call == "invoke" else ["{'a': 1}fg"])
    assert (
        tree()
        == """\
invoke_workflow
  chain RunnableAssign<b>
    chain RunnableParallel<b>
      chain f
        http
  chain RunnablePick<b>
  chain g
    http
"""
    )


def test_a_function_of_the_passthrough(
    way: Any, step: Any, http: Callable[..., None], tree: Callable[..., str]
) -> None:
    """LangChain calls the function of a passthrough before it starts the run: it is no body, it is the caller's."""

    async def acall(value: str) -> None:
        http("called")

    passthrough = RunnablePassthrough(lambda value: http("called"), afunc=acall)
    assert way.invoke(step("f") | passthrough, "x") == "xf"
    assert (
        tree()
        == """\
invoke_workflow
  chain f
    http
  called
  chain RunnablePassthrough
"""
    )
