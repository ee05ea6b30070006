"""Content is on, and calls come in both ways, to the end and as streams."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from callspan.testing import Recording, record


@pytest.fixture
def heard() -> Iterator[Recording]:
    """What is recorded with content on spans."""
    with record(content="span_only") as recording:
        yield recording


@pytest.fixture(params=["invoke", "ainvoke", "stream", "astream"])
def run(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Run a runnable to its end in one of the four ways; gives what came of it, of a stream its chunks."""
    form = request.param

    def run(runnable: Any, *args: Any, **kwargs: Any) -> Any:
        async def main() -> Any:
            result = getattr(runnable, form)(*args, **kwargs)
            return [chunk async for chunk in result] if form == "astream" else await result

        if form.startswith("a"):
            return asyncio.run(main())
        result = getattr(runnable, form)(*args, **kwargs)
        return list(result) if form == "stream" else result

    return run
