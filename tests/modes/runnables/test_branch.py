"""A branch: the conditions it asks and the one branch it takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.runnables import RunnableBranch, RunnableLambda


@pytest.fixture
def branch(http: Callable[..., None], step: Any) -> RunnableBranch[Any, Any]:
    """A branch with two conditions and a default."""

    def condition(name: str) -> Any:
        def body(value: str) -> bool:
            http()
            return value == name

        async def abody(value: str) -> bool:
            return body(value)

        return RunnableLambda(body, afunc=abody, name=f"is_{name}")

    return RunnableBranch((condition("x"), step("f")), (condition("y"), step("g")), step("h"))


HIT = """\
invoke_workflow
  chain is_x
    http
  chain f
    http
"""
SECOND = """\
invoke_workflow
  chain is_x
    http
  chain is_y
    http
  chain g
    http
"""
DEFAULT = """\
invoke_workflow
  chain is_x
    http
  chain is_y
    http
  chain h
    http
"""


@pytest.mark.parametrize(
    ("value", "result", "expected"),
    [("x", "xf", HIT), ("y", "yg", SECOND), ("z", "zh", DEFAULT)],
    ids=["hit", "second", "default"],
)
@pytest.mark.parametrize("call", ["invoke", "stream"])
def test_conditions_and_the_branch_taken(
    way: Any, call: str, value: str, result: str, expected: str, branch: Any, tree: Callable[..., str]
) -> None:
    """The conditions that were asked and the branch that was taken are the children; the others never start."""
    assert getattr(way, call)(branch, value) == (result if call == "invoke" else [result])
    assert tree() == expected


@pytest.mark.parametrize("call", ["invoke", "stream"])
def test_a_branch_that_raises(way: Any, call: str, step: Any, tree: Callable[..., str]) -> None:
    """The branch taken raises: it fails, and the run around it with it, by the same object."""
    error = ValueError("no")
    branch = RunnableBranch((lambda value: True, step("f", raises=error)), step("h"))
    with pytest.raises(ValueError, match="no") as caught:
        getattr(way, call)(branch, "x")
    assert caught.value is error
    assert (
        tree()
        == """\
invoke_workflow !ValueError
  chain RunnableLambda
  chain f !ValueError
    http
"""
    )


@pytest.mark.parametrize("call", ["invoke", "stream"])
def test_a_condition_that_raises(way: Any, call: str, step: Any, tree: Callable[..., str]) -> None:
    """A condition that raises fails the run around it, and no branch starts."""
    with pytest.raises(ValueError, match="no"):
        getattr(way, call)(RunnableBranch((step("is_x", raises=ValueError("no")), step("f")), step("h")), "x")
    assert (
        tree()
        == """\
invoke_workflow !ValueError
  chain is_x !ValueError
    http
"""
    )


def test_a_branch_of_generators(way: Any, spell: Any, tree: Callable[..., str]) -> None:
    """A branch that streams gives its chunks one by one, and is current at each of them."""
    branch = RunnableBranch((lambda value: True, spell("f")), spell("h"))
    assert way.stream(branch, "xyz") == ["x", "y", "z"]
    assert (
        tree()
        == """\
invoke_workflow
  chain RunnableLambda
  chain f
    http
    http
    http
"""
    )
