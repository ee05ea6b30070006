"""Who takes the steps of a stream: any thread, any task, in any order, inside any span of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from langchain_core.runnables import RunnableBranch, RunnableGenerator, RunnableLambda
from opentelemetry.context import get_current

KINDS = ["generator", "sequence", "branch", "fallbacks"]


@pytest.fixture(params=KINDS)
def streamed(request: pytest.FixtureRequest, spell: Any) -> Any:
    """A runnable that streams its input letter by letter, in each of LangChain's ways of streaming."""
    return {
        "generator": lambda: spell("f"),
        "sequence": lambda: spell("f") | spell("g"),
        "branch": lambda: RunnableBranch((lambda value: True, spell("f")), spell("g")),
        "fallbacks": lambda: spell("f").with_fallbacks([spell("g")]),
    }[request.param]()


@pytest.fixture
def whole(streamed: Any, recording: Any) -> str:
    """The tree of the stream when one consumer reads it in one go."""
    assert list(streamed.stream("xyz")) == ["x", "y", "z"]
    text = str(recording.tree())
    recording.clear()
    return text


def test_each_step_in_another_thread(streamed: Any, whole: str, tree: Callable[..., str]) -> None:
    """Steps that are taken in one thread after another make one run, and leave no thread with our context."""
    stream = streamed.stream("xyz")

    def step() -> Any:
        before = get_current()
        try:
            return next(stream, None)
        finally:
            assert get_current() is before

    found: list[Any] = []
    for _ in range(4):
        with ThreadPoolExecutor(1) as thread:
            found.append(thread.submit(step).result())
    assert found == ["x", "y", "z", None]
    assert tree() == whole


async def test_each_step_in_another_task(streamed: Any, whole: str, tree: Callable[..., str]) -> None:
    """Steps that are taken in one task after another make one run."""
    stream = streamed.astream("xyz")

    async def step() -> Any:
        before = get_current()
        try:
            return await anext(stream, None)
        finally:
            assert get_current() is before

    assert [await asyncio.create_task(step()) for _ in range(4)] == ["x", "y", "z", None]
    assert tree() == whole


def test_a_span_of_the_consumer_around_one_step(streamed: Any, whole: str, recording: Any) -> None:
    """A span that the consumer holds around one step is neither parent nor child of anything in the stream."""
    stream = streamed.stream("xyz")
    assert next(stream) == "x"
    with recording.tracer.start_as_current_span("mine"):
        assert next(stream) == "y"
    assert list(stream) == ["z"]
    assert recording.tree(sort=True) == "".join(sorted(("mine\n", whole), reverse=whole > "mine"))
    assert recording.named("mine").parent is None


async def test_a_span_of_the_consumer_around_one_async_step(streamed: Any, whole: str, recording: Any) -> None:
    """The same, async."""
    stream = streamed.astream("xyz")
    assert await anext(stream) == "x"
    with recording.tracer.start_as_current_span("mine"):
        assert await anext(stream) == "y"
    assert [chunk async for chunk in stream] == ["z"]
    assert recording.tree() == f"{whole}mine\n"


def test_a_span_of_the_consumer_between_two_steps(streamed: Any, whole: str, recording: Any) -> None:
    """A span that the consumer makes between two steps is a root: the stream is not current there."""
    for _ in streamed.stream("xyz"):
        with recording.tracer.start_as_current_span("mine"):
            pass
    assert recording.tree() == f"{whole}mine\nmine\nmine\n"


def test_interleaved_streams(streamed: Any, whole: str, recording: Any) -> None:
    """Two streams that are read in turn are two traces, and each span is in its own."""
    pairs = list(zip(streamed.stream("xyz"), streamed.stream("xyz"), strict=True))
    assert pairs == [("x", "x"), ("y", "y"), ("z", "z")]
    assert recording.tree() == whole * 2


async def test_interleaved_async_streams(streamed: Any, whole: str, recording: Any) -> None:
    """The same, async."""
    first, second = streamed.astream("xyz"), streamed.astream("xyz")
    assert [await anext(stream, None) for _ in range(4) for stream in (first, second)] == [*"xxyyzz", None, None]
    assert recording.tree() == whole * 2


async def test_one_step_is_cancelled_elsewhere(http: Callable[..., None], tree: Callable[..., str]) -> None:
    """A step whose own task is cancelled cancels the run; the consumer goes on with its life."""
    begun = asyncio.Event()

    async def f(chunks: Any) -> Any:
        async for chunk in chunks:
            http()
            yield chunk
            begun.set()
            await asyncio.Event().wait()

    stream = RunnableGenerator(f).astream("x")
    assert await anext(stream) == "x"

    async def step() -> Any:
        return await anext(stream)

    task = asyncio.create_task(step())
    await begun.wait()
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert [chunk async for chunk in stream] == []
    assert (
        tree()
        == """\
invoke_workflow f ~cancelled
  http
"""
    )


def test_a_stream_started_in_a_body_and_read_outside(spell: Any, recording: Any) -> None:
    """A stream belongs where its first step is taken, not where it was made."""
    made = RunnableLambda(lambda value: [spell("g").stream(value)], name="f").invoke("xy")
    assert list(made[0]) == ["x", "y"]
    assert (
        recording.tree()
        == """\
invoke_workflow f
invoke_workflow g
  http
  http
"""
    )


def test_two_threads_step_two_streams(streamed: Any, whole: str, tree: Callable[..., str]) -> None:
    """Two threads that each read a stream, step by step at the same time, do not mix."""
    both = threading.Barrier(2)

    def read() -> Iterator[str]:
        for chunk in streamed.stream("xyz"):
            both.wait()
            yield chunk

    with ThreadPoolExecutor(2) as threads:
        first, second = threads.submit(lambda: list(read())), threads.submit(lambda: list(read()))
    assert first.result() == second.result() == ["x", "y", "z"]
    assert tree() == whole * 2
