"""Asynchronous hooks of calls that are cancelled, closed, dropped or stopped before they began."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.callbacks import AsyncCallbackManager
from langchain_core.runnables import RunnableGenerator
from tests.callbacks.hearing import Hears, Notes, stopper
from tests.modes.models.calls import Standstill, cancel
from tests.modes.models.chat_models import ChatNative
from tests.modes.models.completion_models import CompletingNative
from tests.modes.retrievers.embedders import EmbedderNative, RetrieverNative

import callspan
from callspan.testing import Recording, open_runs, record

Fn = Callable[..., Any]


async def _read(stream: Any) -> None:
    async for _ in stream:
        pass


CUT_SHORT: dict[str, tuple[Fn, list[str]]] = {
    "chat.ainvoke": (lambda still: ChatNative(pause=still).ainvoke("hello"), ["end llm cancelled"]),
    "chat.astream": (lambda still: _read(ChatNative(pause=still).astream("hello")), ["end llm cancelled"]),
    "chat.abatch": (lambda still: ChatNative(pause=still).abatch(["hello"]), ["end llm cancelled"]),
    "completion.ainvoke": (lambda still: CompletingNative(pause=still).ainvoke("hello"), ["end llm cancelled"]),
    "retriever": (lambda still: RetrieverNative(body=str, pause=still).ainvoke("q"), ["end retriever cancelled"]),
    "embedder": (lambda still: EmbedderNative(str, still).aembed_query("q"), ["end embedding cancelled"]),
    "workflow": (lambda still: callspan.workflow("w")(still.__call__)(), ["end chain cancelled"]),
}


@pytest.mark.parametrize("name", CUT_SHORT)
def test_awaited_in_a_call_that_is_cancelled(name: str) -> None:
    """The end is awaited before the cancel gets out of the call."""
    make, ends = CUT_SHORT[name]
    hears = Hears()

    async def main() -> None:
        still = Standstill()
        await cancel(make(still), still.reached)
        assert [line for line in hears.heard if line.startswith("end")] == ends

    with record(callbacks=[hears]):
        asyncio.run(main())


async def _letters(values: Any) -> Any:
    async for _ in values:
        for letter in "abc":
            yield letter


def _generator() -> Any:
    return RunnableGenerator(_letters)


@callspan.workflow("w")
async def _work() -> Any:
    for letter in "abc":
        yield letter


STREAMS: dict[str, tuple[Fn, str]] = {
    "chat": (lambda: ChatNative().astream("hello"), "end llm closed"),
    "completion": (lambda: CompletingNative().astream("hello"), "end llm closed"),
    "generator": (lambda: _generator().astream("hello"), "end chain closed"),
    "workflow": (_work, "end chain closed"),
}


@pytest.mark.parametrize("name", STREAMS)
def test_awaited_in_a_stream_that_is_closed(name: str) -> None:
    """The end is awaited before `aclose` returns."""
    hears = Hears()
    make, end = STREAMS[name]

    async def main() -> None:
        stream = make()
        await anext(stream)
        await stream.aclose()
        assert hears.heard[1:] == [end]

    with record(callbacks=[hears]):
        asyncio.run(main())


@pytest.mark.parametrize("name", [name for name in STREAMS if name != "workflow"])
def test_awaited_in_a_stream_that_is_dropped(name: str) -> None:
    """The event loop closes what nobody reads any longer, and awaits the end with it."""
    hears = Hears()
    make, end = STREAMS[name]

    async def main() -> None:
        stream = make()
        await anext(stream)
        del stream
        gc.collect()
        for _ in range(10):
            await asyncio.sleep(0)
        assert hears.heard[1:] == [end]

    with record(callbacks=[hears]):
        asyncio.run(main())


def test_a_workflow_that_is_dropped(tree: Fn) -> None:
    """The loop closes the body, and nobody else is left: the run is abandoned."""

    async def main() -> None:
        stream = _work()
        await anext(stream)
        del stream
        for _ in range(10):
            await asyncio.sleep(0)

    asyncio.run(main())
    assert tree() == "invoke_workflow w ~abandoned\n"


def test_of_an_abandoned_run(recording: Recording, recwarn: Any) -> None:
    """Nobody is left to await it: it is called and let go, and what is no coroutine still hears."""
    hears = Hears()
    plain: list[Any] = []
    with callspan.callbacks(hears, callspan.Listen(on_end=lambda run: plain.append(run.outcome))):
        run_manager = asyncio.run(_started())
    del run_manager
    assert open_runs() == []
    gc.collect()
    assert plain == ["abandoned"]
    assert hears.heard == ["start chain"]
    assert [str(warning.message) for warning in recwarn] == []


async def _started() -> Any:
    return await AsyncCallbackManager.configure().on_chain_start({"name": "lost"}, {})


def test_an_embedding_that_is_dropped(tree: Fn) -> None:
    """A coroutine that nobody awaits any longer ends its run as abandoned."""

    async def pause() -> None:
        await asyncio.sleep(0)

    coroutine = EmbedderNative(str, pause).aembed_query("q")
    coroutine.send(None)
    assert [run.name for run in open_runs()] == ["EmbedderNative"]
    del coroutine
    assert tree() == "embeddings e ~abandoned\n"


async def _cancelled_at_once() -> None:
    task = asyncio.ensure_future(EmbedderNative(str).aembed_query("q"))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def _closed_at_once() -> None:
    EmbedderNative(str).aembed_query("q").close()
    await _work().aclose()


async def _thrown_into_at_once() -> None:
    with pytest.raises(KeyError):
        await _work().athrow(KeyError("x"))


@pytest.mark.parametrize("cut", [_cancelled_at_once, _closed_at_once, _thrown_into_at_once])
def test_what_never_began_is_no_run(cut: Fn, tree: Fn) -> None:
    """A body whose first line is never reached has no run, and nobody hears one."""
    hears = Hears()

    async def main() -> None:
        with callspan.callbacks(hears):
            await cut()

    asyncio.run(main())
    assert hears.heard == []
    assert tree() == ""


@pytest.mark.parametrize("asynchronous", [False, True], ids=["def", "async def"])
def test_a_stream_that_was_stopped_is_over(asynchronous: bool, recording: Recording) -> None:
    """Whoever asks it again gets nothing: the body was not called, and never will be."""
    reached: list[str] = []
    error = callspan.Stop("enough")

    @callspan.workflow("w")
    async def work() -> Any:
        reached.append("body")
        yield 1

    async def main() -> None:
        stream: Any = work()
        with callspan.callbacks(stopper("on_chain_start", error, Notes(), asynchronous=asynchronous)):
            with pytest.raises(callspan.Stop):
                await anext(stream)
            with pytest.raises(StopAsyncIteration):
                await anext(stream)

    asyncio.run(main())
    assert reached == []
