"""Whom nobody hears, nobody pays for: asserted by what stands where, without a clock."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from langchain_core.callbacks import AsyncCallbackManager, CallbackManager
from langchain_core.callbacks.manager import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, GenericFakeChatModel
from langchain_core.messages import AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import StructuredTool
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON

import callspan
from callspan.core.dispatch import Notification, subscriptions
from callspan.testing import record

METHODS = {
    manager: vars(manager)["on_llm_new_token"] for manager in (CallbackManagerForLLMRun, AsyncCallbackManagerForLLMRun)
}
"""LangChain's own, before anything is instrumented."""

TOKEN = "on_llm_new_token"

CHUNKS = [ChatGenerationChunk(message=AIMessageChunk(text)) for text in ("one ", "two ", "three")]


class Looking(BaseChatModel):
    """Streams three chunks, and looks what the method of its run manager is when it is asked for the next one."""

    managers: Any
    seen: Any

    @property
    def _llm_type(self) -> str:
        return "looking"

    def _generate(self, *args: Any, **kwargs: Any) -> ChatResult:
        raise NotImplementedError

    def _look(self) -> None:
        (run_manager,) = self.managers
        method = run_manager.on_llm_new_token
        is_own = getattr(method, "__func__", None) is METHODS[type(run_manager)] and TOKEN not in vars(run_manager)
        self.seen.append("LangChain's" if is_own else type(method).__name__)

    def _stream(self, *args: Any, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
        for chunk in CHUNKS:
            yield chunk
            self._look()

    async def _astream(self, *args: Any, **kwargs: Any) -> AsyncIterator[ChatGenerationChunk]:
        for chunk in CHUNKS:
            yield chunk
            self._look()


@pytest.fixture
def looking(monkeypatch: pytest.MonkeyPatch) -> Looking:
    """The model, which is shown its run manager."""
    model = Looking(managers=[], seen=[])
    start, astart = CallbackManager.on_chat_model_start, AsyncCallbackManager.on_chat_model_start

    def started(*args: Any, **kwargs: Any) -> Any:
        model.managers[:] = found = start(*args, **kwargs)
        return found

    async def astarted(*args: Any, **kwargs: Any) -> Any:
        model.managers[:] = found = await astart(*args, **kwargs)
        return found

    monkeypatch.setattr(CallbackManager, "on_chat_model_start", started)
    monkeypatch.setattr(AsyncCallbackManager, "on_chat_model_start", astarted)
    return model


class Tokens(callspan.Callback):
    """Hears tokens."""

    def on_llm_new_token(self, run: callspan.Run, token: Any, chunk: Any) -> None:
        """Do nothing with it."""


class Starts(callspan.Callback):
    """Hears starts, and no tokens."""

    def on_run_start(self, run: callspan.Run) -> None:
        """Do nothing with it."""


def _stream(model: Any) -> None:
    list(model.stream("hi"))


def _astream(model: Any) -> None:
    async def drain() -> None:
        async for _ in model.astream("hi"):
            pass

    asyncio.run(drain())


streamed = pytest.mark.parametrize("stream", [_stream, _astream])


@streamed
@pytest.mark.parametrize("callbacks", [[], [Starts()]], ids=["nobody", "somebody who hears other events"])
def test_a_token_that_nobody_hears_meets_langchains_own_method(stream: Any, callbacks: Any, looking: Looking) -> None:
    """The first chunk puts it back; those after it cost what they cost without callspan."""
    with record(callbacks=callbacks):
        stream(looking)
    assert looking.seen == ["LangChain's"] * 3


@streamed
def test_a_token_that_is_heard_does_not(stream: Any, looking: Looking) -> None:
    """So that the test above could fail."""
    with record(callbacks=[Tokens()]):
        stream(looking)
    assert looking.seen == ["EveryToken"] * 3


def _double(number: int) -> int:
    """Double a number."""
    return 2 * number


CALLS: tuple[tuple[str, Callable[[], object]], ...] = (
    ("lambda", lambda: RunnableLambda(_double).invoke(1)),
    ("lambda, async", lambda: asyncio.run(RunnableLambda(_double).ainvoke(1))),
    ("sequence", lambda: (RunnableLambda(_double) | RunnableLambda(_double)).invoke(1)),
    ("failing", lambda: RunnableLambda(lambda _: 1 / 0).invoke(1)),
    ("tool", lambda: StructuredTool.from_function(_double).invoke({"number": 1})),
    ("chat", lambda: GenericFakeChatModel(messages=iter(["one two"])).invoke("hi")),
    ("stream", lambda: _stream(GenericFakeChatModel(messages=iter(["one two"])))),
    ("stream, async", lambda: _astream(GenericFakeChatModel(messages=iter(["one two"])))),
)


@pytest.fixture
def tellings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is told, wherever it is made."""
    made: list[str] = []
    init = Notification.__init__

    def noted(self: Notification, calls: Any, *args: Any, **kwargs: Any) -> None:
        given = list(calls)
        made.extend(event for _, _, event, _ in given)
        init(self, given, *args, **kwargs)

    monkeypatch.setattr(Notification, "__init__", noted)
    return made


def _run(call: Callable[[], object]) -> None:
    try:
        call()
    except ZeroDivisionError:
        return


@pytest.mark.parametrize("call", [call for _, call in CALLS], ids=[name for name, _ in CALLS])
@pytest.mark.parametrize("sampler", [ALWAYS_ON, ALWAYS_OFF], ids=["recorded", "sampled out"])
def test_a_run_that_nobody_hears_is_told_to_nobody(call: Any, sampler: Any, tellings: list[str]) -> None:
    """Neither by a telling that is empty nor by one that finds nobody."""
    with record(sampler=sampler):
        _run(call)
    assert tellings == []


def test_a_run_that_is_heard_is_told(tellings: list[str]) -> None:
    """So that the test above could fail; nothing is made for the events that its callback has no hook for."""
    with record(callbacks=[Starts()]):
        _run(CALLS[0][1])
    assert tellings == ["on_run_start"]


def _entered(call: Callable[[], object]) -> set[str]:
    """Return the files of callspan, of those that only callbacks need, whose functions a call enters."""
    package = Path(callspan.__file__).parent
    ours = [str(package / "core" / "dispatch.py"), str(package / "core" / "event_loops.py"), str(package / "callback")]
    entered: set[str] = set()

    def profile(frame: FrameType, event: str, _: Any) -> None:
        file = frame.f_code.co_filename
        if event == "call" and file.startswith(tuple(ours)):
            entered.add(Path(file).stem)

    sys.setprofile(profile)
    try:
        _run(call)
    finally:
        sys.setprofile(None)
    return entered


@pytest.mark.parametrize("call", [call for _, call in CALLS], ids=[name for name, _ in CALLS])
def test_nothing_of_callbacks_is_entered_where_none_is_imported(call: Any, monkeypatch: Any) -> None:
    """Neither subscription, nor isolation, nor the calls of hooks, nor a processor of callspan's."""
    with record():
        monkeypatch.setattr(subscriptions, "callback_class", None)
        _run(call)
        assert _entered(call) == set()
    with record(callbacks=[Starts()]):  # so that it could fail
        monkeypatch.setattr(subscriptions, "callback_class", callspan.Callback)
        assert "dispatch" in _entered(call)


@pytest.mark.parametrize("handler", [None, callspan.Callback], ids=["not imported", "imported"])
async def test_managers_are_the_same_whether_or_not_callbacks_are_imported(handler: Any, monkeypatch: Any) -> None:
    """Only the run's owner is in them, and their lists of handlers are LangChain's own."""
    monkeypatch.setattr(subscriptions, "callback_class", handler)
    with record(sampler=ALWAYS_OFF):
        manager = CallbackManager([])
        run_manager = manager.on_chain_start({"name": "c"}, {})
        async_manager = AsyncCallbackManager([])
        async_run_manager = await async_manager.on_chain_start({"name": "c"}, {})
        added = [set(vars(one)) - set(vars(type(one).get_noop_manager())) for one in (run_manager, async_run_manager)]
        assert added == [{"_callspan_owner"}] * 2
        assert run_manager.handlers is manager.handlers
        assert async_run_manager.handlers is async_manager.handlers
        run_manager.on_chain_end({})
        await async_run_manager.on_chain_end({})
