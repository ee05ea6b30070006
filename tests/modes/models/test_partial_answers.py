"""What had come of a model's answer when its call broke off is on the span: content, tokens, model, finish reason."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult, GenerationChunk
from langchain_core.runnables import RunnableLambda
from langgraph.graph import START, MessagesState, StateGraph
from tests.modes.models.calls import Standstill, acall, call, cancel, settle
from tests.modes.models.completion_models import CompletingNative

import callspan
from callspan import Listen
from callspan.testing import Recording, ScriptedChatModel, record

USAGE: Any = {"input_tokens": 1000, "output_tokens": 2, "total_tokens": 1002}
SHOWN = [
    "gen_ai.output.messages",
    "gen_ai.response.finish_reasons",
    "gen_ai.response.model",
    "gen_ai.usage.input_tokens",
]
HALF = (
    ' gen_ai.output.messages=[{"role":"assistant","parts":[{"type":"text","content":"Half of the answer"}],'
    '"finish_reason":"error"}] gen_ai.response.finish_reasons=["error"] gen_ai.response.model=m-1'
    " gen_ai.usage.input_tokens=1000"
)

needs_v3 = pytest.mark.skipif(
    not hasattr(BaseChatModel, "_iter_v2_events"), reason="v3 streams of events came with langchain-core 1.4"
)


class Breaking(BaseChatModel):
    """Says half of its answer, with what the provider tells of it in the first chunk; then `then` is called.

    Args:
        then: Called after the first half: it may raise.
        pause: Awaited after it where the model is asynchronous.
    """

    model: str = "m"
    then: Callable[[], None] = lambda: None
    pause: Callable[[], Any] | None = None

    @property
    def _llm_type(self) -> str:
        return "breaking"

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        if messages[-1].content == "fail":
            raise ConnectionError("the line is dead")
        message = AIMessage("All of it", usage_metadata=USAGE, response_metadata={"model_name": "m-1"})
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _stream(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
        yield from _half()
        self.then()
        yield _chunk(" and the rest")

    async def _astream(
        self, messages: list[BaseMessage], *args: Any, **kwargs: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        for chunk in _half():
            yield chunk
        self.then()
        if self.pause is not None:
            await self.pause()
        yield _chunk(" and the rest")


def _half() -> list[ChatGenerationChunk]:
    first = _chunk("Half of ", usage_metadata=USAGE, response_metadata={"model_name": "m-1"})
    return [first, _chunk("the answer")]


def _chunk(text: str, **said: Any) -> ChatGenerationChunk:
    return ChatGenerationChunk(message=AIMessageChunk(text, **said))


def _break() -> None:
    raise ConnectionError("the line is dead")


def _interrupt() -> None:
    raise KeyboardInterrupt


def graph_of(model: Any) -> Any:
    """Make a graph of one node, which invokes a model."""

    def ask(state: MessagesState) -> Any:
        return {"messages": [model.invoke(state["messages"])]}

    async def aask(state: MessagesState) -> Any:
        return {"messages": [await model.ainvoke(state["messages"])]}

    builder = StateGraph(MessagesState)
    builder.add_node("ask", RunnableLambda(ask, aask))
    builder.add_edge(START, "ask")
    return builder.compile()


def chat_of(recording: Recording) -> str:
    """Give the line of the only chat span."""
    [line] = [line.strip() for line in recording.tree(attributes=SHOWN).splitlines() if "chat m" in line]
    return line


@pytest.mark.filterwarnings("ignore:.*is deprecated")
@pytest.mark.parametrize("form", ["stream", "astream", "astream_events v1", "astream_events v2", "astream_log"])
def test_broken(form: str, recording: Recording) -> None:
    """A stream that breaks says what it had given; in the events of a runnable the model's `invoke` streams."""
    with pytest.raises(ConnectionError):
        call(form, RunnableLambda(lambda text: text) | Breaking(then=_break), "hello")
    assert chat_of(recording) == f"chat m !ConnectionError{HALF}"


