"""A streamed chain that fails ends with all that it read from, also while somebody holds the exception."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from langchain_core.output_parsers import BaseTransformOutputParser, StrOutputParser
from langchain_core.runnables import (
    RunnableBranch,
    RunnableGenerator,
    RunnableLambda,
    RunnableParallel,
    RunnablePassthrough,
)

import callspan
from callspan.testing import Recording, ScriptedChatModel, open_runs, record

Fn = Callable[..., Any]

MODEL = "chat scripted"


class Refusing(BaseTransformOutputParser[str]):
    """A parser that raises at its first chunk."""

    def parse(self, text: str) -> str:
        raise ValueError("refused")


def refuse(chunks: Iterator[Any]) -> Iterator[Any]:
    """Raise at the first chunk."""
    for _ in chunks:
        raise ValueError("refused")
    yield "never"


async def arefuse(chunks: AsyncIterator[Any]) -> AsyncIterator[Any]:
    """Raise at the first chunk."""
    async for _ in chunks:
        raise ValueError("refused")
    yield "never"


def model() -> Any:
    """Make a model that streams four pieces."""
    return ScriptedChatModel("one two three four")


def refusing() -> Any:
    """Make a step that raises at its first chunk."""
    return RunnableGenerator(refuse, arefuse, name="refuse")


def refuse_late() -> Any:
    """Make a step that raises once a model has said something."""

    def late(chunks: Iterator[Any]) -> Iterator[Any]:
        for chunk in chunks:
            if "said" in chunk:
                raise ValueError("refused")
        yield "never"

    async def alate(chunks: AsyncIterator[Any]) -> AsyncIterator[Any]:
        async for chunk in chunks:
            if "said" in chunk:
                raise ValueError("refused")
        yield "never"

    return RunnableGenerator(late, alate, name="refuse")


def with_a_parser() -> Any:
    return model() | Refusing()


def with_a_generator() -> Any:
    return model() | refusing()


def with_steps_between() -> Any:
    return RunnablePassthrough() | model() | StrOutputParser() | RunnablePassthrough() | refusing()


def nested() -> Any:
    return RunnableLambda(lambda given: given, name="f") | ((model() | StrOutputParser()) | refusing())


def nested_and_named() -> Any:
    inner = (model() | StrOutputParser()).with_config(run_name="inner")
    return inner | (refusing() | StrOutputParser()).with_config(run_name="outer")


def beside_each_other() -> Any:
    return RunnableParallel(good=model() | StrOutputParser(), bad=model() | refusing())


def behind_a_parallel() -> Any:
    return RunnableParallel(a=model(), b=model() | StrOutputParser()) | refusing()


def behind_an_assign() -> Any:
    said = RunnableLambda(lambda given: "hi") | model() | StrOutputParser()
    return RunnableLambda(lambda given: {"x": given}) | RunnablePassthrough.assign(said=said) | refuse_late()


def in_a_branch() -> Any:
    return RunnableBranch((lambda given: True, model()), model()) | refusing()


def with_fallbacks() -> Any:
    return model().with_fallbacks([model()]) | refusing()


def bound() -> Any:
    return model().bind(stop=["x"]) | refusing()


CHAINS = [
    with_a_parser,
    with_a_generator,
    with_steps_between,
    nested,
    nested_and_named,
    beside_each_other,
    behind_a_parallel,
    behind_an_assign,
    in_a_branch,
    with_fallbacks,
    bound,
]

FORMS = ("stream", "astream", "transform", "atransform", "astream_events")


def consume(chain: Any, form: str, given: Any) -> BaseException:
    """Read a stream until it fails, and return the exception with all that it holds."""
    if form in ("stream", "transform"):
        stream = chain.stream(given) if form == "stream" else chain.transform(iter([given]))
        try:
            list(stream)
        except ValueError as error:
            return error
        raise AssertionError("it did not fail")

    async def main() -> BaseException:
        async def each() -> AsyncIterator[Any]:
            yield given

        if form == "astream_events":
            stream = chain.astream_events(given, version="v2")
        else:
            stream = chain.astream(given) if form == "astream" else chain.atransform(each())
        try:
            async for _ in stream:
                pass
        except ValueError as error:
            assert open_runs() == []
            return error
        raise AssertionError("it did not fail")

    return asyncio.run(main())


def check_nesting(recording: Recording) -> None:
    """No span ends after its parent."""
    by_id = {span.context.span_id: span for span in recording}
    for span in recording:
        above = None if span.parent is None else by_id[span.parent.span_id]
        assert above is None or (span.end_time or 0) <= (above.end_time or 0), f"{span.name} in {above.name}"


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("make", CHAINS)
def test_every_run_ends_with_the_chain(make: Fn, form: str) -> None:
    with record() as recording:
        held = consume(make(), form, "hi")
        assert open_runs() == []
        check_nesting(recording)
    models = [span for span in recording if span.name == MODEL]
    assert models
    assert {span.attributes.get("langchain.run.outcome") for span in models} <= {"closed", "cancelled", None}
    assert all(span.status.status_code.name == "UNSET" for span in models)
    assert isinstance(held, ValueError)


@pytest.mark.parametrize("form", ["stream", "astream", "transform", "atransform"])
def test_the_model_is_closed(form: str) -> None:
    with record() as recording:
        held = consume(with_a_generator(), form, "hi")
    assert recording.tree() == (f"invoke_workflow !ValueError\n  {MODEL} ~closed\n  chain refuse !ValueError\n")
    assert str(held) == "refused"


@pytest.mark.parametrize("form", ["stream", "astream"])
def test_what_the_model_had_said_is_kept(form: str) -> None:
    with record(content="span_only") as recording:
        held = consume(with_a_generator(), form, "hi")
    assert '"content": "one' in str(recording.named(MODEL).attributes["gen_ai.output.messages"]).replace('":"', '": "')
    assert str(held) == "refused"


class Ends(callspan.Callback):
    """Writes down the ends that it hears."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def on_run_end(self, run: callspan.Run) -> None:
        self.heard.append(f"{run.kind} ~{run.outcome}")

    def on_run_error(self, run: callspan.Run) -> None:
        self.heard.append(f"{run.kind} !{type(run.error).__name__}")


