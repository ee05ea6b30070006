"""The user's own handlers: they hear what they hear without us, and none of ours is beside them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.callbacks import (
    AsyncCallbackHandler,
    BaseCallbackHandler,
    adispatch_custom_event,
    dispatch_custom_event,
)
from langchain_core.runnables import RunnableConfig, RunnableLambda

EXPECTED = """\
invoke_workflow
  chain f
    http
  chain g
    http
"""
HEARD = ["start RunnableSequence", "start f", "end xf", "start g", "end xfg", "end xfg"]


class Sync(BaseCallbackHandler):
    """Notes the starts and ends of chains."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def on_chain_start(self, serialized: Any, inputs: Any, **kwargs: Any) -> None:
        self.heard.append(f"start {kwargs['name']}")

    def on_chain_end(self, outputs: Any, **kwargs: Any) -> None:
        self.heard.append(f"end {outputs}")

    def on_custom_event(self, name: str, data: Any, **kwargs: Any) -> None:
        self.heard.append(f"{name} {data}")


class Inline(Sync):
    """The same, called in the caller's own thread in async code too."""

    run_inline = True


class Async(AsyncCallbackHandler):
    """The same, with coroutines."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    async def on_chain_start(self, serialized: Any, inputs: Any, **kwargs: Any) -> None:
        self.heard.append(f"start {kwargs['name']}")

    async def on_chain_end(self, outputs: Any, **kwargs: Any) -> None:
        self.heard.append(f"end {outputs}")

    async def on_custom_event(self, name: str, data: Any, **kwargs: Any) -> None:
        self.heard.append(f"{name} {data}")


@pytest.mark.parametrize("handler", [Sync, Inline, Async])
def test_what_a_handler_hears(way: Any, handler: Any, step: Any, tree: Callable[..., str]) -> None:
    """A handler of whatever colour hears each start and each end once, in order."""
    listening = handler()
    assert way.invoke(step("f") | step("g"), "x", {"callbacks": [listening]}) == "xfg"
    assert listening.heard == HEARD
    assert tree() == EXPECTED


async def test_an_async_handler_of_sync_code_in_a_loop(step: Any, tree: Callable[..., str]) -> None:
    """Sync code inside a running loop, with an async handler: LangChain runs it elsewhere, the spans are ours."""
    listening = Async()
    assert (step("f") | step("g")).invoke("x", {"callbacks": [listening]}) == "xfg"
    assert listening.heard == HEARD
    assert tree() == EXPECTED


class Raising(BaseCallbackHandler):
    """Raises when a chain starts; `raise_error` lets it out."""

    def on_chain_start(self, serialized: Any, inputs: Any, **kwargs: Any) -> None:
        raise LookupError("mine")


@pytest.mark.may_log
def test_a_handler_that_raises(way: Any, step: Any, tree: Callable[..., str], caplog: pytest.LogCaptureFixture) -> None:
    """A handler that raises is logged by LangChain, and the chain goes on as it does without us."""
    assert way.invoke(step("f") | step("g"), "x", {"callbacks": [Raising()]}) == "xfg"
    assert [entry.name for entry in caplog.records] == ["langchain_core.callbacks.manager"] * 3
    assert tree() == EXPECTED


@pytest.mark.may_log
def test_a_handler_that_raises_to_the_caller(way: Any, step: Any, tree: Callable[..., str]) -> None:
    """With `raise_error` its exception is the caller's, before the run began: then there is no run."""
    handler = Raising()
    handler.raise_error = True
    with pytest.raises(LookupError, match="mine"):
        way.invoke(step("f") | step("g"), "x", {"callbacks": [handler]})
    assert tree() == ""


class RaisingAtTheEnd(BaseCallbackHandler):
    """Raises when a chain ends, to the caller."""

    raise_error = True

    def on_chain_end(self, outputs: Any, **kwargs: Any) -> None:
        raise LookupError("mine")


@pytest.mark.may_log
def test_a_handler_that_raises_at_the_end(way: Any, step: Any, tree: Callable[..., str]) -> None:
    """A run that a handler breaks when it has ended did end; what is around it fails by the handler's exception."""
    with pytest.raises(LookupError, match="mine"):
        way.invoke(step("f") | step("g"), "x", {"callbacks": [RaisingAtTheEnd()]})
    assert (
        tree()
        == """\
invoke_workflow !LookupError
  chain f
    http
"""
    )


def test_a_custom_event(way: Any, tree: Callable[..., str], http: Callable[..., None]) -> None:
    """A custom event of a body reaches the user's handler, and is no span."""

    def f(value: str) -> str:
        dispatch_custom_event("news", value)
        http()
        return value

    async def af(value: str) -> str:
        await adispatch_custom_event("news", value)
        http()
        return value

    listening = Sync()
    assert way.invoke(RunnableLambda(f, afunc=af), "x", {"callbacks": [listening]}) == "x"
    assert listening.heard == ["start f", "news x", "end x"]
    assert tree() == "invoke_workflow f\n  http\n"


def test_none_of_ours_in_the_config(way: Any, recording: Any) -> None:
    """In a body the config holds the user's handlers and no other."""
    seen: list[list[Any]] = []

    def f(value: str, config: RunnableConfig) -> None:
        manager: Any = config["callbacks"]
        seen.append([*manager.handlers, *manager.inheritable_handlers])

    async def af(value: str, config: RunnableConfig) -> None:
        f(value, config)

    mine = Sync()
    chain = RunnableLambda(f, afunc=af)
    way.invoke(chain, "x", {"callbacks": [mine]})
    way.invoke(chain, "x")
    assert seen == [[mine, mine], []]
    assert recording.tree() == "invoke_workflow f\n" * 2


class Calling(BaseCallbackHandler):
    """Calls a chain of its own when a chain starts."""

    def __init__(self, chain: Any) -> None:
        self.chain = chain

    def on_chain_start(self, serialized: Any, inputs: Any, **kwargs: Any) -> None:
        self.chain.invoke("y", {"callbacks": []})


def test_a_handler_that_calls_a_chain(step: Any, recording: Any) -> None:
    """A chain that a handler calls is where the handler was called: beside the run, not in it."""
    with recording.tracer.start_as_current_span("mine"):
        step("f").invoke("x", {"callbacks": [Calling(step("g"))]})
    assert (
        recording.tree(sort=True)
        == """\
mine
  invoke_workflow f
    http
  invoke_workflow g
    http
"""
    )


class Waiting(AsyncCallbackHandler):
    """Is slow to hear of a start."""

    def __init__(self) -> None:
        self.called = asyncio.Event()

    async def on_chain_start(self, serialized: Any, inputs: Any, **kwargs: Any) -> None:
        self.called.set()
        await asyncio.Event().wait()


async def test_cancelled_while_a_handler_hears_of_the_start(step: Any, tree: Callable[..., str]) -> None:
    """A call that is cancelled before its start was announced to all has no run."""
    handler = Waiting()
    task = asyncio.create_task(step("f").ainvoke("x", {"callbacks": [handler]}))
    await handler.called.wait()
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert tree() == ""