@pytest.mark.parametrize("form", ["stream", "astream"])
def test_broken_in_a_graph_that_streams_messages(form: str, recording: Recording) -> None:
    """A model that is invoked in a node streams, if the graph streams messages."""
    state: Any = {"messages": [HumanMessage("hello")]}
    with pytest.raises(ConnectionError):
        call(form, graph_of(Breaking(then=_break)), state, stream_mode="messages")
    assert chat_of(recording) == f"chat m !ConnectionError{HALF}"


@pytest.mark.parametrize("form", ["stream", "invoke"])
def test_interrupted(form: str, recording: Recording) -> None:
    """Ctrl-C in the middle of an answer leaves what had come."""
    model: Any = Breaking(then=_interrupt)
    with pytest.raises(KeyboardInterrupt):
        call(
            form,
            graph_of(model) if form == "stream" else model.bind(stream=True),
            "hello" if form == "invoke" else {"messages": [HumanMessage("hello")]},
            **({"stream_mode": "messages"} if form == "stream" else {}),
        )
    assert chat_of(recording) == f"chat m ~cancelled{HALF}"


def test_closed(recording: Recording) -> None:
    """A stream that its reader closes says what was read."""
    stream: Any = Breaking().stream("hello")
    next(stream), next(stream)
    stream.close()
    assert chat_of(recording) == f"chat m ~closed{HALF}"


async def test_aclosed(recording: Recording) -> None:
    """An asynchronous stream that its reader closes says what was read."""
    async with aclosing(Breaking().astream("hello")) as stream:
        await anext(stream), await anext(stream)
    assert chat_of(recording) == f"chat m ~closed{HALF}"


async def test_dropped(recording: Recording) -> None:
    """A stream that is dropped half read says what was read, once the loop has closed it."""
    seen = 0
    async for _ in Breaking().astream("hello"):
        if (seen := seen + 1) == 2:
            break
    gc.collect()
    await settle()
    assert chat_of(recording) == f"chat m ~closed{HALF}"


