"""A workflow of the program's own in each form that it has, around a body."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import callspan

Body = Callable[[], Any]


def _block(body: Body) -> None:
    with callspan.workflow("w"):
        body()


async def _ablock(body: Body) -> None:
    async with callspan.workflow("w"):
        body()


def _function(body: Body) -> None:
    @callspan.workflow("w")
    def work() -> None:
        body()

    work()


async def _coroutine(body: Body) -> None:
    @callspan.workflow("w")
    async def work() -> None:
        body()

    await work()


def _generator(body: Body) -> None:
    @callspan.workflow("w")
    def work() -> Iterator[Any]:
        yield body()

    list(work())


async def _async_generator(body: Body) -> None:
    @callspan.workflow("w")
    async def work() -> Any:
        yield body()

    async for _ in work():
        pass


FORMS: dict[str, Callable[[Body], None]] = {
    "block": _block,
    "ablock": lambda body: asyncio.run(_ablock(body)),
    "function": _function,
    "coroutine": lambda body: asyncio.run(_coroutine(body)),
    "generator": _generator,
    "async_generator": lambda body: asyncio.run(_async_generator(body)),
}
