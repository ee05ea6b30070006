"""Run ids that the user chooses: text, used twice, used at the same time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import pytest
from langchain_core.runnables import RunnableLambda

NESTED = """\
invoke_workflow f
  chain g
    http
"""


@pytest.mark.parametrize("as_text", [False, True])
def test_a_chosen_id(way: Any, as_text: bool, step: Any, recording: Any) -> None:
    """An id that the user chose, as UUID or as text, is the span's `langchain.run.id`; children find their parent."""
    chosen = uuid4()
    f = RunnableLambda(lambda value: step("g").invoke(value), afunc=lambda value: step("g").ainvoke(value), name="f")
    assert way.invoke(f, "x", {"run_id": str(chosen) if as_text else chosen}) == "xg"
    assert recording.tree() == NESTED
    assert recording.named("invoke_workflow f").attributes["langchain.run.id"] == str(chosen)


def test_one_id_after_another(way: Any, step: Any, recording: Any) -> None:
    """An id that is used again is another run."""
    chosen = uuid4()
    for _ in range(2):
        assert way.invoke(step("f"), "x", {"run_id": chosen}) == "xf"
    assert recording.tree() == "invoke_workflow f\n  http\n" * 2


def test_one_id_in_two_threads(step: Any, recording: Any) -> None:
    """Two runs at the same time may bear one id: each keeps its own children, and each ends."""
    chosen, both = uuid4(), threading.Barrier(2)

    def f(value: str) -> Any:
        both.wait()
        result = step("g").invoke(value)
        both.wait()
        return result

    with ThreadPoolExecutor(2) as pool:
        calls = [pool.submit(RunnableLambda(f).invoke, value, {"run_id": chosen}) for value in "xy"]
    assert [call.result() for call in calls] == ["xg", "yg"]
    assert recording.tree() == NESTED * 2


async def test_one_id_in_many_tasks(step: Any, recording: Any) -> None:
    """The same in tasks."""
    chosen, begun, all_begun = uuid4(), [], asyncio.Event()

    async def f(value: str) -> Any:
        begun.append(value)
        if len(begun) == 5:
            all_begun.set()
        await all_begun.wait()
        return await step("g").ainvoke(value)

    calls = [RunnableLambda(f).ainvoke(value, {"run_id": chosen}) for value in "abcde"]
    assert await asyncio.gather(*calls) == ["ag", "bg", "cg", "dg", "eg"]
    assert recording.tree() == NESTED * 5


def test_the_child_bears_the_id_of_its_parent(recording: Any, http: Callable[..., None]) -> None:
    """A run may even bear the id of the run it is called in."""
    chosen = uuid4()

    def g(value: str) -> str:
        http()
        return value

    f = RunnableLambda(lambda value: RunnableLambda(g).invoke(value, {"run_id": chosen}), name="f")
    assert f.invoke("x", {"run_id": chosen}) == "x"
    assert recording.tree() == NESTED


def test_the_id_of_a_batch(way: Any, step: Any, recording: Any) -> None:
    """LangChain gives a batch's id to its first input, and warns; the others have ids of their own."""
    chosen = uuid4()
    with pytest.warns(RuntimeWarning, match="run_id"):
        assert way.batch(step("f"), ["x", "y", "z"], {"run_id": chosen}) == ["xf", "yf", "zf"]
    ids = [UUID(span.attributes["langchain.run.id"]) for span in recording.spans if span.parent is None]
    assert len(set(ids)) == 3
    assert chosen in ids
