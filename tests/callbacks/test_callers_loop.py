"""`async def` hooks are awaited in the program's event loop, also where LangChain runs a plain function in a thread."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any, TypedDict

import pytest
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.language_models.chat_models import SimpleChatModel
from langchain_core.messages import AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import Runnable, RunnableLambda
from langchain_core.tools import StructuredTool, tool
from langchain_core.vectorstores import InMemoryVectorStore
from langgraph.func import entrypoint, task
from langgraph.graph import END, START, StateGraph

import callspan
from callspan.core import event_loops
from callspan.testing import ScriptedChatModel, record

Fn = Callable[..., Any]

SAID: ContextVar[str] = ContextVar("said", default="nothing")


@tool
def shout(word: str) -> str:
    """Shout."""
    return word.upper()


class Plain(SimpleChatModel):
    """A model without async methods, which streams."""

    @property
    def _llm_type(self) -> str:
        return "plain"

    def _call(self, *args: Any, **kwargs: Any) -> str:
        return "hi"

    def _stream(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> Iterator[Any]:
        for token in ("h", "i"):
            chunk = ChatGenerationChunk(message=AIMessageChunk(token))
            if run_manager is not None:
                run_manager.on_llm_new_token(token, chunk=chunk)
            yield chunk


class Finds(BaseRetriever):
    def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        return [Document(shout.invoke({"word": query}))]


class Doubles(Runnable[Any, Any]):
    """A runnable that has `invoke` only."""

    def invoke(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
        return RunnableLambda(lambda x: x * 2).invoke(input, config)


class Vectors(Embeddings):
    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [[1.0, 0.0] for _ in texts]

    def embed_query(self, text: str) -> list[float]:
        return [1.0, 0.0]


class State(TypedDict):
    asked: str


def in_graph(node: Fn) -> Any:
    graph = StateGraph(State)
    graph.add_node("node", node)
    graph.add_edge(START, "node")
    graph.add_edge("node", END)
    return graph.compile()


def in_function(body: Fn) -> Any:
    inner = task(body)

    async def workflow(asked: str) -> Any:
        return await inner(asked)

    return entrypoint()(workflow)


def asks(value: Any) -> Any:
    ScriptedChatModel("fine").invoke("hi")
    return value


def node(state: State) -> State:
    return asks(state)  # type: ignore[no-any-return]


def batches(value: Any) -> Any:
    return Plain().batch(["one", "two", "three"])


COMPILED_BEFORE = in_graph(node)


async def read(stream: Any) -> None:
    async for _ in stream:
        pass


CALLS: dict[str, Fn] = {
    "tool": lambda: shout.ainvoke({"word": "a"}),
    "tool.abatch": lambda: shout.abatch([{"word": "a"}, {"word": "b"}]),
    "structured tool": lambda: StructuredTool.from_function(asks, name="asks", description="d").ainvoke({"value": 1}),
    "runnable": lambda: Doubles().ainvoke(2),
    "runnable in a sequence": lambda: (RunnableLambda(str) | Doubles()).ainvoke(2),
    "lambda": lambda: RunnableLambda(asks).ainvoke(1),
    "lambda.astream": lambda: read(RunnableLambda(asks).astream(1)),
    "lambda.astream_events": lambda: read(RunnableLambda(asks).astream_events(1, version="v2")),
    "lambda.abatch": lambda: RunnableLambda(asks).abatch([1, 2]),
    "batch in a lambda": lambda: RunnableLambda(batches).ainvoke(1),
    "graph in a lambda": lambda: RunnableLambda(lambda x: in_graph(node).invoke({"asked": "x"})).ainvoke(1),
    "model": lambda: Plain().ainvoke("hi"),
    "model.astream": lambda: read(Plain().astream("hi")),
    "retriever": lambda: Finds().ainvoke("a"),
    "embeddings": lambda: Vectors().aembed_query("a"),
    "vector store": lambda: InMemoryVectorStore(Vectors()).asearch("a", "mmr"),
    "node": lambda: in_graph(node).ainvoke({"asked": "x"}),
    "node.astream": lambda: read(in_graph(node).astream({"asked": "x"})),
    "node compiled before": lambda: COMPILED_BEFORE.ainvoke({"asked": "x"}),
    "task": lambda: in_function(asks).ainvoke("x"),
}  # fmt: skip


class Where(callspan.Callback):
    """Notes in which loop its hooks run, and what is current there."""

    def __init__(self) -> None:
        self.loops: list[Any] = []
        self.heard: list[str] = []
        self.current: list[bool] = []

    async def _note(self, event: str, run: callspan.Run) -> None:
        await asyncio.sleep(0)
        self.loops.append(asyncio.get_running_loop())
        self.heard.append(f"{event} {run.kind} {SAID.get()}")
        self.current.append(callspan.current_run() is run)

    async def on_run_start(self, run: callspan.Run) -> None:
        await self._note("start", run)

    async def on_run_end(self, run: callspan.Run) -> None:
        await self._note("end", run)

    async def on_llm_new_token(self, run: callspan.Run, token: Any, chunk: Any) -> None:
        await self._note("token", run)


@pytest.mark.parametrize("scope", ["process", "block"])
@pytest.mark.parametrize("form", CALLS)
def test_hooks_run_in_the_loop_that_awaits_the_call(form: str, scope: str) -> None:
    where = Where()

    async def main() -> Any:
        SAID.set("by the caller")
        if scope == "process":
            await CALLS[form]()
        else:
            with callspan.callbacks(where):
                await CALLS[form]()
        return asyncio.get_running_loop()

    with record(callbacks=[where] if scope == "process" else []) as recording:
        loop = asyncio.run(main())
        spans = len(recording.spans)
    assert {id(one) for one in where.loops} == {id(loop)}
    assert len([line for line in where.heard if line.startswith("start")]) == spans
    assert len([line for line in where.heard if line.startswith("end")]) == spans
    assert {line.partition(" ")[2].partition(" ")[2] for line in where.heard} == {"by the caller"}
    assert set(where.current) == {True}


def test_a_hook_that_waits_for_the_program_gets_its_answer(recording: Any) -> None:
    async def main() -> Any:
        asked: asyncio.Queue[asyncio.Future[bool]] = asyncio.Queue()

        async def ask(request: callspan.ToolRequest) -> bool:
            answer = asyncio.get_running_loop().create_future()
            await asked.put(answer)
            return bool(await answer)

        with callspan.callbacks(callspan.Approval(ask)):
            call = asyncio.ensure_future(shout.ainvoke({"word": "a"}))
        (await asked.get()).set_result(True)
        return await call

    assert asyncio.run(main()) == "A"


@pytest.mark.parametrize("form", ["tool", "lambda", "node", "model", "batch in a lambda"])
def test_a_stop_of_such_a_hook_is_the_very_object(recording: Any, form: str) -> None:
    stop = callspan.Stop("enough")

    class Stops(callspan.Callback):
        kinds = ("llm", "tool")

        async def on_run_start(self, run: callspan.Run) -> None:
            await asyncio.sleep(0)
            raise stop

    async def main() -> None:
        with callspan.callbacks(Stops()):
            await CALLS[form]()

    with pytest.raises(callspan.Stop) as raised:
        asyncio.run(main())
    assert raised.value is stop


@pytest.mark.may_log
def test_a_failure_of_such_a_hook_is_logged_and_the_call_goes_on(recording: Any, caplog: Any) -> None:
    class Fails(callspan.Callback):
        async def on_tool_start(self, run: callspan.Run) -> None:
            raise KeyError("a bug")

    async def main() -> Any:
        with callspan.callbacks(Fails()):
            return await shout.ainvoke({"word": "a"})

    assert asyncio.run(main()) == "A"
    assert [line.partition(";")[0] for line in caplog.messages] == ["Fails.on_tool_start failed"]


def test_a_caller_that_is_cancelled_cancels_the_hook_and_frees_the_thread(recording: Any) -> None:
    seen: list[str] = []
    entered: list[asyncio.Event] = []

    class Waits(callspan.Callback):
        async def on_tool_start(self, run: callspan.Run) -> None:
            try:
                entered[0].set()
                await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError:
                seen.append("cancelled")
                raise

        async def on_tool_end(self, run: callspan.Run) -> None:
            seen.append(f"end {run.outcome}")

    async def main() -> None:
        entered.append(asyncio.Event())
        with callspan.callbacks(Waits()):
            call = asyncio.ensure_future(shout.ainvoke({"word": "a"}))
        await entered[0].wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

    asyncio.run(main())  # it joins the threads
    assert seen == ["cancelled", "end cancelled"]


@pytest.mark.may_log
def test_a_loop_that_is_blocked_by_the_call_is_not_waited_for(recording: Any, caplog: Any, monkeypatch: Any) -> None:
    """A thread that code in the loop starts and waits for has the thread's context: waiting for the loop would hang."""
    monkeypatch.setattr(event_loops, "START_TIMEOUT", 0.05)
    where = Where()
    loops: list[Any] = []

    def calls_back(value: Any) -> Any:
        async def blocks() -> Any:
            return batches(value)

        return asyncio.run_coroutine_threadsafe(blocks(), loops[0]).result()

    async def main() -> None:
        loops.append(asyncio.get_running_loop())
        await RunnableLambda(calls_back).ainvoke(1)

    with record(callbacks=[where]):
        asyncio.run(main())
    assert len([line for line in where.heard if line.startswith("end")]) == 4
    (said,) = caplog.messages
    assert "no loop of the program is reachable, for the one that awaits this thread is blocked or closed" in said


