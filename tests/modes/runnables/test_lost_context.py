"""Where a body hands work to other threads and tasks, with its context, with its config, or with nothing."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from langchain_core.runnables import RunnableConfig, RunnableLambda
from opentelemetry.context import Context, attach, detach, get_current

TWO = """\
invoke_workflow f
  chain g
    http
  chain g
    http
"""


def test_a_thread_pool_with_the_config(step: Any, tree: Callable[..., str]) -> None:
    """A plain thread pool loses the context, but the config tells the parent."""

    def f(values: list[str], config: RunnableConfig) -> list[Any]:
        with ThreadPoolExecutor(2) as pool:
            return list(pool.map(lambda value: step("g").invoke(value, config), values))

    assert RunnableLambda(f).invoke(["x", "y"]) == ["xg", "yg"]
    assert tree() == TWO


def test_a_thread_pool_with_nothing(step: Any, tree: Callable[..., str]) -> None:
    """Without context and config nothing tells the parent: a trace of its own."""

    def f(value: str) -> Any:
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(step("g").invoke, value).result()

    assert RunnableLambda(f).invoke("x") == "xg"
    assert (
        tree()
        == """\
invoke_workflow f
invoke_workflow g
  http
"""
    )


def test_a_thread_with_a_copied_context(step: Any, tree: Callable[..., str]) -> None:
    """A thread that is given a copy of the context is inside the body."""

    def f(value: str) -> None:
        thread = threading.Thread(target=contextvars.copy_context().run, args=(step("g").invoke, value))
        thread.start()
        thread.join()

    RunnableLambda(f).invoke("x")
    assert tree() == TWO.replace("  chain g\n    http\n", "", 1)


async def test_asyncio_to_thread(step: Any, tree: Callable[..., str]) -> None:
    """`asyncio.to_thread` takes the context along."""

    async def f(value: str, config: RunnableConfig) -> list[Any]:
        return [
            await asyncio.to_thread(step("g").invoke, value),
            await asyncio.to_thread(step("g").invoke, value, config),
        ]

    assert await RunnableLambda(f).ainvoke("x") == ["xg", "xg"]
    assert tree() == TWO


async def test_an_executor_of_the_loop(step: Any, tree: Callable[..., str]) -> None:
    """`loop.run_in_executor` loses the context; the config tells the parent."""

    async def f(value: str, config: RunnableConfig) -> Any:
        return await asyncio.get_running_loop().run_in_executor(None, step("g").invoke, value, config)

    assert await RunnableLambda(f).ainvoke("x") == "xg"
    assert tree() == TWO.replace("  chain g\n    http\n", "", 1)


async def test_tasks_of_a_body(step: Any, tree: Callable[..., str]) -> None:
    """Tasks that a body makes and gathers are inside it, whether or not they get its config."""

    async def f(value: str, config: RunnableConfig) -> list[Any]:
        return await asyncio.gather(step("g").ainvoke(value), step("g").ainvoke(value, config))

    assert await RunnableLambda(f).ainvoke("x") == ["xg", "xg"]
    assert tree() == TWO


async def test_a_task_that_outlives_the_body(step: Any, tree: Callable[..., str]) -> None:
    """A task that a body leaves behind still hangs under its run, although that has ended."""
    go_on, tasks = asyncio.Event(), []

    async def later(value: str, config: RunnableConfig | None) -> Any:
        await go_on.wait()
        return await step("g").ainvoke(value, config)

    async def f(value: str, config: RunnableConfig) -> str:
        tasks.extend(asyncio.create_task(later(value, given)) for given in (None, config))
        return value

    assert await RunnableLambda(f).ainvoke("x") == "x"
    assert tree() == "invoke_workflow f\n"
    go_on.set()
    assert await asyncio.gather(*tasks) == ["xg", "xg"]
    assert tree() == TWO


def test_a_config_that_outlives_its_run(step: Any, tree: Callable[..., str]) -> None:
    """The config of a run that has ended tells the parent still, where the context is lost too."""
    kept: list[RunnableConfig] = []
    RunnableLambda(lambda value, config: kept.append(config), name="f").invoke("x")
    assert step("g").invoke("x", kept[0]) == "xg"
    assert (
        tree()
        == """\
invoke_workflow f
  chain g
    http
"""
    )


def test_a_body_that_clears_the_context(way: Any, step: Any, tree: Callable[..., str]) -> None:
    """In a body that put an empty OpenTelemetry context in place, LangChain's parent is still found."""

    def f(value: str) -> Any:
        token = attach(Context())
        try:
            return step("g").invoke(value)
        finally:
            detach(token)

    async def af(value: str) -> Any:
        token = attach(Context())
        try:
            return await step("g").ainvoke(value)
        finally:
            detach(token)

    assert way.invoke(RunnableLambda(f, afunc=af), "x") == "xg"
    assert tree() == TWO.replace("  chain g\n    http\n", "", 1)


def test_a_body_that_leaves_a_context_in_place(way: Any, step: Any, tree: Callable[..., str]) -> None:
    """What a body attaches and never detaches stays in the body."""

    def f(value: str) -> str:
        attach(Context({"mine": value}))
        return value

    async def af(value: str) -> str:
        return f(value)

    before = get_current()
    assert way.invoke(RunnableLambda(f, afunc=af) | step("g"), "x") == "xg"
    assert get_current() is before
    assert (
        tree()
        == """\
invoke_workflow
  chain f
  chain g
    http
"""
    )
