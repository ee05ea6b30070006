"""A call and a stream, each the sync and the async way; what was said is valid in all modes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from opentelemetry.context import get_current
from tests.content.schemas import all_faults

from callspan.testing import Recording, record


@pytest.fixture
def recording(request: pytest.FixtureRequest) -> Iterator[Recording]:
    """As everywhere, but with content on: whatever is said in any mode is what the conventions' schemas ask for.

    A test marked `without_content` is about a span that says nothing of it.
    """
    off = request.node.get_closest_marker("without_content") is not None
    with record(**{"content": "no_content" if off else "span_only", **getattr(request, "param", {})}) as recording:
        yield recording
        assert all_faults(recording.spans) == []


def _same_context(call: Callable[[], Any]) -> Any:
    before = get_current()
    try:
        return call()
    finally:
        assert get_current() is before


@pytest.fixture(params=["invoke", "ainvoke"])
def call(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Call a runnable to its end, the sync way and the async way; the caller's context stays as it was."""

    def sync(runnable: Any, *args: Any, **kwargs: Any) -> Any:
        return _same_context(lambda: runnable.invoke(*args, **kwargs))

    def through_loop(runnable: Any, *args: Any, **kwargs: Any) -> Any:
        async def main() -> Any:
            before = get_current()
            try:
                return await runnable.ainvoke(*args, **kwargs)
            finally:
                assert get_current() is before

        return _same_context(lambda: asyncio.run(main()))

    return sync if request.param == "invoke" else through_loop


@pytest.fixture(params=["stream", "astream"])
def stream(request: pytest.FixtureRequest) -> Callable[..., list[Any]]:
    """Stream a runnable to its end; between two steps the consumer's context is the very object it was."""

    def sync(runnable: Any, *args: Any, **kwargs: Any) -> list[Any]:
        before, chunks = get_current(), []
        for chunk in runnable.stream(*args, **kwargs):
            assert get_current() is before
            chunks.append(chunk)
        assert get_current() is before
        return chunks

    def through_loop(runnable: Any, *args: Any, **kwargs: Any) -> list[Any]:
        async def main() -> list[Any]:
            before, chunks = get_current(), []
            async for chunk in runnable.astream(*args, **kwargs):
                assert get_current() is before
                chunks.append(chunk)
            assert get_current() is before
            return chunks

        return _same_context(lambda: asyncio.run(main()))

    return sync if request.param == "stream" else through_loop
