"""Generators: one run from the first chunk to the last, current at each step."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from langchain_core.runnables import RunnableGenerator, RunnableLambda

ONE = """\
invoke_workflow f
  http
  http
  http
"""
TWO = """\
invoke_workflow
  chain f
    http
    http
    http
  chain g
    http
    http
    http
"""


def test_a_streamed_generator(way: Any, spell: Any, tree: Callable[..., str]) -> None:
    """A generator is one run; what it does for each chunk hangs under it."""
    assert way.stream(spell("f"), "xyz") == ["x", "y", "z"]
    assert tree() == ONE


def test_an_invoked_generator(way: Any, spell: Any, tree: Callable[..., str]) -> None:
    """Invoked, a generator is one run as well."""
    assert way.invoke(spell("f"), "xyz") == "xyz"
    assert tree() == ONE


def test_a_transformed_generator(way: Any, spell: Any, tree: Callable[..., str]) -> None:
    """Given its input in chunks, a generator is one run as well."""
    assert way.transform(spell("f"), ["xy", "z"]) == ["x", "y", "z"]
    assert tree() == ONE


@pytest.mark.parametrize("call", ["invoke", "stream"])
def test_a_sequence_of_generators(way: Any, call: str, spell: Any, tree: Callable[..., str]) -> None:
    """The second generator pulls the first, step by step, and is yet its sibling; each span is where it was made."""
    assert "".join(getattr(way, call)(spell("f") | spell("g"), "xyz")) == "xyz"
    assert tree() == TWO


def test_a_transformed_sequence(way: Any, spell: Any, tree: Callable[..., str]) -> None:
    """A sequence that gets its input in chunks is one run with one child for each step."""
    assert way.transform(spell("f") | spell("g"), ["xy", "z"]) == ["x", "y", "z"]
    assert tree() == TWO


def test_a_generator_that_raises(way: Any, spell: Any, tree: Callable[..., str]) -> None:
    """A generator that raises behind its last chunk fails, and with it the sequence that it is in."""
    error = ValueError("no")
    with pytest.raises(ValueError, match="no") as caught:
        way.stream(spell("f", raises=error) | spell("g"), "x")
    assert caught.value is error
    assert (
        tree()
        == """\
invoke_workflow !ValueError
  chain f !ValueError
    http
  chain g !ValueError
    http
"""
    )


def test_a_function_that_yields(http: Callable[..., None], way: Any, tree: Callable[..., str]) -> None:
    """A lambda of a generator function is a run around all its steps."""

    def f(value: str) -> Iterator[str]:
        for letter in value:
            http()
            yield letter

    async def af(value: str) -> AsyncIterator[str]:
        for letter in f(value):
            yield letter

    assert way.stream(RunnableLambda(f, afunc=af), "xyz") == ["x", "y", "z"]
    assert tree() == ONE


def test_a_chain_that_a_generator_calls(way: Any, step: Any, tree: Callable[..., str]) -> None:
    """A chain that a generator calls between two chunks hangs under the generator."""
    inner = step("g")

    def f(chunks: Iterator[str]) -> Iterator[str]:
        for chunk in chunks:
            yield inner.invoke(chunk)
            yield inner.invoke(chunk)

    async def af(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
        async for chunk in chunks:
            yield await inner.ainvoke(chunk)
            yield await inner.ainvoke(chunk)

    assert way.stream(RunnableGenerator(f, af, name="f"), "x") == ["xg", "xg"]
    assert (
        tree()
        == """\
invoke_workflow f
  chain g
    http
  chain g
    http
"""
    )


def test_a_stream_that_a_generator_passes_on(way: Any, spell: Any, tree: Callable[..., str]) -> None:
    """A stream that a generator consumes, and yields from, hangs under it, and so do its spans."""
    inner = spell("g")

    def f(chunks: Iterator[str]) -> Iterator[str]:
        for chunk in chunks:
            yield from inner.stream(chunk)

    async def af(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
        async for chunk in chunks:
            async for letter in inner.astream(chunk):
                yield letter

    assert way.stream(RunnableGenerator(f, af, name="f"), "xyz") == ["x", "y", "z"]
    assert (
        tree()
        == """\
invoke_workflow f
  chain g
    http
    http
    http
"""
    )
