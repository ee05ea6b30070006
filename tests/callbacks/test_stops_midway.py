"""A hook stops a call in its middle: at a token, a text, a retry, an action, a pause."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import pytest
from langchain_core.callbacks import adispatch_custom_event, dispatch_custom_event
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.runnables import RunnableLambda
from tests.callbacks.hearing import Notes, Witness, stopper
from tests.callbacks.stoppable import Body, Case, forms, graphs
from tests.modes.models.calls import call
from tests.modes.models.chat_models import ChatNative, ChatStreaming

import callspan
from callspan.testing import Recording, record

pytestmark = pytest.mark.may_log  # of asynchronous hooks in synchronous calls

Fn = Callable[..., Any]

COLOURS = pytest.mark.parametrize("asynchronous", [False, True], ids=["def", "async def"])
ERRORS = pytest.mark.parametrize("cls", [callspan.Stop, type("Abort", (BaseException,), {})])


def stopped(run: Fn, hook: str, error: BaseException, *, asynchronous: bool) -> tuple[Notes, Recording]:
    """Make a call that is stopped by a hook in its middle, and check what is promised of any."""
    notes = Notes()
    witnesses = Witness("first", notes), stopper(hook, error, notes, asynchronous=asynchronous), Witness("last", notes)
    with record(callbacks=witnesses) as recording:
        with pytest.raises(type(error)) as raised:
            run()
        spans = [span for span in recording.spans if (span.attributes or {}).get("langchain.run.outcome") == "stopped"]
    assert raised.value is error
    assert len(spans) == 1
    [ended] = [one for one in notes.runs if one.outcome == "stopped"]
    assert ended.error is error
    names = ("first", "stopper", "last")
    assert notes.of(ended) == [f"{name} {event}" for event in ("start", "error") for name in names]
    return notes, recording


def _model(cls: type[ChatStreaming]) -> Fn:
    return lambda body: cls(body=body)


TOKENS: tuple[Case, ...] = (
    *forms("chat", "llm", _model(ChatNative), "hello", "stream", "astream", "astream_events v2", "astream_log"),
    *forms("chat by threads", "llm", _model(ChatStreaming), "hello", "astream"),
    *forms("sequence", "llm", lambda body: RunnableLambda(str) | ChatNative(body=body), 1, "stream", "astream"),
    *forms("sequence", "llm", lambda body: RunnableLambda(str) | ChatNative(body=body), 1, "astream_events v2"),
    *(case for case in graphs() if case.name.startswith("chat in a node, messages")),
)
"""Calls in which a model streams."""


@pytest.mark.filterwarnings("ignore:astream_log is deprecated")
@COLOURS
@ERRORS
@pytest.mark.parametrize("case", TOKENS, ids=str)
def test_at_a_token(case: Case, cls: Any, asynchronous: bool) -> None:
    """A stop at the first token is the model's last: its body goes no further."""
    body = Body()
    stopped(lambda: case.call(body), "on_llm_new_token", cls("enough"), asynchronous=asynchronous)
    assert body.calls == 1


@pytest.mark.skipif(
    not hasattr(BaseChatModel, "_iter_v2_events"), reason="v3 streams of events came with langchain-core 1.4"
)
@pytest.mark.filterwarnings("ignore:.*is in beta", "ignore:The v3 streaming protocol")
@COLOURS
@ERRORS
@pytest.mark.parametrize("streams", ["stream_events", "astream_events"])
@pytest.mark.parametrize("model", [ChatNative, ChatStreaming])
def test_at_a_stream_event(model: Any, streams: str, cls: Any, asynchronous: bool) -> None:
    """A stop at an event of the newer protocol gets out of what its consumer reads."""

    async def read() -> None:
        async for _ in await model().astream_events("hello", version="v3"):
            pass

    def run() -> None:
        if streams == "astream_events":
            asyncio.run(read())
        else:
            list(model().stream_events("hello", version="v3"))

    stopped(run, "on_stream_event", cls("enough"), asynchronous=asynchronous)