class AsyncEnds(Ends):
    """The same, asynchronously."""

    async def on_run_end(self, run: callspan.Run) -> None:  # type: ignore[override]
        await asyncio.sleep(0)
        Ends.on_run_end(self, run)


@pytest.mark.parametrize(("form", "ends"), [("stream", Ends), ("astream", Ends), ("astream", AsyncEnds)])
def test_callbacks_hear_the_inner_ends_first(form: str, ends: Any) -> None:
    callback = ends()
    with record(callbacks=[callback]):
        held = consume(with_a_generator(), form, "hi")
    assert callback.heard == ["chain !ValueError", "llm ~closed", "chain !ValueError"]
    assert str(held) == "refused"


@pytest.mark.parametrize("form", ["stream", "astream"])
def test_langchains_handlers_hear_what_the_model_had_said(form: str) -> None:
    """LangChain would tell it when the exception is gone, and in a sync stream never."""
    from langchain_core.callbacks import BaseCallbackHandler

    class Handler(BaseCallbackHandler):
        def on_llm_error(self, error: BaseException, *, response: Any = None, **kwargs: Any) -> None:
            assert isinstance(error, GeneratorExit)
            heard.append(response.generations[0][0].text)

    heard: list[str] = []
    with record(callbacks=[callspan.FromLangChain(Handler())]):
        held = consume(with_a_generator(), form, "hi")
    assert (heard, str(held)) == (["one"], "refused")


def test_without_a_span_they_are_heard_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    callback = Ends()
    with record(callbacks=[callback]):
        held = consume(with_a_generator(), "stream", "hi")
        assert open_runs() == []
    assert callback.heard == ["chain !ValueError", "llm ~closed", "chain !ValueError"]
    assert str(held) == "refused"


