"""What is measured: programs in plain LangChain, each the sync way and the async way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, Any, TypedDict

from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableLambda, RunnableParallel, RunnableSequence
from langchain_core.tools import StructuredTool
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages

from benchmarks.models import TOKENS, ScriptedModel, StreamingModel

try:
    from langchain.agents import create_agent
except ImportError:  # before langchain 1.0
    from langgraph.prebuilt import create_react_agent as create_agent


@dataclass(frozen=True, slots=True)
class Workload:
    """One program, ready to be called.

    Args:
        name: What it is.
        mode: `sync` or `async`.
        call: Runs it once, with a LangChain config; in async mode it gives the awaitable.
        tokens: How many tokens it streams.
    """

    name: str
    mode: str
    call: Callable[[Any], Any]
    tokens: int = 0


def all_workloads() -> list[Workload]:
    """Give every workload in both modes."""
    step = RunnableLambda(_same, _asame)
    model = ScriptedModel()
    question = [HumanMessage("What is one and two?")]
    return [
        *_called("lambda", step, 1),
        *_called("chat", model, question),
        *_called("chat, 50 long messages", model, _conversation(50)),
        *_called("sequence of 20", RunnableSequence(*[RunnableLambda(_same, _asame) for _ in range(20)]), 1),
        *_called("tool", StructuredTool.from_function(_add, _aadd, name="add"), {"a": 1, "b": 2}),
        *_called("agent", create_agent(model, [_tool()]), {"messages": question}),
        *_streamed(f"stream of {TOKENS}", StreamingModel(), question),
        *_batched("batch of 50", step, list(range(50))),
        *_called("fan-out of 50", RunnableParallel({f"k{i}": RunnableLambda(_same, _asame) for i in range(50)}), 1),
        *_called("graph, 50 messages", _graph(), {"messages": _messages(50)}),
        *_called("graph, 500 messages", _graph(), {"messages": _messages(500)}),
    ]


def _called(name: str, runnable: Any, given: Any) -> Iterable[Workload]:
    yield Workload(name, "sync", lambda config: runnable.invoke(given, config))
    yield Workload(name, "async", lambda config: runnable.ainvoke(given, config))


def _batched(name: str, runnable: Any, given: list[Any]) -> Iterable[Workload]:
    yield Workload(name, "sync", lambda config: runnable.batch(given, config))
    yield Workload(name, "async", lambda config: runnable.abatch(given, config))


def _streamed(name: str, runnable: Any, given: Any) -> Iterable[Workload]:
    def drain(config: Any) -> None:
        for _ in runnable.stream(given, config):
            pass

    async def adrain(config: Any) -> None:
        async for _ in runnable.astream(given, config):
            pass

    adrained: Callable[[Any], Awaitable[None]] = adrain
    yield Workload(name, "sync", drain, TOKENS)
    yield Workload(name, "async", adrained, TOKENS)


def _same(value: Any) -> Any:
    return value


async def _asame(value: Any) -> Any:
    return value


def _add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


async def _aadd(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def _tool() -> StructuredTool:
    return StructuredTool.from_function(_add, _aadd, name="add")


class _State(TypedDict):
    messages: Annotated[list[Any], add_messages]
    steps: int


def _messages(count: int) -> list[HumanMessage]:
    return [HumanMessage(f"message {i}", id=str(i)) for i in range(count)]


def _conversation(count: int) -> list[HumanMessage]:
    """Give messages as people write them, a page each two."""
    sentence = "We went to see the old mill in 2019, and the water was still running: nobody had told it to stop. "
    return [HumanMessage(sentence * 10, id=str(i)) for i in range(count)]


def _graph() -> Any:
    """Build a line of ten nodes that pass the messages on."""
    graph = StateGraph(_State)
    names = [f"n{i}" for i in range(10)]
    for name in names:
        graph.add_node(name, RunnableLambda(_count, _acount, name=name))
    for before, after in zip([START, *names], [*names, END], strict=True):
        graph.add_edge(before, after)
    return graph.compile()


def _count(state: Any) -> Any:
    return {"steps": len(state["messages"])}


async def _acount(state: Any) -> Any:
    return _count(state)
