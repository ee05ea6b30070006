"""Tools whose body makes a span."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.tools import BaseTool, StructuredTool
from pydantic import BaseModel


class Numbers(BaseModel):
    """What is added."""

    a: int
    b: int = 1


class AddTool(BaseTool):
    """A tool that is a class.

    Args:
        body: Called wherever the tool works.
    """

    name: str = "add"
    description: str = "Adds."
    args_schema: Any = Numbers
    body: Any

    def _run(self, a: int, b: int = 1) -> int:
        self.body()
        return a + b

    async def _arun(self, a: int, b: int = 1) -> int:
        return self._run(a, b)


class AddToolInThreads(BaseTool):
    """A tool that is a class without an asynchronous body.

    Args:
        body: Called wherever the tool works.
    """

    name: str = "add"
    description: str = "Adds."
    args_schema: Any = Numbers
    body: Any

    def _run(self, a: int, b: int = 1) -> int:
        self.body()
        return a + b


@pytest.fixture
def make_tool(http: Callable[..., None]) -> Callable[..., BaseTool]:
    """Make a tool that adds, around a body: of functions, of one function, or of a class."""

    def make(how: str = "functions", body: Callable[[], Any] = http, **options: Any) -> BaseTool:
        if how.startswith("class"):
            return (AddToolInThreads if "thread" in how else AddTool)(body=body, **options)

        def add(a: int, b: int = 1) -> int:
            """Add."""
            body()
            return a + b

        async def aadd(a: int, b: int = 1) -> int:
            result = body()
            if result is not None:
                await result
            return a + b

        coroutine = None if "thread" in how else aadd
        return StructuredTool.from_function(add, coroutine=coroutine, name="add", **options)

    return make


@pytest.fixture(params=["functions", "function in threads", "class", "class in threads"])
def add(request: pytest.FixtureRequest, make_tool: Callable[..., BaseTool]) -> BaseTool:
    """A tool that adds, made in each of the ways; asynchronously two of them run in a thread."""
    return make_tool(request.param)
