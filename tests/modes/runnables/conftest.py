"""Runnables whose bodies make a span of their own, and the two ways of calling them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from langchain_core.runnables import Runnable, RunnableGenerator, RunnableLambda
from opentelemetry.context import get_current


class Way:
    """Calls runnables synchronously or asynchronously; the caller's context is the same object at every step."""

    def __init__(self, *, is_async: bool) -> None:
        self.is_async = is_async

    def invoke(self, runnable: Runnable[Any, Any], *args: Any, **kwargs: Any) -> Any:
        """Call `invoke` or `ainvoke`."""
        return self._call(runnable, "invoke", args, kwargs)

    def batch(self, runnable: Runnable[Any, Any], *args: Any, **kwargs: Any) -> list[Any]:
        """Call `batch` or `abatch`."""
        return self._call(runnable, "batch", args, kwargs)

    def batch_as_completed(self, runnable: Runnable[Any, Any], *args: Any, **kwargs: Any) -> list[Any]:
        """Read `batch_as_completed` or `abatch_as_completed` to its end."""
        return self._iterate(runnable, "batch_as_completed", args, kwargs)

    def stream(self, runnable: Runnable[Any, Any], *args: Any, **kwargs: Any) -> list[Any]:
        """Read `stream` or `astream` to its end."""
        return self._iterate(runnable, "stream", args, kwargs)

    def transform(self, runnable: Runnable[Any, Any], chunks: list[Any]) -> list[Any]:
        """Read `transform` or `atransform` to its end."""

        async def given() -> AsyncIterator[Any]:
            for chunk in chunks:
                yield chunk

        return self._iterate(runnable, "transform", (given() if self.is_async else iter(chunks),), {})

    def _call(self, runnable: Any, method: str, args: Any, kwargs: Any) -> Any:
        async def awaited() -> Any:
            before = get_current()
            try:
                return await getattr(runnable, f"a{method}")(*args, **kwargs)
            finally:
                assert get_current() is before

        if self.is_async:
            return asyncio.run(awaited())
        before = get_current()
        try:
            return getattr(runnable, method)(*args, **kwargs)
        finally:
            assert get_current() is before

    def _iterate(self, runnable: Any, method: str, args: Any, kwargs: Any) -> list[Any]:
        async def iterated() -> list[Any]:
            before, chunks = get_current(), []
            try:
                async for chunk in getattr(runnable, f"a{method}")(*args, **kwargs):
                    assert get_current() is before
                    chunks.append(chunk)
            finally:
                assert get_current() is before
            return chunks

        if self.is_async:
            return asyncio.run(iterated())
        before, chunks = get_current(), []
        try:
            for chunk in getattr(runnable, method)(*args, **kwargs):
                assert get_current() is before
                chunks.append(chunk)
        finally:
            assert get_current() is before
        return chunks


@pytest.fixture(params=["sync", "async"])
def way(request: pytest.FixtureRequest) -> Way:
    """Sync and async: the test runs once with each."""
    return Way(is_async=request.param == "async")


@pytest.fixture
def step(http: Callable[..., None]) -> Callable[..., RunnableLambda[Any, Any]]:
    """Make a lambda of this name, for both ways: it makes a span, then raises or adds its name to its input."""

    def make(name: str, *, raises: BaseException | None = None) -> RunnableLambda[Any, Any]:
        def body(value: Any) -> Any:
            http()
            if raises is not None:
                raise raises
            return f"{value}{name}"

        async def abody(value: Any) -> Any:
            return body(value)

        return RunnableLambda(body, afunc=abody, name=name)

    return make


@pytest.fixture
def spell(http: Callable[..., None]) -> Callable[..., RunnableGenerator[Any, Any]]:
    """Make a generator of this name, for both ways: it yields its input letter by letter, a span before each."""

    def make(name: str, *, raises: BaseException | None = None) -> RunnableGenerator[Any, Any]:
        def body(chunks: Iterator[str]) -> Iterator[str]:
            for chunk in chunks:
                for letter in chunk:
                    http()
                    yield letter
            if raises is not None:
                raise raises

        async def abody(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
            async for chunk in chunks:
                for letter in chunk:
                    http()
                    yield letter
            if raises is not None:
                raise raises

        return RunnableGenerator(body, abody, name=name)

    return make
