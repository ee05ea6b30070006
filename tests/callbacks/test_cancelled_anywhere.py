"""Calls that are cancelled at each turn of the loop, hooks that wait included: no end is missed, no span lost."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableGenerator, RunnableLambda
from langchain_core.tools import StructuredTool
from tests.callbacks.forms import in_node
from tests.modes.models.chat_models import ChatInvoking, ChatNative
from tests.modes.models.completion_models import CompletingNative
from tests.modes.retrievers.embedders import EmbedderNative, RetrieverNative

import callspan
from callspan.core import state
from callspan.testing import open_runs, record

Fn = Callable[..., Any]


class Plain(callspan.Callback):
    """Notes starts and ends."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, str]] = []
        self.abandoned: set[Any] = set()

    def note(self, run: callspan.Run, what: str) -> None:
        """Note one, and whether the run was abandoned: the end of such a one coroutines cannot hear."""
        self.told.append((run.id, what))

    def on_run_start(self, run: callspan.Run) -> Any:
        self.note(run, "start")

    def on_run_end(self, run: callspan.Run) -> Any:
        self.note(run, "end")
        if run.outcome == "abandoned":
            self.abandoned.add(run.id)

    def on_run_error(self, run: callspan.Run) -> Any:
        self.note(run, "end")


class Waiting(Plain):
    """The same, with hooks that wait after they noted it."""

    async def on_run_start(self, run: callspan.Run) -> None:
        super().on_run_start(run)
        await pause()

    async def on_run_end(self, run: callspan.Run) -> None:
        super().on_run_end(run)
        await pause()

    async def on_run_error(self, run: callspan.Run) -> None:
        super().on_run_error(run)
        await pause()


async def pause() -> None:
    await asyncio.sleep(0)
    await asyncio.sleep(0)


async def slow(value: Any) -> Any:
    await pause()
    return value


async def look(where: str) -> str:
    await pause()
    return where


def spell(chunks: Any) -> Any:
    for chunk in chunks:
        yield from chunk


async def aspell(chunks: Any) -> AsyncIterator[str]:
    async for chunk in chunks:
        for letter in chunk:
            await pause()
            yield letter


async def read(stream: Any) -> None:
    async for _ in stream:
        pass


f: Any = RunnableLambda(lambda value: value, slow, name="f")
letters: Any = RunnableGenerator(spell, aspell)
tool = StructuredTool.from_function(coroutine=look, name="look", description="Look.")
chat, llm = ChatNative(pause=pause), CompletingNative(pause=pause)


@callspan.workflow("decorated")
async def decorated() -> None:
    await f.ainvoke("x")


async def in_block() -> None:
    async with callspan.workflow("block"):
        await f.ainvoke("x")


CALLS: dict[str, Fn] = {
    "chat": lambda: chat.ainvoke("x"),
    "chat in a thread": lambda: ChatInvoking().ainvoke("x"),
    "prompts": lambda: chat.agenerate([[HumanMessage("a")], [HumanMessage("b")]]),
    "chat stream": lambda: read(chat.astream("x")),
    "llm": lambda: llm.ainvoke("x"),
    "llm prompts": lambda: llm.agenerate(["a", "b"]),
    "tool": lambda: tool.ainvoke({"where": "x"}),
    "retriever": lambda: RetrieverNative(body=lambda: None, pause=pause).ainvoke("x"),
    "embedding": lambda: EmbedderNative(lambda: None, pause).aembed_query("x"),
    "sequence": lambda: (f | f).ainvoke("x"),
    "sequence stream": lambda: read((f | letters).astream("xyz")),
    "batch": lambda: (f | f).abatch(["x", "y"]),
    "graph": lambda: in_node(f | chat).ainvoke({"asked": "x"}),
    "graph stream": lambda: read(in_node(f | chat).astream({"asked": "x"})),
    "workflow": decorated,
    "workflow block": in_block,
}


async def cancelled(call: Fn, turns: int) -> bool:
    """Cancel a call after so many turns of the loop; tell whether it was done by then."""
    task = asyncio.create_task(call())
    for _ in range(turns):
        await asyncio.sleep(0)
    was_done = task.done()
    task.cancel()
    await asyncio.wait([task])
    for _ in range(30):  # what was gathered ends by itself
        await asyncio.sleep(0)
    return was_done


@pytest.mark.parametrize("what", CALLS)
def test_cancelled(what: str) -> None:
    """Whoever heard a start hears one end; each run that was heard has a span."""
    turns, was_done = 0, False
    with record() as recording:
        state.first_time("async hook")
        while not was_done:
            callbacks: list[Any] = [Plain(), Waiting(), Plain(), Waiting()]
            with callspan.callbacks(*callbacks):
                was_done = asyncio.run(cancelled(CALLS[what], turns))
            assert open_runs() == []
            spans = Counter(span.attributes["langchain.run.id"] for span in recording.spans)
            recording.clear()
            check(callbacks, spans, turns)
            turns += 1
    assert turns > 3


def check(callbacks: list[Any], spans: Counter[str], turns: int) -> None:
    """See what each callback heard of each run, if the call was cancelled after so many turns."""
    abandoned = callbacks[0].abandoned
    for callback in callbacks:
        told = Counter(callback.told)
        for run_id in {run_id for run_id, _ in told}:
            ends = 0 if run_id in abandoned and isinstance(callback, Waiting) else 1
            heard = (told[run_id, "start"], told[run_id, "end"], spans[str(run_id)])
            assert (turns, heard) == (turns, (1, ends, 1))
