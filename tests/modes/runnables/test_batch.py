"""Batches: each input is a run of its own, and none is inside another."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.runnables import RunnableLambda

LAMBDA = """\
invoke_workflow f
  http
"""
SEQUENCE = """\
invoke_workflow
  chain f
    http
  chain g
    http
"""


@pytest.mark.parametrize("limit", [None, 1, 2])
@pytest.mark.parametrize("number", [1, 4])
def test_each_input_of_a_lambda_is_a_root(way: Any, number: int, limit: int | None, step: Any, recording: Any) -> None:
    """A batch of N inputs is N roots, in N traces, whatever runs at once."""
    inputs = [f"x{each}" for each in range(number)]
    results = way.batch(step("f"), inputs, {"max_concurrency": limit})
    assert results == [f"{value}f" for value in inputs]
    assert recording.tree() == LAMBDA * number
    assert len({span.context.trace_id for span in recording.spans}) == number


@pytest.mark.parametrize("limit", [None, 1, 2])
@pytest.mark.parametrize("number", [1, 4])
def test_each_input_of_a_sequence_is_a_root(
    way: Any, number: int, limit: int | None, step: Any, recording: Any
) -> None:
    """A sequence goes step by step through all inputs, and yet each input's steps hang under its own run."""
    inputs = [f"x{each}" for each in range(number)]
    results = way.batch(step("f") | step("g"), inputs, {"max_concurrency": limit})
    assert results == [f"{value}fg" for value in inputs]
    assert recording.tree() == SEQUENCE * number
    assert len({span.context.trace_id for span in recording.spans}) == number


@pytest.mark.parametrize("limit", [None, 1])
def test_as_completed(way: Any, limit: int | None, step: Any, tree: Callable[..., str]) -> None:
    """What is given as it completes is a root each; between two results the consumer's context is its own."""
    results = way.batch_as_completed(step("f") | step("g"), ["x", "y", "z"], {"max_concurrency": limit})
    assert sorted(results) == [(0, "xfg"), (1, "yfg"), (2, "zfg")]
    assert tree() == SEQUENCE * 3


def test_nothing_to_do(way: Any, step: Any, tree: Callable[..., str]) -> None:
    """A batch of no inputs is no run."""
    assert way.batch(step("f") | step("g"), []) == []
    assert tree() == ""


@pytest.fixture
def picky(http: Callable[..., None]) -> Any:
    """A lambda that refuses the input `bad`."""

    def picky(value: str) -> str:
        http()
        if value.startswith("bad"):
            raise ValueError(value)
        return value

    async def apicky(value: str) -> str:
        return picky(value)

    return RunnableLambda(picky, afunc=apicky, name="picky")


@pytest.mark.parametrize("method", ["batch", "batch_as_completed"])
def test_exceptions_as_results(way: Any, method: str, picky: Any, tree: Callable[..., str]) -> None:
    """With `return_exceptions` the input that raises is an error, the others are not."""
    results = getattr(way, method)(picky, ["x", "bad", "y"], return_exceptions=True)
    found = dict(results) if method == "batch_as_completed" else dict(enumerate(results))
    assert {**found, 1: str(found[1])} == {0: "x", 1: "bad", 2: "y"}
    assert isinstance(found[1], ValueError)
    assert (
        tree(sort=True)
        == """\
invoke_workflow picky
  http
invoke_workflow picky
  http
invoke_workflow picky !ValueError
  http
"""
    )


def test_exceptions_as_results_of_a_sequence(way: Any, step: Any, picky: Any, tree: Callable[..., str]) -> None:
    """An input that fails leaves the sequence at its step; the others go on, each under its own run."""
    results = way.batch(picky | step("g"), ["x", "bad", "y"], return_exceptions=True)
    assert [results[0], str(results[1]), results[2]] == ["xg", "bad", "yg"]
    assert (
        tree(sort=True)
        == """\
invoke_workflow
  chain g
    http
  chain picky
    http
invoke_workflow
  chain g
    http
  chain picky
    http
invoke_workflow !ValueError
  chain picky !ValueError
    http
"""
    )


def test_one_fails_alone(way: Any, picky: Any, tree: Callable[..., str]) -> None:
    """Without `return_exceptions` the caller gets the first exception; the run of each input ended as it did."""
    with pytest.raises(ValueError, match="bad"):
        way.batch(picky, ["x", "bad"])
    assert (
        tree(sort=True)
        == """\
invoke_workflow picky
  http
invoke_workflow picky !ValueError
  http
"""
    )


def test_one_fails_a_sequence(way: Any, step: Any, picky: Any, tree: Callable[..., str]) -> None:
    """A sequence reports the first exception for all its inputs, as nothing comes of any of them."""
    with pytest.raises(ValueError, match="bad"):
        way.batch(picky | step("g"), ["x", "bad"])
    assert (
        tree(sort=True)
        == """\
invoke_workflow !ValueError
  chain picky
    http
invoke_workflow !ValueError
  chain picky !ValueError
    http
"""
    )


async def test_the_others_go_on(http: Callable[..., None], tree: Callable[..., str]) -> None:
    """When one input of `abatch` raises, the caller has its exception while the others are still running."""
    go_on = asyncio.Event()

    async def f(value: str) -> str:
        if value == "bad":
            raise ValueError(value)
        await go_on.wait()
        http()
        return value

    mine = asyncio.all_tasks()
    with pytest.raises(ValueError, match="bad"):
        await RunnableLambda(f).abatch(["x", "bad"])
    assert tree() == "invoke_workflow f !ValueError\n"
    go_on.set()
    await asyncio.wait(asyncio.all_tasks() - mine)
    assert (
        tree(sort=True)
        == """\
invoke_workflow f
  http
invoke_workflow f !ValueError
"""
    )


def test_a_batch_in_a_body(way: Any, step: Any, tree: Callable[..., str]) -> None:
    """What a body calls as a batch hangs under its run, in pool threads and tasks too."""
    inner = step("f") | step("g")
    outer = RunnableLambda(lambda value: inner.batch([value, value]), afunc=lambda value: inner.abatch([value, value]))
    assert way.invoke(outer.with_config(run_name="outer"), "x") == ["xfg", "xfg"]
    nested = "".join(
        f"  {line}\n" for line in SEQUENCE.replace("invoke_workflow", "chain RunnableSequence").splitlines()
    )
    assert tree() == f"invoke_workflow outer\n{nested * 2}"


def test_a_config_for_each_input(way: Any, step: Any, recording: Any) -> None:
    """Each input may have a config of its own: its name and tags are its run's alone."""
    way.batch(step("f"), ["x", "y"], [{"run_name": "first", "tags": ["a"]}, {"run_name": "second"}])
    assert (
        recording.tree(sort=True, attributes=["langchain.run.tags"])
        == """\
invoke_workflow first langchain.run.tags=["a"]
  http
invoke_workflow second
  http
"""
    )
