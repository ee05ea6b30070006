"""Fallbacks: what was tried are the children of the run that tries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


@pytest.mark.parametrize("call", ["invoke", "stream"])
def test_the_first_suffices(way: Any, call: str, step: Any, tree: Callable[..., str]) -> None:
    """What succeeds at once needs no fallback."""
    result = getattr(way, call)(step("f").with_fallbacks([step("g")]), "x")
    assert result == ("xf" if call == "invoke" else ["xf"])
    assert (
        tree()
        == """\
invoke_workflow
  chain f
    http
"""
    )


@pytest.mark.parametrize("call", ["invoke", "stream"])
def test_a_fallback(way: Any, call: str, step: Any, tree: Callable[..., str]) -> None:
    """What failed is an error, its fallback and the run around them are none."""
    result = getattr(way, call)(step("f", raises=ValueError("no")).with_fallbacks([step("g")]), "x")
    assert result == ("xg" if call == "invoke" else ["xg"])
    assert (
        tree()
        == """\
invoke_workflow
  chain f !ValueError
    http
  chain g
    http
"""
    )


@pytest.mark.parametrize("call", ["invoke", "stream"])
def test_all_fail(way: Any, call: str, step: Any, tree: Callable[..., str]) -> None:
    """When all fail, the first one's exception is the caller's, and the run around them fails by it."""
    first = ValueError("first")
    fallbacks = step("f", raises=first).with_fallbacks([step("g", raises=KeyError("second"))])
    with pytest.raises(ValueError, match="first") as caught:
        getattr(way, call)(fallbacks, "x")
    assert caught.value is first
    assert (
        tree()
        == """\
invoke_workflow !ValueError
  chain f !ValueError
    http
  chain g !KeyError
    http
"""
    )


def test_what_is_not_handled(way: Any, step: Any, tree: Callable[..., str]) -> None:
    """An exception that the fallbacks do not handle goes through, and none of them starts."""
    fallbacks = step("f", raises=ValueError("no")).with_fallbacks([step("g")], exceptions_to_handle=(KeyError,))
    with pytest.raises(ValueError, match="no"):
        way.invoke(fallbacks, "x")
    assert (
        tree()
        == """\
invoke_workflow !ValueError
  chain f !ValueError
    http
"""
    )


def test_a_stream_that_fails_later(way: Any, spell: Any, step: Any, tree: Callable[..., str]) -> None:
    """Behind the first chunk there is no fallback: the stream fails, and each of its chunks was made in its run."""
    with pytest.raises(ValueError, match="no"):
        way.stream(spell("f", raises=ValueError("no")).with_fallbacks([step("g")]), "xy")
    assert (
        tree()
        == """\
invoke_workflow !ValueError
  chain f !ValueError
    http
    http
"""
    )


def test_a_batch(way: Any, step: Any, tree: Callable[..., str]) -> None:
    """Each input of a batch has a run of its own, with what was tried for it."""
    assert way.batch(step("f", raises=ValueError("no")).with_fallbacks([step("g")]), ["x", "y"]) == ["xg", "yg"]
    each = """\
invoke_workflow
  chain f !ValueError
    http
  chain g
    http
"""
    assert tree() == each * 2


def test_a_batch_that_fails(way: Any, step: Any, tree: Callable[..., str]) -> None:
    """When nothing helps an input, LangChain raises for the whole batch, and each run ends."""
    fallbacks = step("f", raises=ValueError("no")).with_fallbacks([step("g", raises=KeyError("no"))])
    results = way.batch(fallbacks, ["x", "y"], return_exceptions=True)
    assert [type(result) for result in results] == [KeyError, KeyError]
    each = """\
invoke_workflow !KeyError
  chain f !ValueError
    http
  chain g !KeyError
    http
"""
    assert tree() == each * 2
