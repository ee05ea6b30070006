"""Hooks that are `async def`: awaited in asynchronous calls, run to their end here in synchronous ones."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.runnables import RunnableLambda
from tests.callbacks.hearing import SAID, Hears
from tests.callbacks.stoppable import ALL, Body, Case
from tests.modes.models.chat_models import ChatNative
from tests.modes.models.completion_models import CompletingNative
from tests.modes.retrievers.embedders import EmbedderNative, RetrieverNative

import callspan
from callspan.testing import Recording, record

Fn = Callable[..., Any]

SYNC = [case for case in ALL if case.name in (
    "chat.invoke", "chat.stream", "chat.batch", "completion.generate", "tool.invoke", "retriever.invoke",
    "embedder.embed_query", "lambda.invoke", "sequence.stream", "graph.invoke", "graph.stream", "workflow.block",
    "workflow.generator",
)]  # fmt: skip


async def _read(stream: Any) -> None:
    async for _ in stream:
        pass


async def _nothing() -> None: ...


CALLS: dict[str, Fn] = {
    "chat.ainvoke": lambda: ChatNative().ainvoke("hello"),
    "chat.astream": lambda: _read(ChatNative().astream("hello")),
    "completion.ainvoke": lambda: CompletingNative().ainvoke("hello"),
    "retriever.ainvoke": lambda: RetrieverNative(body=str).ainvoke("q"),
    "embedder": lambda: EmbedderNative(str).aembed_query("q"),
    "lambda.ainvoke": lambda: RunnableLambda(str).ainvoke(1),
    "lambda.astream": lambda: _read(RunnableLambda(str).astream(1)),
    "workflow": callspan.workflow("w")(_nothing),
}


class Tasks(callspan.Callback):
    """Notes in which task its hooks run, and what a context variable says there; and sets it."""

    def __init__(self) -> None:
        self.start: Any = None
        self.end: Any = None
        self.said = ""

    async def on_run_start(self, run: callspan.Run) -> None:
        await asyncio.sleep(0)
        self.start = asyncio.current_task()
        self.said = SAID.get()
        SAID.set("by the start")

    async def on_run_end(self, run: callspan.Run) -> None:
        await asyncio.sleep(0)
        self.end = asyncio.current_task(), SAID.get()


@pytest.mark.parametrize("name", CALLS)
def test_the_task_of_a_hook(name: str) -> None:
    """It is the caller's own, unless LangChain gathers: the ends of `ainvoke` of models, and the starts of completions.
    The context variables are the caller's in any case."""
    tasks = Tasks()

    async def main() -> Any:
        SAID.set("by the caller")
        await CALLS[name]()
        return asyncio.current_task()

    with record(callbacks=[tasks]):
        caller = asyncio.run(main())
    assert (tasks.start is caller) is (name != "completion.ainvoke")
    assert tasks.said == "by the caller"
    assert (tasks.end[0] is caller) is (name not in ("chat.ainvoke", "completion.ainvoke"))
    assert tasks.end[1] == ("by the caller" if name == "completion.ainvoke" else "by the start")


@pytest.mark.may_log
@pytest.mark.parametrize("case", SYNC, ids=str)
def test_in_a_synchronous_call(case: Case, caplog: Any) -> None:
    """It has run to its end when the call returns, here, and one warning says what that costs."""
    hears = Hears()
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        with record(callbacks=[hears]) as recording:
            case.call(Body())
            assert len(hears.heard) == 2 * len(recording.spans)
        assert asyncio.get_event_loop() is loop
    finally:
        asyncio.set_event_loop(None)
        loop.close()
    if "batch" not in case.name:
        assert hears.threads == {threading.get_ident()}
    assert [line.partition(",")[0] for line in caplog.messages] == [
        "an async hook of a callback is run to its end within a synchronous call"
    ]


@pytest.mark.may_log
@pytest.mark.parametrize("case", SYNC, ids=str)
def test_in_a_synchronous_call_where_a_loop_runs(case: Case, caplog: Any) -> None:
    """It runs in another thread, with the caller's context variables, and is waited for."""
    hears = Hears()

    async def main() -> None:
        SAID.set("by the caller")
        loop = asyncio.get_running_loop()
        case.call(Body())
        assert asyncio.get_running_loop() is loop
        await asyncio.sleep(0)

    with record(callbacks=[hears]) as recording:
        asyncio.run(main())
        assert len(hears.heard) == 2 * len(recording.spans)
    assert threading.get_ident() not in hears.threads or "batch" in case.name
    assert hears.said == {"by the caller"}
    assert len(caplog.messages) == 1


@pytest.mark.may_log
def test_a_stop_of_an_asynchronous_hook_where_a_loop_runs(recording: Recording) -> None:
    """It gets out of the other thread, as the very object."""
    error = callspan.Stop("enough")

    class Stops(callspan.Callback):
        async def on_llm_start(self, run: callspan.Run) -> None:
            raise error

    async def main() -> None:
        ChatNative().invoke("hello")

    with callspan.callbacks(Stops()), pytest.raises(callspan.Stop) as raised:
        asyncio.run(main())
    assert raised.value is error
