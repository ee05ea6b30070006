"""How a stream may end early: closed, dropped, broken off, thrown into; and one that never begins."""

from __future__ import annotations

import asyncio
import gc
import inspect
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.runnables import RunnableBranch
from opentelemetry.context import get_current

CLOSED = """\
invoke_workflow f ~closed
  http
"""


async def settled() -> None:
    """Let the event loop finish the generators that nobody holds any longer, however deep they stand."""
    gc.collect()
    for _ in range(50):
        await asyncio.sleep(0)


def test_a_stream_is_a_generator(spell: Any, recording: Any) -> None:
    """What `stream` and `astream` give is what LangChain gives: generators, sync and async."""
    for streamed in (spell("f"), spell("f") | spell("g"), RunnableBranch((lambda value: True, spell("f")), spell("g"))):
        assert inspect.isgenerator(streamed.stream("x"))
        assert inspect.isasyncgen(streamed.astream("x"))


def test_closed(spell: Any, tree: Callable[..., str]) -> None:
    """A stream that its consumer closes ends as closed; what is behind the last chunk never runs."""
    stream = spell("f").stream("xyz")
    assert next(stream) == "x"
    before = get_current()
    stream.close()
    assert get_current() is before
    assert tree() == CLOSED
    assert list(stream) == []


async def test_aclosed(spell: Any, tree: Callable[..., str]) -> None:
    """An async stream that its consumer closes ends as closed."""
    stream = spell("f").astream("xyz")
    assert await anext(stream) == "x"
    before = get_current()
    await stream.aclose()
    assert get_current() is before
    assert tree() == CLOSED
    assert [chunk async for chunk in stream] == []


def test_a_sequence_closed(spell: Any, tree: Callable[..., str]) -> None:
    """A sequence that is closed is closed with its last step; LangChain itself reads the step before to its end."""
    stream = (spell("f") | spell("g")).stream("xyz")
    assert next(stream) == "x"
    stream.close()
    del stream
    assert (
        tree()
        == """\
invoke_workflow ~closed
  chain f
    http
    http
    http
  chain g ~closed
    http
"""
    )


async def test_a_sequence_aclosed(spell: Any, tree: Callable[..., str]) -> None:
    """In an async sequence that is closed each step is closed; LangChain leaves that to the event loop."""
    stream = (spell("f") | spell("g")).astream("xyz")
    assert await anext(stream) == "x"
    await stream.aclose()
    del stream
    await settled()
    assert (
        tree()
        == """\
invoke_workflow ~closed
  chain f ~closed
    http
  chain g ~closed
    http
"""
    )


def test_dropped(spell: Any, tree: Callable[..., str]) -> None:
    """A stream that nobody holds any longer ends as closed, at once."""
    stream = spell("f").stream("xyz")
    assert next(stream) == "x"
    before = get_current()
    del stream
    assert get_current() is before
    assert tree() == CLOSED


async def test_dropped_async(spell: Any, tree: Callable[..., str]) -> None:
    """An async stream that nobody holds any longer ends as closed, as soon as the event loop gets to it."""
    stream = spell("f").astream("xyz")
    assert await anext(stream) == "x"
    before = get_current()
    del stream
    await settled()
    assert get_current() is before
    assert tree() == CLOSED


def test_left_open_until_the_loop_ends(spell: Any, tree: Callable[..., str]) -> None:
    """An async stream that is left in the middle is closed by the event loop's own end, without a complaint."""
    kept: list[Any] = []

    async def main() -> None:
        kept.append(spell("f").astream("xyz"))
        assert await anext(kept[0]) == "x"

    asyncio.run(main())
    assert tree() == CLOSED


def test_left_by_break(spell: Any, tree: Callable[..., str]) -> None:
    """A loop that is left in the middle leaves a closed stream."""
    for chunk in spell("f").stream("xyz"):
        assert chunk == "x"
        break
    assert tree() == CLOSED


def test_never_started(spell: Any, tree: Callable[..., str]) -> None:
    """A stream that is never read is no run, closed or not."""
    (spell("f") | spell("g")).stream("xyz").close()
    spell("f").stream("xyz")
    assert tree() == ""


async def test_never_started_async(spell: Any, tree: Callable[..., str]) -> None:
    """An async stream that is never read is no run, closed or not."""
    await (spell("f") | spell("g")).astream("xyz").aclose()
    spell("f").astream("xyz")
    await settled()
    assert tree() == ""


def test_thrown_into(spell: Any, tree: Callable[..., str]) -> None:
    """An exception that is thrown into a stream comes out again as the same object, and the run failed by it."""
    stream, error = spell("f").stream("xyz"), ValueError("mine")
    assert next(stream) == "x"
    before = get_current()
    with pytest.raises(ValueError, match="mine") as caught:
        stream.throw(error)
    assert caught.value is error
    assert get_current() is before
    assert (
        tree()
        == """\
invoke_workflow f !ValueError
  http
"""
    )


async def test_thrown_into_async(spell: Any, tree: Callable[..., str]) -> None:
    """An exception that is thrown into an async stream comes out again, and the run failed by it."""
    stream, error = spell("f").astream("xyz"), ValueError("mine")
    assert await anext(stream) == "x"
    before = get_current()
    with pytest.raises(ValueError, match="mine") as caught:
        await stream.athrow(error)
    assert caught.value is error
    assert get_current() is before
    assert (
        tree()
        == """\
invoke_workflow f !ValueError
  http
"""
    )


@pytest.mark.parametrize("kind", ["branch", "fallbacks"])
def test_a_scope_closed(kind: str, spell: Any, tree: Callable[..., str]) -> None:
    """A branch and a fallback whose stream is closed are closed, and what streams in them too."""
    streamed = {
        "branch": RunnableBranch((lambda value: True, spell("f")), spell("g")),
        "fallbacks": spell("f").with_fallbacks([spell("g")]),
    }[kind]
    stream = streamed.stream("xyz")
    assert next(stream) == "x"
    before = get_current()
    stream.close()
    del stream
    assert get_current() is before
    condition = "  chain RunnableLambda\n" if kind == "branch" else ""
    assert tree() == f"invoke_workflow ~closed\n{condition}  chain f ~closed\n    http\n"


@pytest.mark.parametrize("kind", ["branch", "fallbacks"])
async def test_a_scope_aclosed(kind: str, spell: Any, tree: Callable[..., str]) -> None:
    """The same, async."""
    streamed = {
        "branch": RunnableBranch((lambda value: True, spell("f")), spell("g")),
        "fallbacks": spell("f").with_fallbacks([spell("g")]),
    }[kind]
    stream = streamed.astream("xyz")
    assert await anext(stream) == "x"
    before = get_current()
    await stream.aclose()
    del stream
    await settled()
    assert get_current() is before
    condition = "  chain RunnableLambda\n" if kind == "branch" else ""
    assert tree() == f"invoke_workflow ~closed\n{condition}  chain f ~closed\n    http\n"
