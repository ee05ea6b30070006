"""What no hook can replace: a cancellation, a close, a pause, a command, a run that was abandoned."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from langchain_core.callbacks import CallbackManager
from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableGenerator, RunnableLambda
from tests.callbacks.hearing import Notes, Witness, stopper
from tests.modes.models.calls import Standstill, cancel
from tests.modes.models.chat_models import ChatNative
from tests.modes.models.completion_models import CompletingNative
from tests.modes.retrievers.embedders import EmbedderNative, RetrieverNative

import callspan
from callspan.testing import open_runs, record

Fn = Callable[..., Any]

COLOURS = pytest.mark.parametrize("asynchronous", [False, True], ids=["def", "async def"])
ERRORS = pytest.mark.parametrize("cls", [callspan.Stop, type("Abort", (BaseException,), {})])


def cancelled(call: Fn) -> None:
    """Make a call that is cancelled while its body waits."""

    async def main() -> None:
        still = Standstill()
        await cancel(call(still), still.reached)

    asyncio.run(main())


async def _read(stream: Any) -> None:
    async for _ in stream:
        pass


def _awaiting(still: Standstill) -> Any:
    async def f(value: Any) -> Any:
        await still()

    return RunnableLambda(f)


@callspan.workflow("w")
async def _work(still: Standstill) -> None:
    await still()


CANCELLED: dict[str, tuple[str, Fn]] = {
    "chat.ainvoke": ("llm", lambda still: ChatNative(pause=still).ainvoke("hello")),
    "chat.astream": ("llm", lambda still: _read(ChatNative(pause=still).astream("hello"))),
    "chat.agenerate": ("llm", lambda still: ChatNative(pause=still).agenerate([[HumanMessage("hello")]])),
    "completion.ainvoke": ("llm", lambda still: CompletingNative(pause=still).ainvoke("hello")),
    "retriever.ainvoke": ("retriever", lambda still: RetrieverNative(body=str, pause=still).ainvoke("q")),
    "embedder": ("embedding", lambda still: EmbedderNative(str, still).aembed_query("q")),
    "lambda.ainvoke": ("chain", lambda still: _awaiting(still).ainvoke(1)),
    "sequence.astream": ("chain", lambda still: _read((_awaiting(still) | str).astream(1))),
    "workflow": ("chain", _work),
}


@pytest.mark.may_log
@COLOURS
@ERRORS
@pytest.mark.parametrize("name", CANCELLED)
def test_a_cancellation_stands(name: str, cls: Any, asynchronous: bool, caplog: Any) -> None:
    """Whatever a hook raises at the end of a cancelled run, the cancel gets out, and the others hear the end."""
    kind, make = CANCELLED[name]
    notes = Notes()
    hook = stopper(f"on_{kind}_end", cls("enough"), notes, asynchronous=asynchronous)
    with record(callbacks=[Witness("first", notes), hook, Witness("last", notes)]):
        cancelled(make)
    assert {run.outcome for run in notes.runs} == {"cancelled"}
    for run in notes.runs:
        assert notes.of(run) == [
            *("first start", "stopper start", "last start"),
            *("first end", "stopper end", "last end"),
        ]
    assert f"Stopper.on_{kind}_end cannot stop a run that has ended: cancelled" in caplog.messages


def _generator() -> Any:
    def gen(values: Iterator[Any]) -> Iterator[Any]:
        yield from "abc"

    return RunnableGenerator(gen)


def _closed(stream: Any) -> None:
    next(stream)
    stream.close()


def _aclosed(runnable: Any) -> None:
    async def main() -> None:
        stream = runnable.astream("hello")
        await anext(stream)
        await stream.aclose()

    asyncio.run(main())


def _interrupted() -> None:
    def f(value: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        RunnableLambda(f).invoke(1)


def _abandoned() -> None:
    manager = CallbackManager.configure().on_chain_start({"name": "lost"}, {})
    assert len(open_runs()) == 1
    del manager
    assert open_runs() == []


def _graph(*nodes: Any, **options: Any) -> Any:
    graph = pytest.importorskip("langgraph.graph")
    builder = graph.StateGraph(dict)
    for node in nodes:
        builder.add_node(node.name, node)
        builder.add_edge(graph.START, node.name)
    return builder.compile(**options)


def _paused(form: str) -> None:
    pytest.importorskip("langgraph")
    from langgraph.checkpoint.memory import InMemorySaver
    from langgraph.types import interrupt

    asking = RunnableLambda(lambda state: {"said": interrupt("what?")}, name="ask")
    graph, config = _graph(asking, checkpointer=InMemorySaver()), {"configurable": {"thread_id": "1"}}
    said = graph.invoke({}, config) if form == "invoke" else asyncio.run(graph.ainvoke({}, config))
    assert said["__interrupt__"]


def _commanded() -> None:
    pytest.importorskip("langgraph")
    from langgraph.types import Command

    inner = _graph(RunnableLambda(lambda state: Command(graph=Command.PARENT, update={"said": 1}), name="a"))
    inner.name = "inner"
    _graph(inner).invoke({})


OTHERS: dict[str, tuple[str, str, Fn]] = {
    "chat.stream": ("llm", "closed", lambda: _closed(ChatNative().stream("hello"))),
    "chat.astream": ("llm", "closed", lambda: _aclosed(ChatNative())),
    "generator.stream": ("chain", "closed", lambda: _closed(_generator().stream(1))),
    "completion.astream": ("llm", "closed", lambda: _aclosed(CompletingNative())),
    "KeyboardInterrupt": ("chain", "cancelled", _interrupted),
    "abandoned": ("chain", "abandoned", _abandoned),
    "pause": ("chain", "paused", lambda: _paused("invoke")),
    "pause, async": ("chain", "paused", lambda: _paused("ainvoke")),
    "command": ("chain", "command", _commanded),
}


@pytest.mark.may_log
@COLOURS
@ERRORS
@pytest.mark.parametrize("name", OTHERS)
def test_another_outcome_stands(name: str, cls: Any, asynchronous: bool, caplog: Any) -> None:
    """Whatever a hook raises at the end of such a run, the call ends as it did, and the others hear the end."""
    kind, outcome, call = OTHERS[name]
    notes = Notes()
    hook = stopper(f"on_{kind}_end", cls("enough"), notes, asynchronous=asynchronous, only=outcome)
    with record(callbacks=[Witness("first", notes), hook, Witness("last", notes)]):
        call()
    runs = [run for run in notes.runs if run.outcome == outcome]
    assert runs
    assert {run.outcome for run in notes.runs} <= {outcome, "ok"}
    for run in runs:
        assert notes.of(run)[-1] == "last end"
        assert len([line for line in notes.of(run) if line.startswith("stopper")]) == 2
    too_late = f"Stopper.on_{kind}_end cannot stop a run that has ended: {outcome}"
    assert (too_late in caplog.messages) is not (outcome == "abandoned" and asynchronous)


async def _nothing() -> None: ...


STARTING: dict[str, tuple[str, Fn]] = {
    "chat.ainvoke": ("llm", lambda: ChatNative().ainvoke("hello")),
    "chat.astream": ("llm", lambda: _read(ChatNative().astream("hello"))),
    "retriever.ainvoke": ("retriever", lambda: RetrieverNative(body=str).ainvoke("q")),
    "embedder": ("embedding", lambda: EmbedderNative(str).aembed_query("q")),
    "lambda.ainvoke": ("chain", lambda: RunnableLambda(str).ainvoke(1)),
    "workflow": ("chain", callspan.workflow("w")(_nothing)),
}


@pytest.mark.parametrize("event", ["start", "end"])
@pytest.mark.parametrize("name", STARTING)
def test_cancelled_while_a_hook_is_awaited(name: str, event: str) -> None:
    """The cancel gets out, the run is said to be cancelled if it had not ended, and the others hear its end."""
    kind, make = STARTING[name]
    notes = Notes()

    async def main() -> None:
        still = Standstill()

        async def hook(self: Any, run: Any) -> None:
            await still()

        waiting = type("Waiting", (Witness,), {f"on_{kind}_{event}": hook})("waiting", notes)
        with callspan.callbacks(Witness("first", notes), waiting, Witness("last", notes)):
            await cancel(make(), still.reached)

    with record():
        asyncio.run(main())
    [run] = notes.runs
    if event == "start":
        assert run.outcome == "cancelled"
        assert notes.of(run) == ["first start", "waiting start", "first end", "waiting end"]
    else:
        assert run.outcome == "ok"
        assert notes.of(run)[-1] == "last end"
