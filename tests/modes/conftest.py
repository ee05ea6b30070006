"""A call to the end and a stream to the end, each the sync way and the async way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.context import get_current


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
