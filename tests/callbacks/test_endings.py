"""However a run ends: who heard its start hears one end or one error of it, an error exactly when its span is one."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from langchain_core.callbacks import CallbackManager
from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableGenerator, RunnableLambda
from langchain_core.tools import StructuredTool
from langgraph.graph import START, StateGraph
from langgraph.types import Command
from opentelemetry.trace import StatusCode
from tests.callbacks.forms import State, in_node
from tests.callbacks.recorder import Awaited
from tests.modes.models.calls import Standstill, call, cancel, settle
from tests.modes.models.chat_models import ChatNative
from tests.modes.models.completion_models import CompletingNative
from tests.modes.retrievers.embedders import EmbedderNative, RetrieverNative

from callspan.testing import open_runs

Fn = Callable[..., Any]


@pytest.fixture(autouse=True)
def each_is_heard_to_its_end(recorder: Any, recording: Any) -> Iterator[None]:
    """Whatever the test did: one end for each start, by both hooks, as the span says."""
    yield
    assert open_runs() == []
    ends: dict[Any, list[str]] = {}
    for event, run, _ in recorder.told:
        if event != "on_llm_new_token":
            ends.setdefault(run.id, []).append(event.rpartition("_")[2])
    failed = {span.context.span_id for span in recording.spans if span.status.status_code is StatusCode.ERROR}
    runs = {run.id: run for _, run, _ in recorder.told}
    assert ends
    for run_id, events in ends.items():
        how = "error" if runs[run_id].span.get_span_context().span_id in failed else "end"
        abandoned = runs[run_id].outcome == "abandoned" and isinstance(recorder, Awaited)
        assert Counter(events) == ({"start": 2} if abandoned else {"start": 2, how: 2})


def ends(recorder: Any) -> list[str]:
    """Give the lines of the ends, of those hooks that hear all kinds."""
    return recorder.only("run_end", "run_error")


class TestCancelled:
    """A cancelled run ends, as cancelled, in every kind of run and in all that is around it."""

    async def cancelled(self, made: Any, asked: Any, standstill: Standstill, method: str = "ainvoke") -> None:
        await cancel(getattr(made, method)(asked), standstill.reached)
        await settle()

    @pytest.mark.parametrize(
        "make",
        [
            lambda pause: ChatNative(pause=pause),
            lambda pause: CompletingNative(pause=pause),
            lambda pause: RetrieverNative(body=lambda: None, pause=pause),
        ],
        ids=["chat", "llm", "retriever"],
    )
    async def test_a_call(self, make: Fn, recorder: Any) -> None:
        standstill = Standstill()
        made = make(standstill)
        await self.cancelled(made, "hello", standstill)
        assert ends(recorder) == [f"run_end {type(made).__name__} ~cancelled"]

    async def test_an_embedding(self, recorder: Any) -> None:
        standstill = Standstill()
        await self.cancelled(EmbedderNative(lambda: None, standstill), ["hello"], standstill, "aembed_documents")
        assert ends(recorder) == ["run_end EmbedderNative ~cancelled"]

    async def test_a_tool_in_a_chain(self, recorder: Any) -> None:
        standstill = Standstill()

        async def look(where: str) -> None:
            await standstill()

        tool = StructuredTool.from_function(coroutine=look, name="look", description="Look.")
        await self.cancelled(RunnableLambda(lambda value: value, name="f") | tool, {"where": "there"}, standstill)
        assert ends(recorder) == ["run_end f", "run_end look ~cancelled", "run_end RunnableSequence ~cancelled"]

    async def test_a_model_in_a_graph(self, recorder: Any) -> None:
        standstill = Standstill()
        await self.cancelled(in_node(ChatNative(pause=standstill)), {"asked": "hello"}, standstill)
        assert [line for line in ends(recorder) if line.split()[1] in ("ChatNative", "graph")] == [
            "run_end ChatNative ~cancelled",
            "run_end graph ~cancelled",
        ]

    async def test_a_stream(self, recorder: Any) -> None:
        standstill = Standstill()

        async def read() -> None:
            async for _ in ChatNative(pause=standstill).astream("hello"):
                pass

        await cancel(read(), standstill.reached)
        await settle()
        assert ends(recorder) == ["run_end ChatNative ~cancelled"]


def letters() -> RunnableGenerator[Any, Any]:
    """Make a generator that hands on letters."""

    def letters(chunks: Any) -> Any:
        for chunk in chunks:
            yield from chunk

    async def aletters(chunks: Any) -> Any:
        async for chunk in chunks:
            for letter in chunk:
                yield letter

    return RunnableGenerator(letters, aletters, name="letters")


STREAMS = {
    "ChatNative": (ChatNative, "hello"),
    "letters": (letters, "hello"),
    "graph": (lambda: in_node(letters()), {"asked": "hello"}),
}


class TestLeftEarly:
    """A stream that is left early ends as closed, whether it is closed or dropped."""

    @pytest.mark.parametrize("name", STREAMS)
    @pytest.mark.parametrize("left", ["close", "drop"])
    def test_a_stream(self, left: str, name: str, recorder: Any) -> None:
        make, asked = STREAMS[name]
        stream = make().stream(asked)
        next(stream)
        if left == "close":
            stream.close()
        del stream
        gc.collect()
        assert [line for line in ends(recorder) if line.split()[1] == name] == [f"run_end {name} ~closed"]

    @pytest.mark.parametrize("name", STREAMS)
    @pytest.mark.parametrize("left", ["close", "drop"])
    async def test_an_async_stream(self, left: str, name: str, recorder: Any) -> None:
        make, asked = STREAMS[name]
        stream = make().astream(asked)
        await anext(stream)
        if left == "close":
            await stream.aclose()
        del stream
        gc.collect()
        await settle()
        assert [line for line in ends(recorder) if line.split()[1] == name] == [f"run_end {name} ~closed"]

    @pytest.mark.parametrize("name", STREAMS)
    def test_a_stream_that_its_loop_left(self, name: str, recorder: Any) -> None:
        """What is open when the loop is shut down is closed there."""
        make, asked = STREAMS[name]
        kept = []

        async def begin() -> None:
            kept.append(make().astream(asked))
            await anext(kept[0])

        asyncio.run(begin())
        assert [line for line in ends(recorder) if line.split()[1] == name] == [f"run_end {name} ~closed"]


def test_abandoned(recorder: Any) -> None:
    """A run whose manager nobody holds has its end heard by plain hooks; nobody is there to await others."""
    run_manager = CallbackManager.configure().on_chain_start({}, {}, name="f")
    del run_manager
    gc.collect()
    assert open_runs() == []
    expected = [] if isinstance(recorder, Awaited) else ["run_end f ~abandoned"]
    assert ends(recorder) == expected


@pytest.mark.parametrize("form", ["invoke", "ainvoke"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_interrupted(error: Any, form: str, recorder: Any) -> None:
    """A process that is told to stop fails nothing."""

    def f(value: Any) -> None:
        raise error

    with pytest.raises(error):
        call(form, RunnableLambda(f, name="f") | letters(), "x")
    assert ends(recorder) == ["run_end f ~cancelled", "run_end RunnableSequence ~cancelled"]


@pytest.mark.parametrize("form", ["invoke", "ainvoke", "stream", "astream"])
def test_a_command_to_the_parent(form: str, recorder: Any) -> None:
    """A command that leaves a graph by an exception fails none of the runs that it goes through."""
    inner = StateGraph(State)
    inner.add_node("leave", lambda state: Command(graph=Command.PARENT, goto="then"))
    inner.add_edge(START, "leave")
    outer = StateGraph(State)
    outer.add_node("within", inner.compile(name="inner"), destinations=("then",))
    outer.add_node("then", lambda state: {"answer": 1})
    outer.add_edge(START, "within")
    call(form, outer.compile(name="outer"), {"asked": "x"})
    assert ends(recorder) == [
        *("run_end leave ~command", "run_end inner ~command", "run_end within ~command"),
        *("run_end then", "run_end outer"),
    ]
    commands = {type(run.error).__name__ for _, run, _ in recorder.told if run.outcome == "command"}
    assert commands == {"ParentCommand"}


@pytest.mark.parametrize("form", ["generate", "agenerate"])
@pytest.mark.parametrize("model", [ChatNative, CompletingNative])
def test_siblings_of_a_failed_prompt(model: Any, form: str, recorder: Any, recording: Any) -> None:
    """When one of three prompts fails each is heard: the failed one as an error, the others as LangChain has it."""

    def body(text: str) -> None:
        if text == "b":
            raise LookupError

    prompts = ["a", "b", "c"]
    with pytest.raises(LookupError):
        call(form, model(body=body), [[HumanMessage(text)] for text in prompts] if model is ChatNative else prompts)
    told = Counter(line.partition(" ")[2] for line in ends(recorder))
    name = model.__name__
    if model is CompletingNative:  # one body for all
        assert told == {f"{name} !LookupError": 3}
    elif form == "generate":
        assert told == {f"{name} !LookupError": 1, f"{name} ~unreported": 2}
    else:
        assert told == {f"{name} !LookupError": 1, name: 2}
    assert len(recording.spans) == 3


@pytest.mark.parametrize("form", ["generate", "agenerate"])
def test_a_result_that_is_reported_late(form: str, recorder: Any) -> None:
    """Prompts that are answered end with their own answers."""
    call(form, ChatNative(), [[HumanMessage("a")], [HumanMessage("b")]])
    assert ends(recorder) == ["run_end ChatNative", "run_end ChatNative"]


@pytest.mark.parametrize("form", ["invoke", "ainvoke"])
def test_a_failure_in_a_chain(form: str, recorder: Any) -> None:
    """An error is heard of each run that it goes through, as the very exception, the innermost first."""
    error = LookupError("no such thing")

    def f(value: Any) -> None:
        raise error

    with pytest.raises(LookupError):
        call(form, in_node(RunnableLambda(f, name="f") | letters()), {"asked": "x"})
    assert [line for line in recorder.only("run_error") if " node" not in line] == [
        "run_error f !LookupError",
        "run_error RunnableSequence !LookupError",
        "run_error graph !LookupError",
    ]
    assert {run.error for event, run, _ in recorder.told if event == "on_run_error"} == {error}


@pytest.mark.parametrize("form", ["invoke", "ainvoke"])
def test_a_handled_failure(form: str, recorder: Any) -> None:
    """What falls back has one failed run in it, and has not failed itself."""

    def f(value: Any) -> None:
        raise LookupError

    call(form, RunnableLambda(f, name="f").with_fallbacks([letters()]), "x")
    assert ends(recorder) == ["run_error f !LookupError", "run_end letters", "run_end RunnableWithFallbacks"]
