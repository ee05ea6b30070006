"""Whatever of our own breaks, the user's calls go on: every function of ours is made to raise, one after the other."""

from __future__ import annotations

import asyncio
import inspect
import pkgutil
from dataclasses import replace
from importlib import import_module
from types import ModuleType

import pytest
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool
from langgraph.graph import START, MessagesState, StateGraph
from opentelemetry.context import get_current
from tests.pairs import EVERY_CASE

import callspan.core
import callspan.langchain
from callspan import Callback, callbacks
from callspan.core import lifecycle, state
from callspan.langchain import patches
from callspan.testing import open_runs

# Those whose functions are not looked up by name when they are called, are the users' own, or are tried elsewhere.
NOT_TRIED = {
    "blocks",
    "compat",
    "definitions",
    "endpoints",
    "event_loops",
    "identity",
    "interop",
    "keys",
    "links",
    "logs",
    "media",
    "messages",
    "metrics",
    "operations",
    "patches",
    "patching",
    "prices",
    "providers",
    "requests",
    "responses",
    "retrievers",
    "said",
    "signals",
    "skip",
    "state",
    "drivers",
    "stores",
    "structured",
    "tools",
    "values",
    "workflows",
}

MODULES: list[ModuleType] = [
    import_module(f"{package.__name__}.{found.name}")
    for package in (callspan.core, callspan.langchain)
    for found in pkgutil.iter_modules(package.__path__)
    if found.name not in NOT_TRIED
]

# The weaving itself happens when a patch is installed, and the wrappers are the user's call.
NOT_AT_CALL_TIME = {
    *(
        "call_before",
        "call_after",
        "wrap_body",
        "watch",
        "watch_embeddings",
        "watch_subclasses",
        "_patch",
        "loop_noted",
        "failed",
        "end_abandoned",
        "end_all",
        "open_runs",
        "reset",
        "restore",
    ),
    *("_note", "leave"),  # as short as an assignment
    *("_awaitable", "_call_own"),  # what guards the users' hooks
    "_drop",  # Python calls it, and swallows what it raises
}


BROKEN = ("Run", "RunFrame", "BatchFrame", "ModelFrame", "Announcement")
"""Classes of ours whose methods are tried."""


def functions():
    """Find the functions and methods of ours that are looked up by name when they are called."""
    for module in MODULES:
        for name, value in vars(module).items():
            if getattr(value, "__module__", None) != module.__name__ or name in NOT_AT_CALL_TIME:
                continue
            if inspect.isfunction(value):
                yield module, name, f"{module.__name__.removeprefix('callspan.')}.{name}"
            elif inspect.isclass(value) and value.__name__ in BROKEN:
                for method, function in vars(value).items():
                    if inspect.isfunction(function) and method not in ("enter", "leave", "close"):
                        yield value, method, f"{value.__name__}.{method}"


@tool
def double(x: int) -> int:
    """Double it."""
    return 2 * x


ERROR = ValueError("the user's own")


def fail(x: object) -> None:
    """Raise the user's own exception."""
    raise ERROR


class Failing(FakeListChatModel):
    """A model that is down."""

    def _call(self, *args, **kwargs):
        raise ERROR

    def _stream(self, *args, **kwargs):
        raise ERROR


def graph():
    """Make a graph of one node with a model."""
    builder = StateGraph(MessagesState)
    builder.add_node("ask", lambda state: {"messages": [MODEL.invoke(state["messages"])]})
    builder.add_edge(START, "ask")
    return builder.compile()


class Everything(Callback):
    """Hears all there is."""

    def on_run_start(self, run):
        assert run.name

    def on_run_end(self, run):
        assert run.outcome

    def on_run_error(self, run):
        assert run.error

    def on_llm_new_token(self, run, token, chunk):
        assert token


EVERYTHING = Everything()
MODEL = FakeListChatModel(responses=["hello"])
CHAIN = RunnableLambda(lambda x: x + 1) | RunnableLambda(lambda x: 2 * x)


def caught(call):
    """Give the exception of a call."""
    try:
        return call()
    except ValueError as error:
        return error


async def collect(stream):
    """Read an async stream to its end."""
    return "".join([chunk.content async for chunk in stream])


async def asynchronous():
    """The same in async code."""
    return [
        await CHAIN.ainvoke(1),
        (await MODEL.ainvoke("x")).content,
        await collect(MODEL.astream("x")),
        await double.ainvoke({"x": 2}),
        len(await DeterministicFakeEmbedding(size=3).aembed_query("x")),
        (await graph().ainvoke({"messages": ["x"]}))["messages"][-1].content,
        [message.content for message in await MODEL.abatch(["x", "y"])],
    ]


def program():
    """Do a bit of everything; gives what came out."""
    stopped = MODEL.stream("x")
    next(stopped)
    stopped.close()
    return [
        CHAIN.invoke(1),
        CHAIN.batch([1, 2]),
        MODEL.invoke("x").content,
        "".join(chunk.content for chunk in MODEL.stream("x")),
        list(CHAIN.stream(1)),
        double.invoke({"x": 2}),
        len(DeterministicFakeEmbedding(size=3).embed_query("x")),
        graph().invoke({"messages": ["x"]})["messages"][-1].content,
        caught(lambda: RunnableLambda(fail).invoke(1)) is ERROR,
        caught(lambda: Failing(responses=[]).invoke("x")) is ERROR,
        caught(lambda: list(Failing(responses=[]).stream("x"))) is ERROR,
        asyncio.run(asynchronous()),
    ]


@pytest.fixture(scope="module")
def expected():
    """What comes out without us."""
    return program()


def cases():
    """Return each function unheard and heard; without CALLSPAN_TESTS=all, one unheard and the next one heard."""
    for number, (owner, name, place) in enumerate(functions()):
        for heard in (False, True):
            if EVERY_CASE or heard == number % 2:
                yield pytest.param(owner, name, heard, id=f"{place}-{'heard' if heard else 'unheard'}")


@pytest.mark.may_log
@pytest.mark.parametrize(("owner", "name", "heard"), list(cases()))
def test_the_program_runs_as_without_us(owner, name, heard, expected, recording, monkeypatch):
    """Results and exceptions are the program's own, the context is as it was, and nothing is left open for ever."""
    inforce = state.active()
    monkeypatch.setattr(state, "_current", replace(inforce, settings=replace(inforce.settings, strict=False)))

    def broken(*args, **kwargs):
        raise RuntimeError("our fault")

    before = get_current()
    with monkeypatch.context() as broke:
        broke.setattr(owner, name, broken)
        with callbacks(*([EVERYTHING] if heard else [])):
            assert program() == expected
    assert get_current() is before
    lifecycle.end_all()  # what could not be ended while the code was broken
    assert open_runs() == []


def test_the_patches_name_what_they_patch():
    """Every patch is named in full, so that a log line tells where the failure was."""
    assert all(patch.module.partition(".")[0] in ("langchain_core", "langchain", "langchain_classic", "langgraph")
               for patch in patches.PATCHES)  # fmt: skip
