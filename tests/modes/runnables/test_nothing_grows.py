"""After a run nothing of it is left: no object, no cycle, no entry in a table."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from langchain_core.callbacks import CallbackManager
from langchain_core.runnables import RunnableLambda

from callspan import current_run
from callspan.core.registry import RunOwner
from callspan.core.run import Run
from callspan.core.wrappers import Frame
from callspan.testing import open_runs


@pytest.fixture
def uncollected() -> Iterator[None]:
    """The garbage collector is off: what goes, goes because nobody holds it."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def ours() -> list[Any]:
    """List the objects of this package that belong to runs."""
    return [found for found in gc.get_objects() if isinstance(found, (Run, RunOwner, Frame))]


@pytest.mark.usefixtures("uncollected", "recording")
@pytest.mark.parametrize("call", ["invoke", "stream", "batch", "batch_as_completed"])
def test_no_cycles(way: Any, call: str, step: Any, spell: Any) -> None:
    """A run is gone with its call, without the help of the garbage collector."""
    chain = step("f") | {"a": spell("g")} | RunnableLambda(lambda found: found["a"])
    refs: list[weakref.ref[Any]] = []
    chain = RunnableLambda(lambda value: refs.append(weakref.ref(current_run())) or value) | chain
    getattr(way, call)(chain, "x" if call in ("invoke", "stream") else ["x", "y"])
    assert [ref() for ref in refs if ref() is not None] == []
    assert refs
    assert open_runs() == []


@pytest.mark.usefixtures("recording")
@pytest.mark.parametrize("call", ["invoke", "stream", "batch"])
def test_no_object_is_left(way: Any, call: str, step: Any, spell: Any) -> None:
    """Runs that succeeded and runs that failed leave no object of ours behind."""
    value = ["x", "y"] if call == "batch" else "x"
    before = ours()
    for _ in range(3):
        getattr(way, call)(step("f") | spell("g"), value)
        with pytest.raises(ValueError, match="no"):
            getattr(way, call)(step("f") | spell("g", raises=ValueError("no")), value)
    gc.collect()
    assert [found for found in ours() if not any(found is other for other in before)] == []


@pytest.mark.usefixtures("recording")
def test_no_growth(way: Any, step: Any, recording: Any) -> None:
    """The number of objects in the process does not grow with the number of calls."""
    chain = step("f") | {"a": step("a"), "b": step("b")}

    def count() -> int:
        for _ in range(10):
            way.invoke(chain, "x")
        recording.clear()
        gc.collect()
        return len(gc.get_objects())

    for _ in range(3):
        count()
    first = count()
    assert count() - first < 10  # ten calls of six runs: one object for each would be sixty


@pytest.mark.usefixtures("uncollected")
def test_a_run_whose_manager_is_dropped(tree: Callable[..., str]) -> None:
    """A run that nobody can report the end of any more ends as abandoned."""
    manager = CallbackManager.configure().on_chain_start({"name": "f"}, {})
    [run] = open_runs()
    assert tree() == ""
    del manager
    assert open_runs() == []
    assert tree() == "invoke_workflow f ~abandoned\n"
    assert run.ended
    assert run.outcome == "abandoned"


def test_the_next_run_ends_what_was_abandoned(step: Any, tree: Callable[..., str]) -> None:
    """What was abandoned is ended by the next start or end of any run."""
    CallbackManager.configure().on_chain_start({"name": "left"}, {})
    step("f").invoke("x")
    assert tree() == "invoke_workflow left ~abandoned\ninvoke_workflow f\n  http\n"


@pytest.mark.usefixtures("recording")
def test_a_run_that_the_user_keeps() -> None:
    """A `Run` that the user keeps holds neither its span's context nor its run manager."""
    kept: list[Any] = []
    managers: list[weakref.ref[Any]] = []

    def f(value: str, run_manager: Any) -> None:
        managers.append(weakref.ref(run_manager))
        kept.append(current_run())

    RunnableLambda(f).invoke("x")
    gc.collect()
    [run] = kept
    assert run.context is None
    assert run.outcome == "ok"
    assert [ref() for ref in managers] == [None]
    assert current_run() is None


def test_a_result_keeps_no_run(spell: Any, tree: Callable[..., str]) -> None:
    """A stream that is kept in the middle keeps its run open; when it goes, the run ends."""
    stream = spell("f").stream("xyz")
    assert next(stream) == "x"
    assert [run.name for run in open_runs()] == ["f"]
    del stream
    assert open_runs() == []
    assert tree() == "invoke_workflow f ~closed\n  http\n"