@pytest.mark.parametrize("form", ["invoke", "ainvoke"])
def test_a_function_that_stops_reading(form: str) -> None:
    """A node or a tool reads a stream itself and raises; its variable still holds the stream."""

    def work(given: str) -> None:
        stream = (model() | StrOutputParser()).stream(given)
        for _ in stream:
            raise ValueError("refused")

    async def awork(given: str) -> None:
        stream = (model() | StrOutputParser()).astream(given)
        async for _ in stream:
            raise ValueError("refused")

    chain = RunnableLambda(work, awork, name="work")
    held: BaseException | None = None
    with record() as recording:
        try:
            chain.invoke("hi") if form == "invoke" else asyncio.run(chain.ainvoke("hi"))
        except ValueError as error:
            held = error
        assert open_runs() == []
        check_nesting(recording)
    assert recording.named(MODEL).attributes["langchain.run.outcome"] == "closed"
    assert str(held) == "refused"


@pytest.mark.parametrize("form", ["invoke", "ainvoke"])
def test_in_a_node_of_a_graph(form: str) -> None:
    from langgraph.graph import START, StateGraph

    def work(state: dict[str, Any]) -> None:
        list(with_a_generator().stream("hi"))

    async def awork(state: dict[str, Any]) -> None:
        async for _ in with_a_generator().astream("hi"):
            pass

    builder: Any = StateGraph(dict).add_node("work", RunnableLambda(work, awork)).add_edge(START, "work")
    graph = builder.compile()
    held: BaseException | None = None
    with record() as recording:
        try:
            graph.invoke({"x": 1}) if form == "invoke" else asyncio.run(graph.ainvoke({"x": 1}))
        except ValueError as error:
            held = error
        assert open_runs() == []
        check_nesting(recording)
    assert recording.named(MODEL).attributes["langchain.run.outcome"] == "closed"
    assert str(held) == "refused"


async def test_a_task_that_goes_on_is_left_alone(recording: Recording) -> None:
    """One of two tasks of a function fails; the other one reads its stream to the end."""
    failed = asyncio.Event()
    tasks: list[asyncio.Task[str]] = []

    async def read(given: str) -> str:
        words = []
        async for word in (model() | StrOutputParser()).astream(given):
            await failed.wait()
            words.append(word)
        return "".join(words)

    async def fail() -> None:
        for _ in range(20):
            await asyncio.sleep(0)
        raise ValueError("refused")

    async def work(given: str) -> None:
        tasks.append(asyncio.create_task(read(given)))
        await fail()

    with pytest.raises(ValueError, match="refused"):
        await RunnableLambda(work, name="work").ainvoke("hi")
    failed.set()
    assert await tasks[0] == "one two three four"
    assert "langchain.run.outcome" not in recording.named(MODEL).attributes


def test_a_stream_that_the_program_keeps_can_be_read_on(recording: Recording) -> None:
    """Its run has ended with the function that failed; the stream itself is as it was."""
    kept: list[Any] = []

    def work(given: str) -> None:
        kept.append(model().stream(given))
        next(kept[0])
        raise ValueError("refused")

    with pytest.raises(ValueError, match="refused"):
        RunnableLambda(work, name="work").invoke("hi")
    assert open_runs() == []
    assert "".join(chunk.content for chunk in kept[0]).split() == ["two", "three", "four"]
    assert recording.named(MODEL).attributes["langchain.run.outcome"] == "closed"


def test_a_stream_that_outlives_a_function_that_returns(recording: Recording) -> None:
    """A function may hand its stream on: the run ends with the stream."""

    def work(given: str) -> list[Any]:
        return [model().stream(given)]

    (stream,) = RunnableLambda(work, name="work").invoke("hi")
    assert "".join(chunk.content for chunk in stream) == "one two three four"
    assert "langchain.run.outcome" not in recording.named(MODEL).attributes


def test_what_is_noted_is_bounded() -> None:
    """However many streams a run reads, those that have ended are forgotten."""

    def work(given: str) -> int:
        for _ in range(200):
            list(model().stream(given))
        run = callspan.current_run()
        return len((run and run.streams) or ())

    with record():
        assert RunnableLambda(work, name="work").invoke("hi") <= 64