def test_closed_after_its_last_chunk(recording: Recording) -> None:
    """A reason that had come stands."""

    class Ending(Breaking):
        def _stream(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
            yield _chunk("All", response_metadata={"finish_reason": "stop"})

    stream: Any = Ending().stream("hello")
    next(stream)
    stream.close()
    assert recording.tree(attributes=["gen_ai.response.finish_reasons"]) == (
        'chat m ~closed gen_ai.response.finish_reasons=["stop"]\n'
    )


def test_broken_before_its_first_chunk(recording: Recording) -> None:
    """A call that fails before anything has come says nothing of an answer."""
    with pytest.raises(ConnectionError):
        Breaking().invoke("fail")
    assert chat_of(recording) == "chat m !ConnectionError"


@pytest.mark.parametrize("form", ["astream", "astream_events v2", "a graph"])
async def test_cancelled(form: str, recording: Recording) -> None:
    """A call that is cancelled says what had come, also where LangChain does not report it."""
    model = Breaking(pause=(standstill := Standstill()))
    running = (
        acall("astream", graph_of(model), {"messages": [HumanMessage("hello")]}, stream_mode="messages")
        if form == "a graph"
        else acall(form, model, "hello")
    )
    await cancel(running, standstill.reached)
    await settle()
    assert chat_of(recording) == f"chat m ~cancelled{HALF}"


async def test_timed_out(recording: Recording) -> None:
    """A time-out around a call says what had come by then."""
    model = Breaking(pause=(standstill := Standstill()))

    async def run() -> None:
        async with asyncio.timeout(None) as limit:
            reading = asyncio.ensure_future(standstill.reached())
            reading.add_done_callback(lambda _: limit.reschedule(asyncio.get_running_loop().time()))
            await acall("astream", model, "hello")

    with pytest.raises(TimeoutError):
        await run()
    assert chat_of(recording) == f"chat m ~cancelled{HALF}"


@needs_v3
@pytest.mark.filterwarnings("ignore:.*is in beta")
def test_broken_v3(recording: Recording) -> None:
    """A v3 stream of events that breaks says what it had given."""
    stream: Any = Breaking(then=_break).stream_events("hello", version="v3")
    with pytest.raises(ConnectionError):
        list(stream.text)
    assert chat_of(recording) == f"chat m !ConnectionError{HALF}"


@needs_v3
@pytest.mark.filterwarnings("ignore:.*is in beta")
async def test_aclosed_v3(recording: Recording) -> None:
    """An asynchronous v3 stream that its reader closes is cancelled, and says what it had given."""
    model = Breaking(pause=(standstill := Standstill()))
    stream: Any = await model.astream_events("hello", version="v3")
    await anext(aiter(stream.text))
    await standstill.reached()
    await stream.aclose()
    await settle()
    assert chat_of(recording) == f"chat m ~cancelled{HALF}"


@needs_v3
@pytest.mark.filterwarnings("ignore:.*is in beta")
def test_dropped_v3(recording: Recording) -> None:
    """A v3 stream that is dropped half read says its words; LangChain keeps the rest for the end."""
    stream: Any = Breaking().stream_events("hello", version="v3")
    texts = iter(stream.text)
    next(texts), next(texts)
    del stream, texts
    gc.collect()
    assert "Half of the answer" in chat_of(recording)


class Halting(callspan.Callback):
    """Stops an answer at its second chunk."""

    def __init__(self) -> None:
        self.chunks = 0

    def on_llm_new_token(self, run: callspan.Run, token: Any, chunk: Any) -> None:
        self.chunks += 1
        if self.chunks == 2:
            raise callspan.Stop("enough")


class HaltingLater(Halting):
    """The same, as an asynchronous hook."""

    async def on_llm_new_token(self, run: callspan.Run, token: Any, chunk: Any) -> None:  # type: ignore[override]
        super().on_llm_new_token(run, token, chunk)


@pytest.mark.parametrize("halting", [Halting, HaltingLater])
@pytest.mark.parametrize("form", ["stream", "astream", "astream_events v2"])
def test_stopped_in_the_middle(form: str, halting: type[Halting], recording: Recording) -> None:
    """The chunk at which a hook stops the call had come too."""
    if halting is HaltingLater and form == "stream":
        pytest.skip("an asynchronous hook is told of a synchronous call in no loop")
    with callspan.callbacks(halting()), pytest.raises(callspan.Stop):
        call(form, RunnableLambda(lambda text: text) | Breaking(), "hello")
    assert chat_of(recording) == f"chat m !callspan.Stop ~stopped{HALF}"


@pytest.mark.parametrize("form", ["generate", "agenerate"])
def test_answers_beside_a_failed_prompt(form: str, recording: Recording) -> None:
    """When one prompt fails, the answers of the others were given and billed all the same."""
    prompts: Any = [[HumanMessage("hello")], [HumanMessage("fail")]]
    with pytest.raises(ConnectionError):
        call(form, Breaking(), prompts)
    lines = recording.tree(attributes=SHOWN).splitlines()
    assert len(lines) == 2
    [answered] = [line for line in lines if "All of it" in line]
    assert "gen_ai.usage.input_tokens=1000" in answered
    assert "error" not in answered.lower()


def test_answers_of_a_cancelled_generate(recording: Recording) -> None:
    """An answer that was there when another prompt was cancelled is kept."""

    class Slow(Breaking):
        async def _agenerate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
            if messages[-1].content == "wait" and self.pause is not None:
                await self.pause()
            return self._generate(messages)

    async def run() -> None:
        standstill = Standstill()
        prompts: Any = [[HumanMessage("hello")], [HumanMessage("wait")]]
        await cancel(Slow(pause=standstill).agenerate(prompts), standstill.reached)

    asyncio.run(run())
    assert sorted("All of it" in line for line in recording.tree(attributes=SHOWN).splitlines()) == [False, True]


@pytest.mark.parametrize("form", ["stream", "astream"])
def test_totals_of_a_closed_chain(form: str, recording: Recording) -> None:
    """What a model had used counts in the chain that its reader closes."""
    chain: Any = RunnableLambda(lambda text: text) | Breaking()

    async def read() -> None:
        async with aclosing(chain.astream("hello")) as steps:
            await anext(steps), await anext(steps)

    if form == "astream":
        asyncio.run(read())
    else:
        steps = chain.stream("hello")
        next(steps), next(steps)
        steps.close()
    assert chat_of(recording) == f"chat m ~closed{HALF}"
    assert "invoke_workflow ~closed langchain.total.input_tokens=1000\n" in recording.tree(
        attributes=["langchain.total.input_tokens"]
    )


@pytest.mark.parametrize(
    "behind", [StrOutputParser(), RunnableLambda(lambda said: said.content)], ids=["parser", "lambda"]
)
def test_totals_of_a_closed_chain_that_reads_its_model_to_its_end(behind: Any, recording: Recording) -> None:
    """A sync step that is closed reads all that is left of the model before it; the chain ends after both."""
    model = ScriptedChatModel("one two three")
    heard: list[str] = []
    with callspan.callbacks(Listen(on_end=lambda run: heard.append(run.kind))):
        steps = (model | behind).stream("hello")
        next(steps)
        steps.close()
    assert heard == ["llm", "chain", "chain"]
    used = recording.named("chat scripted").attributes["gen_ai.usage.input_tokens"]
    assert recording.named("invoke_workflow").attributes["langchain.total.input_tokens"] == used


def test_what_a_closed_chain_raises_in_its_model_stays_an_unraisable_exception(recording: Recording) -> None:
    """As without tracing: Python reports it, the closing program does not get it."""
    unraised: list[Any] = []
    steps = (ScriptedChatModel(["one ", "two ", ConnectionError("the line is dead")]) | StrOutputParser()).stream(
        "hello"
    )
    next(steps)
    with patch("sys.unraisablehook", unraised.append):
        steps.close()
    assert [type(one.exc_value) for one in unraised] == [ConnectionError]
    assert recording.named("invoke_workflow").attributes["langchain.run.outcome"] == "closed"
    assert recording.named("chat scripted").attributes["error.type"] == "ConnectionError"


class Completion(CompletingNative):
    """A completion model that says two words, and then calls `then`."""

    then: Callable[[], None] = lambda: None

    def _stream(self, prompt: str, *args: Any, **kwargs: Any) -> Iterator[GenerationChunk]:
        yield GenerationChunk(text="one ", generation_info={"model_name": "m-1"})
        yield GenerationChunk(text="two ")
        self.then()
        if self.pause is None:
            yield GenerationChunk(text="three")

    async def _astream(self, prompt: str, *args: Any, **kwargs: Any) -> AsyncIterator[GenerationChunk]:
        for chunk in self._stream(prompt):
            yield chunk
        if self.pause is not None:
            await self.pause()


TWO = (
    ' gen_ai.output.messages=[{"role":"assistant","parts":[{"type":"text","content":"one two "}],'
    '"finish_reason":"error"}] gen_ai.response.finish_reasons=["error"] gen_ai.response.model=m-1\n'
)


@pytest.mark.parametrize("form", ["stream", "astream"])
def test_broken_completion(form: str, recording: Recording) -> None:
    """A completion model's stream that breaks says what it had given."""
    with pytest.raises(ConnectionError):
        call(form, Completion(then=_break), "hello")
    assert recording.tree(attributes=SHOWN) == f"text_completion m !ConnectionError{TWO}"


@pytest.mark.parametrize("form", ["stream", "astream"])
def test_closed_completion(form: str, recording: Recording) -> None:
    """LangChain gathers a completion model's last chunk only when its reader comes back: it was read all the same."""
    if form == "stream":
        stream: Any = Completion().stream("hello")
        next(stream), next(stream)
        stream.close()
    else:

        async def read() -> None:
            async with aclosing(Completion().astream("hello")) as steps:
                await anext(steps), await anext(steps)

        asyncio.run(read())
    assert recording.tree(attributes=SHOWN) == f"text_completion m ~closed{TWO}"


@pytest.mark.parametrize("halting", [Halting, HaltingLater])
@pytest.mark.parametrize("form", ["stream", "astream"])
def test_stopped_completion(form: str, halting: type[Halting], recording: Recording) -> None:
    """An integration tells of a chunk before it yields it: the one at which a hook stops the call had come too."""
    if halting is HaltingLater and form == "stream":
        pytest.skip("an asynchronous hook is told of a synchronous call in no loop")

    class Telling(Completion):
        def _stream(self, prompt: str, *args: Any, run_manager: Any = None, **kwargs: Any) -> Iterator[GenerationChunk]:
            for chunk in super()._stream(prompt):
                if run_manager is not None:
                    run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                yield chunk

        async def _astream(
            self, prompt: str, *args: Any, run_manager: Any = None, **kwargs: Any
        ) -> AsyncIterator[GenerationChunk]:
            async for chunk in super()._astream(prompt):
                await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                yield chunk

    with callspan.callbacks(halting()), pytest.raises(callspan.Stop):
        call(form, Telling(), "hello")
    assert recording.tree(attributes=SHOWN) == f"text_completion m !callspan.Stop ~stopped{TWO}"


async def test_cancelled_completion(recording: Recording) -> None:
    """A completion model's stream that is cancelled says what it had given, each chunk once."""
    standstill = Standstill()
    await cancel(acall("astream", Completion(pause=standstill), "hello"), standstill.reached)
    assert recording.tree(attributes=SHOWN) == f"text_completion m ~cancelled{TWO}"


def test_chunks_that_cannot_be_merged(recording: Recording) -> None:
    """Where two chunks do not fit together, those before them are kept."""

    class Odd(Breaking):
        def _stream(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
            yield from _half()
            yield _chunk("", additional_kwargs={"odd": "text"})
            yield _chunk("", additional_kwargs={"odd": ["list"]})
            raise ConnectionError("the line is dead")

    with suppress(TypeError, ConnectionError):
        list(Odd().stream("hello"))
    assert "Half of the answer" in chat_of(recording)


def test_totals_cost_and_hooks(tmp_path: Path) -> None:
    """What had come counts in the totals, has a cost, and is what hooks find on the run; `closed` is an end."""
    seen: list[Any] = []

    class Seeing(callspan.Callback):
        kinds = ("llm",)

        def on_run_end(self, run: callspan.Run) -> None:
            seen.append((run.outcome, run.message.content, run.usage.input_tokens, run.outputs.generations[0][0].text))

        def on_run_error(self, run: callspan.Run) -> None:
            self.on_run_end(run)

    prices = tmp_path / "prices.json"
    prices.write_text('{"m": {"input": 1000, "output": 500000}}')
    with record(prices=str(prices), callbacks=[Seeing()]) as recording:
        model = Breaking(then=_break)
        with suppress(ConnectionError):
            list((RunnableLambda(lambda text: text) | model).stream("hello"))
        stream: Any = model.stream("hello")
        next(stream), next(stream)
        stream.close()
    said = "Half of the answer"
    assert seen == [("error", said, 1000, said), ("closed", said, 1000, said)]
    assert (
        recording.tree(attributes=["langchain.total.input_tokens", "gen_ai.usage.cost"])
        == """\
invoke_workflow !ConnectionError langchain.total.input_tokens=1000
  chain RunnableLambda
  chat m !ConnectionError gen_ai.usage.cost=2.0
chat m ~closed gen_ai.usage.cost=2.0
"""
    )


@pytest.mark.without_content
def test_without_content(recording: Recording) -> None:
    """With content off nothing of the answer is said but what it used."""
    with pytest.raises(ConnectionError):
        list(Breaking(then=_break).stream("hello"))
    assert chat_of(recording) == (
        'chat m !ConnectionError gen_ai.response.finish_reasons=["error"] gen_ai.response.model=m-1'
        " gen_ai.usage.input_tokens=1000"
    )
