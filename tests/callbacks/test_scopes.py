"""Who hears what by which door, however the work gets to another thread, task or generator."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

import pytest
from langchain_core.runnables import RunnableConfig, RunnableGenerator, RunnableLambda, RunnableParallel
from tests.callbacks.recorder import Recorder, started

import callspan
from callspan.core import state
from callspan.testing import record

Fn = Callable[..., Any]

inner: Any = RunnableLambda(lambda value: value, name="inner")


def same_thread(value: Any, config: RunnableConfig) -> Any:
    return inner.invoke(value)


def langchains_threads(value: Any, config: RunnableConfig) -> Any:
    return inner.batch([value, value])


def langchains_parallel(value: Any, config: RunnableConfig) -> Any:
    return RunnableParallel(a=inner, b=inner).with_config(run_name="both").invoke(value)


def pool_with_the_config(value: Any, config: RunnableConfig) -> Any:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(inner.invoke, value, config).result()


def pool_with_nothing(value: Any, config: RunnableConfig) -> Any:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(inner.invoke, value).result()


def raw_thread(value: Any, config: RunnableConfig) -> Any:
    thread = threading.Thread(target=inner.invoke, args=(value,))
    thread.start()
    thread.join()


def thread_with_the_context(value: Any, config: RunnableConfig) -> Any:
    thread = threading.Thread(target=copy_context().run, args=(inner.invoke, value))
    thread.start()
    thread.join()


async def awaited(value: Any, config: RunnableConfig) -> Any:
    return await inner.ainvoke(value)


async def task(value: Any, config: RunnableConfig) -> Any:
    return await asyncio.create_task(inner.ainvoke(value))


async def gather(value: Any, config: RunnableConfig) -> Any:
    return await asyncio.gather(inner.ainvoke(value), inner.ainvoke(value))


async def to_thread(value: Any, config: RunnableConfig) -> Any:
    return await asyncio.to_thread(inner.invoke, value)


async def loops_pool_with_the_config(value: Any, config: RunnableConfig) -> Any:
    return await asyncio.get_running_loop().run_in_executor(None, inner.invoke, value, config)


async def loops_pool_with_nothing(value: Any, config: RunnableConfig) -> Any:
    return await asyncio.get_running_loop().run_in_executor(None, inner.invoke, value)


WAYS: dict[Fn, list[str]] = {
    same_thread: ["outer", "inner"],
    langchains_threads: ["outer", "inner", "inner"],
    langchains_parallel: ["outer", "both", "inner", "inner"],
    pool_with_the_config: ["outer", "inner"],
    thread_with_the_context: ["outer", "inner"],
    awaited: ["outer", "inner"],
    task: ["outer", "inner"],
    gather: ["outer", "inner", "inner"],
    to_thread: ["outer", "inner"],
    loops_pool_with_the_config: ["outer", "inner"],
}
"""Where the context gets to, or at least the config: every door that hears the outer run hears the inner ones."""

LOST: tuple[Fn, ...] = (pool_with_nothing, raw_thread, loops_pool_with_nothing)
"""Where nothing gets to: only who hears the whole process hears the inner run."""


def call_outer(way: Fn, config: Any = None, *, by_object: Any = ()) -> None:
    """Call a lambda that calls `inner` in this way."""
    if asyncio.iscoroutinefunction(way):
        outer: Any = RunnableLambda(lambda value: value, way, name="outer")
    else:
        outer = RunnableLambda(way, name="outer")
    if by_object:
        outer = outer.with_config(callbacks=by_object)
    if asyncio.iscoroutinefunction(way):
        asyncio.run(outer.ainvoke("x", config))
    else:
        outer.invoke("x", config)


def by_instrument(callback: Any, way: Fn) -> None:
    with record(callbacks=[callback]):
        call_outer(way)


def by_add_callback(callback: Any, way: Fn) -> None:
    with record():
        undo = callspan.add_callback(callback)
        call_outer(way)
        undo()
        call_outer(way)


def by_provider(callback: Any, way: Fn) -> None:
    with record() as recording:
        recording.provider.add_span_processor(callback)
        call_outer(way)


def by_block(callback: Any, way: Fn) -> None:
    with record():
        with callspan.callbacks(callback):
            call_outer(way)
        call_outer(way)


def by_block_outside_of_a_run(callback: Any, way: Fn) -> None:
    """The block is put around all that is instrumented, before anything is."""
    state.first_time("idle callspan.callbacks")  # that nothing is instrumented yet is said already
    with callspan.callbacks(callback), record():
        call_outer(way)


def by_call(callback: Any, way: Fn) -> None:
    with record():
        call_outer(way, {"callbacks": [callback]})
        call_outer(way)


def by_object(callback: Any, way: Fn) -> None:
    with record():
        call_outer(way, by_object=[callback])
        call_outer(way)


def by_all(callback: Any, way: Fn) -> None:
    """Every door at once."""
    with record(callbacks=[callback]) as recording:
        recording.provider.add_span_processor(callback)
        undo = callspan.add_callback(callback)
        with callspan.callbacks(callback, callback), callspan.callbacks(callback):
            call_outer(way, {"callbacks": [callback]}, by_object=[callback])
        undo()


PROCESS = (by_instrument, by_add_callback, by_provider)
OTHERS = (by_block, by_block_outside_of_a_run, by_call, by_object)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("door", [*PROCESS, *OTHERS, by_all], ids=lambda door: door.__name__)
def test_where_the_context_gets_to(door: Fn, way: Fn) -> None:
    """Each door hears the runs of its scope, each once, and none after it."""
    recorder = Recorder()
    door(recorder, way)
    assert started(recorder) == WAYS[way]


@pytest.mark.parametrize("way", LOST, ids=lambda way: way.__name__)
@pytest.mark.parametrize("door", [*PROCESS, *OTHERS, by_all], ids=lambda door: door.__name__)
def test_where_nothing_gets_to(door: Fn, way: Fn) -> None:
    """A run that neither context nor config has got to belongs to the process alone."""
    recorder = Recorder()
    door(recorder, way)
    assert started(recorder) == (["outer"] if door in OTHERS else ["outer", "inner"])


def steps() -> RunnableGenerator[Any, Any]:
    """Make a generator that calls `inner` before each of two steps."""

    def steps(chunks: Any) -> Any:
        for chunk in chunks:
            yield inner.invoke(chunk)
            yield inner.invoke(chunk)

    async def asteps(chunks: Any) -> Any:
        async for chunk in chunks:
            yield await inner.ainvoke(chunk)
            yield await inner.ainvoke(chunk)

    return RunnableGenerator(steps, asteps, name="steps")


class TestBlockAndGenerators:
    """A generator is the block's in which its first step is taken, whoever goes on with it."""

    ALL = ("steps", "inner", "inner")

    def test_begun_inside_and_finished_outside(self) -> None:
        recorder = Recorder()
        with record():
            with callspan.callbacks(recorder):
                stream = steps().stream("x")
                next(stream)
            assert list(stream) == ["x"]
        assert started(recorder) == list(self.ALL)

    def test_made_inside_and_begun_outside(self) -> None:
        recorder = Recorder()
        with record():
            with callspan.callbacks(recorder):
                stream = steps().stream("x")
            assert list(stream) == ["x", "x"]
        assert recorder.heard == []

    def test_begun_outside_and_stepped_inside(self) -> None:
        recorder = Recorder()
        with record():
            stream = steps().stream("x")
            next(stream)
            with callspan.callbacks(recorder):
                assert list(stream) == ["x"]
        assert recorder.heard == []

    async def test_async_begun_inside_and_finished_outside(self) -> None:
        recorder = Recorder()
        with record():
            with callspan.callbacks(recorder):
                stream = steps().astream("x")
                await anext(stream)
            assert [chunk async for chunk in stream] == ["x"]
        assert started(recorder) == list(self.ALL)

    async def test_async_made_inside_and_begun_outside(self) -> None:
        recorder = Recorder()
        with record():
            with callspan.callbacks(recorder):
                stream = steps().astream("x")
            assert [chunk async for chunk in stream] == ["x", "x"]
        assert recorder.heard == []

    async def test_async_begun_outside_and_stepped_inside(self) -> None:
        recorder = Recorder()
        with record():
            stream = steps().astream("x")
            await anext(stream)
            with callspan.callbacks(recorder):
                assert [chunk async for chunk in stream] == ["x"]
        assert recorder.heard == []