@pytest.mark.may_log
@pytest.mark.parametrize(
    ("call", "why"),
    [
        (lambda: asks(1), "for the call blocks the one of this thread"),
        (lambda: asyncio.to_thread(asks, 1), "for none awaits this thread"),
    ],
    ids=["in the loop's thread", "in a thread of the program's"],
)
def test_where_no_loop_is_reachable_the_warning_says_so(call: Fn, why: str, caplog: Any) -> None:
    async def main() -> None:
        made = call()
        if asyncio.iscoroutine(made):
            await made

    with record(callbacks=[Where()]):
        asyncio.run(main())
    (said,) = caplog.messages
    assert f"no loop of the program is reachable, {why}" in said


@pytest.mark.may_log
def test_a_loop_that_ends_while_a_thread_waits_frees_it(recording: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(event_loops, "_POLL_INTERVAL", 0.01)
    entered = threading.Event()

    class Waits(callspan.Callback):
        async def on_tool_start(self, run: callspan.Run) -> None:
            entered.set()
            await asyncio.get_running_loop().create_future()

    async def main() -> None:
        with callspan.callbacks(Waits()):
            kept.append(asyncio.ensure_future(shout.ainvoke({"word": "a"})))
        while not entered.is_set():
            await asyncio.sleep(0)

    kept: list[Any] = []
    loop = asyncio.new_event_loop()
    loop.run_until_complete(main())
    executor = loop._default_executor  # type: ignore[attr-defined]
    loop.close()
    executor.shutdown(wait=True)
    kept[0]._log_destroy_pending = False
    kept.clear()
    gc.collect()


def test_nothing_is_noted_where_there_are_no_callbacks(recording: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(callspan.core.dispatch.subscriptions, "callback_class", None)
    seen: list[Any] = []
    asyncio.run(RunnableLambda(lambda x: seen.append(event_loops.CALLERS_LOOP.get())).ainvoke(1))
    assert seen == [None]
