"""Stopping the instrumentation leaves every patched attribute as it was found."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import pytest
import wrapt
from langchain_core.callbacks import AsyncCallbackManager, CallbackManager
from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import RunnableLambda
from langgraph.pregel import Pregel

from callspan import instrument, uninstrument
from callspan.langchain.patches import PATCHES
from callspan.testing import Recording, record

Fn = Callable[..., Any]


def _places() -> Iterator[tuple[Any, str]]:
    """Every attribute that is patched in these versions."""
    for patch in PATCHES:
        if _exists(patch.module):
            owner: Any = import_module(patch.module)
            *path, name = patch.path.split(".")
            for part in path:
                owner = getattr(owner, part, None)
            if owner is not None and name in vars(owner):
                yield owner, name


def _exists(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_every_attribute_twice() -> None:
    """All that is patched is the very object again afterwards, the second time too."""
    places = list(_places())
    originals = [vars(owner)[name] for owner, name in places]
    assert len(places) > 40

    for _ in range(2):
        with record():
            patched = [vars(owner)[name] for owner, name in places]
            assert all(now is not was for now, was in zip(patched, originals, strict=True))
        restored = [vars(owner)[name] for owner, name in places]
        assert all(now is was for now, was in zip(restored, originals, strict=True))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_nothing_is_added_to_a_class() -> None:
    """No class that is patched has an attribute more or less, nor in another order, before, while or after."""
    owners = {owner for owner, _ in _places()}
    before = {owner: list(vars(owner)) for owner in owners}
    with record():
        assert {owner: list(vars(owner)) for owner in owners} == before
    assert {owner: list(vars(owner)) for owner in owners} == before


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_kinds_and_signatures(recording: Recording) -> None:
    """While patched, each callable has the kind and the signature of its original."""
    for owner, name in _places():
        patched = vars(owner)[name]
        original = inspect.unwrap(patched)
        if isinstance(original, type):  # `functools.partial`, which has no signature
            continue
        assert inspect.signature(patched) == inspect.signature(original)
        for kind in ("iscoroutinefunction", "isgeneratorfunction", "isasyncgenfunction"):
            assert getattr(inspect, kind)(patched) == getattr(inspect, kind)(original)


def _plain(function: Fn) -> Fn:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


@wrapt.decorator
def _wrapt(wrapped: Fn, instance: Any, args: Any, kwargs: Any) -> Any:
    return wrapped(*args, **kwargs)


@pytest.mark.parametrize("foreign", [_plain, _wrapt], ids=["functools", "wrapt"])
@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (CallbackManager, "on_chain_start"),
        (BaseChatModel, "_generate_with_cache"),
        (BaseChatModel, "stream"),
        (Pregel, "stream"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_below_a_foreign_wrapper(
    foreign: Fn,
    owner: Any,
    name: str,
    line: Fn,
    chat: Any,
    recording: Recording,
    tree: Fn,
) -> None:
    """Somebody else's wrapper on top of ours stays, and does its work; ours does nothing any longer."""

    def n(state: Any) -> Any:
        return {"trail": ["".join(chunk.content for chunk in chat.stream("hello"))]}

    # Not monkeypatch: it would put our own wrapper back after the instrumentation has stopped.
    ours = vars(owner)[name]
    theirs = foreign(ours)
    setattr(owner, name, theirs)
    try:
        line(n).invoke({"trail": []})
        assert tree() == "invoke_workflow\n  node n\n    chat parrot\n      http\n"
        recording.clear()
        uninstrument()

        assert vars(owner)[name] is theirs
        assert line(n).invoke({"trail": []}) == {"trail": ["pretty polly"]}
        assert tree() == "http\n"

        instrument(tracer_provider=recording.provider)
        recording.clear()
        line(n).invoke({"trail": []})
        assert tree() == "invoke_workflow\n  node n\n    chat parrot\n      http\n"
        uninstrument()
    finally:
        setattr(owner, name, inspect.unwrap(theirs))


@pytest.mark.parametrize("foreign", [_plain, _wrapt], ids=["functools", "wrapt"])
@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (AsyncCallbackManager, "on_chain_start"),
        (AsyncCallbackManager, "on_chat_model_start"),
        (BaseChatModel, "_agenerate_with_cache"),
        (BaseChatModel, "astream"),
        (Pregel, "astream"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
async def test_on_top_of_a_foreign_wrapper(
    foreign: Fn, owner: Any, name: str, line: Fn, chat: Any, recording: Recording, tree: Fn
) -> None:
    """A wrapper that was there before keeps its place and hides nothing, even if it is a plain function."""

    async def n(state: Any) -> Any:
        told = [chunk.content async for chunk in chat.astream("hello")]
        return {"trail": ["".join(told), (await chat.ainvoke("hello")).content]}

    uninstrument()
    original = vars(owner)[name]
    theirs = foreign(original)
    setattr(owner, name, theirs)
    try:
        instrument(tracer_provider=recording.provider)
        assert await line(n).ainvoke({"trail": []}) == {"trail": ["pretty polly"] * 2}
        uninstrument()
        assert vars(owner)[name] is theirs
    finally:
        setattr(owner, name, original)
    model = "    chat parrot\n      http\n"
    assert tree() == f"invoke_workflow\n  node n\n{model}{model}"


def test_a_method_that_was_kept(recording: Recording, tree: Fn) -> None:
    """A bound method that somebody took while it was patched still works, and does nothing of ours."""
    runnable = RunnableLambda(lambda x: x, name="f")
    start = CallbackManager.configure().on_chain_start
    uninstrument()

    manager = start(None, "x", name="kept")
    manager.on_chain_end("y")
    assert runnable.invoke("x") == "x"
    assert tree() == ""