class TestBlock:
    """A block is what the context says; blocks in blocks, tasks and threads included."""

    async def test_a_task_that_outlives_it(self) -> None:
        recorder, go_on = Recorder(), asyncio.Event()

        async def later(value: Any) -> Any:
            await go_on.wait()
            return await inner.ainvoke(value)

        with record():
            with callspan.callbacks(recorder):
                waiting = asyncio.create_task(later("x"))
                await asyncio.sleep(0)
            go_on.set()
            await waiting
            await inner.ainvoke("x")
        assert started(recorder) == ["inner"]

    async def test_a_task_that_was_there_before(self) -> None:
        recorder, go_on = Recorder(), asyncio.Event()

        async def later() -> None:
            await go_on.wait()
            await inner.ainvoke("x")

        with record():
            waiting = asyncio.create_task(later())
            with callspan.callbacks(recorder):
                go_on.set()
                await waiting
        assert recorder.heard == []

    def test_in_another(self) -> None:
        """The inner block's runs are both blocks', the outer one hears them first."""
        order: list[str] = []
        outer_block = callspan.Listen(on_start=lambda run: order.append(f"outer {run.name}"))
        inner_block = callspan.Listen(on_start=lambda run: order.append(f"inner {run.name}"))
        with record(), callspan.callbacks(outer_block):
            with callspan.callbacks(inner_block):
                inner.with_config(run_name="a").invoke("x")
            inner.with_config(run_name="b").invoke("x")
        assert order == ["outer a", "inner a", "outer b"]

    def test_inside_a_run(self) -> None:
        """A block inside a body hears what is started there, not the run around it."""
        recorder = Recorder()

        def f(value: Any) -> Any:
            with callspan.callbacks(recorder):
                inner.invoke(value)
            return inner.invoke(value)

        with record():
            RunnableLambda(f).invoke("x")
        assert started(recorder) == ["inner"]

    def test_inside_a_run_whose_context_is_lost(self) -> None:
        """A run whose context was lost has its parent's blocks, and those that are around it where it starts."""
        of_the_parent, here = Recorder(), Recorder()

        def elsewhere(value: Any, config: RunnableConfig) -> Any:
            with callspan.callbacks(here):
                return inner.invoke(value, config)

        def f(value: Any, config: RunnableConfig) -> Any:
            with ThreadPoolExecutor(1) as pool:
                return pool.submit(elsewhere, value, config).result()

        with record(), callspan.callbacks(of_the_parent):
            RunnableLambda(f).invoke("x")
        assert started(of_the_parent) == ["f", "inner"]
        assert started(here) == ["inner"]

    def test_what_it_binds(self) -> None:
        one, two = Recorder(), Recorder()
        with callspan.callbacks(one) as bound:
            assert bound is one
        with callspan.callbacks(one, two) as both:
            assert both == (one, two)

    def test_what_is_no_processor(self) -> None:
        """A class in place of its instance is refused before the block begins."""
        with pytest.raises(TypeError, match="is no span processor"), callspan.callbacks(Recorder):  # type: ignore[call-overload]
            pass
        with pytest.raises(TypeError, match="is no span processor"):
            callspan.add_callback(object())  # type: ignore[arg-type]


def test_the_order_of_doors() -> None:
    """Process, OpenTelemetry, blocks, call: in this order a start is heard, and an end too."""
    order: list[str] = []

    def named(name: str) -> callspan.Listen:
        return callspan.Listen(
            on_start=lambda run: order.append(f"{name} starts"), on_end=lambda run: order.append(f"{name} ends")
        )

    with record(callbacks=[named("process")]) as recording:
        recording.provider.add_span_processor(named("provider"))
        with callspan.callbacks(named("block")):
            inner.invoke("x", {"callbacks": [named("call")]})
    doors = ("process", "provider", "block", "call")
    assert order == [f"{door} {what}" for what in ("starts", "ends") for door in doors]


def test_whoever_comes_late() -> None:
    """A run keeps those whom it found at its start: who comes later hears no end, who leaves hears it still."""
    late, early = Recorder(), Recorder()

    def f(value: Any) -> None:
        undo()
        undo()
        undos.append(callspan.add_callback(late))

    undos: list[Fn] = []
    with record():
        undo = callspan.add_callback(early)
        RunnableLambda(f).invoke("x")
        inner.invoke("x")
        undos[0]()
    assert started(early) == ["f"]
    assert started(late) == ["inner"]