@COLOURS
@ERRORS
@pytest.mark.parametrize("form", ["invoke", "ainvoke", "stream", "astream"])
def test_at_a_custom_event(form: str, cls: Any, asynchronous: bool) -> None:
    """A stop gets out of the program's own `dispatch_custom_event`, and ends the run that it is called in."""
    after = Body()

    def f(value: Any) -> Any:
        dispatch_custom_event("news", value)
        return after()

    async def af(value: Any) -> Any:
        await adispatch_custom_event("news", value)
        return after()

    run = RunnableLambda(f, af)
    stopped(lambda: call(form, run, 1), "on_custom_event", cls("enough"), asynchronous=asynchronous)
    assert after.calls == 0


class Telling(ChatNative):
    """A model whose integration tells its run manager of something.

    Args:
        method: The run manager's method.
    """

    method: str = ""

    def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> Any:
        getattr(run_manager, self.method)("said")
        return super()._generate(messages)

    async def _agenerate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> Any:
        await getattr(run_manager, self.method)("said")
        return super()._generate(messages)


@COLOURS
@ERRORS
@pytest.mark.parametrize("form", ["invoke", "ainvoke"])
@pytest.mark.parametrize("hook", ["on_retry", "on_text"])
def test_at_a_retry_or_a_text(hook: str, form: str, cls: Any, asynchronous: bool) -> None:
    """A stop gets out of the run manager's method, and ends the run that it tells of."""
    body = Body()
    model = Telling(body=body, method=hook)
    stopped(lambda: call(form, model, "hello"), hook, cls("enough"), asynchronous=asynchronous)
    assert body.calls == 0


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@COLOURS
@pytest.mark.parametrize("form", ["invoke", "ainvoke"])
@pytest.mark.parametrize("hook", ["on_agent_action", "on_agent_finish"])
def test_at_an_action_of_a_classic_agent(hook: str, form: str, asynchronous: bool) -> None:
    """A stop ends the executor: a stopped action is not done."""
    package = "langchain_classic" if find_spec("langchain_classic") else "langchain"
    try:
        agents = import_module(f"{package}.agents")
    except ImportError:
        pytest.skip("the classic agents are not installed")
    from langchain_core.agents import AgentAction, AgentFinish
    from langchain_core.tools import StructuredTool

    done = Body()

    def count(x: str) -> str:
        """Count."""
        return str(done())

    plans = iter([AgentAction("count", "1", ""), AgentFinish({"output": "bye"}, "")])
    planner = RunnableLambda(lambda given: next(plans))
    executor = agents.AgentExecutor(
        agent=agents.agent.RunnableAgent(runnable=planner, stream_runnable=False),
        tools=[StructuredTool.from_function(count)],
    )
    error = callspan.Stop("enough")
    stopped(lambda: call(form, executor, {"input": "x"}), hook, error, asynchronous=asynchronous)
    assert done.calls == (hook == "on_agent_finish")


def _pausing() -> Any:
    graph = pytest.importorskip("langgraph.graph")
    from langgraph.checkpoint.memory import InMemorySaver
    from langgraph.types import interrupt

    builder = graph.StateGraph(dict)
    builder.add_node("ask", lambda state: {"said": interrupt("what?")})
    builder.add_edge(graph.START, "ask")
    builder.add_edge("ask", graph.END)
    return builder.compile(checkpointer=InMemorySaver())


@COLOURS
@ERRORS
@pytest.mark.parametrize("form", ["invoke", "ainvoke", "stream", "astream"])
def test_at_a_pause(form: str, cls: Any, asynchronous: bool) -> None:
    """A stop at a pause ends the graph, though its node has paused."""
    graph, config = _pausing(), {"configurable": {"thread_id": "1"}}
    notes, _ = stopped(lambda: call(form, graph, {}, config), "on_interrupt", cls("enough"), asynchronous=asynchronous)
    assert [run.outcome for run in notes.runs] == ["stopped", "paused"]


@COLOURS
@ERRORS
@pytest.mark.parametrize("form", ["invoke", "ainvoke", "stream", "astream"])
def test_at_a_resumption(form: str, cls: Any, asynchronous: bool) -> None:
    """A stop at a resumption ends the graph before any of its nodes."""
    graph, config = _pausing(), {"configurable": {"thread_id": "1"}}
    graph.invoke({}, config)
    from langgraph.types import Command

    notes, _ = stopped(
        lambda: call(form, graph, Command(resume="this"), config),
        "on_resume", cls("enough"), asynchronous=asynchronous,
    )  # fmt: skip
    assert [run.outcome for run in notes.runs] == ["stopped"]
