"""Somebody reads what a model says while it says it."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from tests.handlers.agents import ASKED, CALL, Agent
from tests.handlers.doors import DOORS, through
from tests.modes.models.calls import acall, call

import callspan
from callspan.testing import ScriptedChatModel, record

pytestmark = pytest.mark.may_log  # of back-pressure in synchronous calls of a thread with an event loop

STREAMS = ("stream", "astream", "astream_events v2")
SAID = ["one", " two", " three"]


def scripted(*replies: Any) -> Any:
    return ScriptedChatModel(*(replies or ("one two three",)))


def whole(chunks: Any) -> str:
    return "".join(chunk.content for chunk in chunks)


class Reader(threading.Thread):
    """Reads in a thread of its own."""

    def __init__(self, tokens: Any, pause: float = 0) -> None:
        super().__init__(daemon=True)
        self.tokens, self.pause = tokens, pause
        self.said: list[str] = []
        self.error: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            for text in self.tokens:
                self.said.append(text)
                time.sleep(self.pause)
        except Exception as error:
            self.error = error

    def done(self) -> list[str]:
        self.join(10)
        assert not self.is_alive()
        return self.said


@pytest.mark.parametrize("form", STREAMS)
@pytest.mark.parametrize("door", DOORS)
def test_a_thread_reads_until_the_run_is_over(door: str, form: str) -> None:
    tokens = callspan.TokenStream()
    reader = Reader(tokens)
    through(door, tokens, form, scripted, "hi")
    assert reader.done() == SAID


@pytest.mark.parametrize("size", [1, 1000])
def test_a_task_reads_while_another_one_calls(size: int) -> None:
    async def both() -> list[str]:
        tokens = callspan.TokenStream(size=size)
        config: Any = {"callbacks": [tokens]}
        task = asyncio.create_task(acall("astream", scripted(), "hi", config))
        said = [text async for text in tokens]
        assert "".join(chunk.content for chunk in await task) == "one two three"
        return said

    with record():
        assert asyncio.run(both()) == SAID


def test_an_agent_streams_within_its_graph() -> None:
    async def both() -> list[str]:
        tokens, agent = callspan.TokenStream(), Agent(AIMessage("", tool_calls=[CALL]), "all is done")
        stream = agent.runnable.astream(ASKED, {"callbacks": [tokens]}, stream_mode="messages")

        async def consume() -> None:
            async for _ in stream:
                pass

        task = asyncio.create_task(consume())
        said = [text async for text in tokens]
        await task
        return said

    with record():
        assert asyncio.run(both()) == ["all", " is", " done"]


def test_tokens_of_a_block_of_several_runs() -> None:
    model = scripted("one two", "three")
    with record():
        tokens = callspan.TokenStream()
        reader = Reader(tokens)
        with tokens:
            list(model.stream("hi"))
            list(model.stream("hi"))
    assert reader.done() == ["one", " two", "three"]


def test_only_some_models() -> None:
    for wanted in ({"names": "loud"}, {"tags": ["quiet"]}):
        loud, quiet = scripted().with_config(run_name="loud"), scripted().with_config(tags=["quiet"])
        chain = loud | (lambda message: message.content) | quiet
        tokens = callspan.TokenStream(**wanted)
        with record(), tokens:
            list(chain.stream("hi"))
        assert list(tokens) == SAID


@pytest.mark.parametrize("form", ["stream", "astream"])
def test_an_error_passes_after_what_was_said(form: str) -> None:
    error = ConnectionError("gone")
    tokens = callspan.TokenStream()
    with record(), callspan.callbacks(tokens), pytest.raises(ConnectionError):
        call(form, scripted(["one", error]), "hi")
    said: list[str] = []
    with pytest.raises(ConnectionError) as raised:
        said.extend(tokens)
    assert raised.value is error
    tokens = callspan.TokenStream()
    with record(), callspan.callbacks(tokens), pytest.raises(ConnectionError):
        call(form, scripted(["one", error]), "hi")
    found = iter(tokens)
    assert next(found) == "one"


@pytest.mark.parametrize("form", ["stream", "astream"])
def test_a_slow_reader_is_waited_for(form: str) -> None:
    class Fullest(callspan.TokenStream):
        most = 0

        def on_llm_new_token(self, run: Any, token: Any, chunk: Any) -> Any:
            self.most = max(self.most, len(self._channel._items))
            return super().on_llm_new_token(run, token, chunk)

    tokens = Fullest(size=2)
    reader = Reader(tokens, pause=0.002)
    with record(), callspan.callbacks(tokens):
        call(form, scripted([f"{n} " for n in range(50)]), "hi")
    assert reader.done() == [f"{n} " for n in range(50)]
    assert tokens.most <= 2


@pytest.mark.parametrize("form", ["stream", "astream"])
def test_without_a_reader_the_model_goes_on(form: str) -> None:
    tokens = callspan.TokenStream(size=2, patience=0.05)
    with record(), callspan.callbacks(tokens):
        assert whole(call(form, scripted(), "hi")) == "one two three"
    with pytest.raises(TimeoutError, match="nobody has read the tokens for 0"):
        list(tokens)


def test_a_synchronous_call_does_not_wait_for_a_reader_in_the_loop_that_it_blocks() -> None:
    async def both() -> list[str]:
        tokens = callspan.TokenStream(size=1, patience=600)
        with callspan.callbacks(tokens):
            assert whole(scripted().stream("hi")) == "one two three"
        return [text async for text in tokens]

    with record():
        assert asyncio.run(both()) == SAID


@pytest.mark.parametrize("form", ["stream", "astream"])
def test_a_reader_that_stops_lets_the_model_go_on(form: str) -> None:
    tokens = callspan.TokenStream(size=1, patience=600)

    def read_one() -> None:
        for _ in tokens:
            break

    thread = threading.Thread(target=read_one)
    thread.start()
    with record(), callspan.callbacks(tokens):
        assert whole(call(form, scripted(), "hi")) == "one two three"
    thread.join()


def test_a_reader_that_is_cancelled_lets_the_model_go_on() -> None:
    async def both() -> Any:
        tokens = callspan.TokenStream(size=1, patience=600)

        async def read() -> None:
            async for _ in tokens:
                pass

        reading = asyncio.create_task(read())
        await asyncio.sleep(0)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        return await acall("astream", scripted(), "hi", {"callbacks": [tokens]})

    with record():
        assert whole(asyncio.run(both())) == "one two three"


def test_a_call_that_is_cancelled_ends_it() -> None:
    async def both() -> list[str]:
        tokens = callspan.TokenStream(size=1, patience=600)
        calling = asyncio.create_task(acall("astream", scripted(), "hi", {"callbacks": [tokens]}))
        await asyncio.sleep(0.05)
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling
        return [text async for text in tokens]

    with record() as recording:
        assert asyncio.run(both()) == ["one"]
    assert dict(recording.spans[0].attributes or {})["langchain.run.outcome"] == "cancelled"


def test_a_stream_of_version_3_is_read_once() -> None:
    tokens = callspan.TokenStream()
    model: Any = scripted()
    if not hasattr(model, "stream_events"):
        pytest.skip("this core has no streams of version 3")
    with record(), callspan.callbacks(tokens):
        for _ in model.stream_events("hi", version="v3"):
            pass
    assert list(tokens) == SAID


def test_an_answer_that_was_given_without_a_call_is_said_too() -> None:
    tokens = callspan.TokenStream()
    skip = callspan.Listen(on_start=lambda run: run.skip("canned"))
    with record(), callspan.callbacks(tokens, skip):
        list(scripted().stream("hi"))
    assert list(tokens) == ["canned"]


def test_one_for_each_of_two_hundred_agents() -> None:
    async def one(n: int) -> None:
        tokens = callspan.TokenStream(size=1)
        calling = asyncio.create_task(acall("astream", scripted(f"I am {n}"), "hi", {"callbacks": [tokens]}))
        assert "".join([text async for text in tokens]) == f"I am {n}"
        await calling

    async def all_of_them() -> None:
        await asyncio.gather(*[one(n) for n in range(200)])

    with record():
        asyncio.run(all_of_them())


def test_a_size_that_is_none() -> None:
    with pytest.raises(ValueError, match="size=0 is not allowed"):
        callspan.TokenStream(size=0)
