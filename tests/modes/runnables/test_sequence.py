"""A sequence: its steps are its children, one after another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.runnables import RunnableLambda, RunnablePassthrough


def test_the_steps_hang_under_the_sequence(way: Any, step: Any, tree: Callable[..., str]) -> None:
    """Each step of a sequence is a child of it; without a name of the user's the sequence has none."""
    assert way.invoke(step("f") | step("g"), "x") == "xfg"
    assert (
        tree()
        == """\
invoke_workflow
  chain f
    http
  chain g
    http
"""
    )


def test_a_sequence_in_a_sequence(way: Any, step: Any, tree: Callable[..., str]) -> None:
    """A sequence that is a step keeps its own span, under LangChain's name for it."""
    inner = (step("f") | step("g")).with_config(run_name="inner")
    assert way.invoke(inner | step("h"), "x", {"run_name": "outer"}) == "xfgh"
    assert (
        tree()
        == """\
invoke_workflow outer
  chain inner
    chain f
      http
    chain g
      http
  chain h
    http
"""
    )


@pytest.mark.parametrize("call", ["invoke", "stream"])
def test_a_step_fails_in_the_middle(way: Any, call: str, step: Any, tree: Callable[..., str]) -> None:
    """A step that raises fails, and the sequence with it; the steps behind it never start."""
    error = ValueError("no")
    with pytest.raises(ValueError, match="no") as caught:
        getattr(way, call)(step("f") | step("g", raises=error) | step("h"), "x")
    assert caught.value is error
    assert (
        tree()
        == """\
invoke_workflow !ValueError
  chain f
    http
  chain g !ValueError
    http
"""
    )


def test_a_streamed_sequence_of_lambdas(way: Any, step: Any, tree: Callable[..., str]) -> None:
    """Lambdas in a streamed sequence are its children, not each other's, although the last one pulls the first."""
    assert way.stream(step("f") | step("g") | step("h"), "x") == ["xfgh"]
    assert (
        tree()
        == """\
invoke_workflow
  chain f
    http
  chain g
    http
  chain h
    http
"""
    )


def test_a_dict_in_a_sequence(way: Any, step: Any, tree: Callable[..., str]) -> None:
    """A dict becomes a parallel, a function a lambda, and a passthrough is a run like others."""
    sequence = step("f") | {"a": step("a"), "b": RunnablePassthrough()} | RunnableLambda(lambda found: found["a"])
    assert way.invoke(sequence, "x") == "xfa"
    assert (
        tree(sort=True)
        == """\
invoke_workflow
  chain RunnableLambda
  chain RunnableParallel<a,b>
    chain RunnablePassthrough
    chain a
      http
  chain f
    http
"""
    )
