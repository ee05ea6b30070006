"""Where nothing is instrumented, nothing of callbacks is in force, and nothing of it is in the way."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from langchain_core.runnables import RunnableLambda
from opentelemetry.trace import INVALID_SPAN

import callspan
from callspan.core import state
from callspan.testing import record


def test_a_workflow_does_nothing():
    """Block and decorator run what they stand around; the run that the block gives has no span."""

    @callspan.workflow("decorated")
    def double(x):
        return 2 * x

    async def block():
        async with callspan.workflow("block") as run:
            return run.name, run.span

    with callspan.workflow("block", tags=["t"]) as run:
        assert callspan.current_run() is None
        assert (run.name, run.tags, run.span) == ("block", ("t",), INVALID_SPAN)
    assert double(3) == 6
    assert asyncio.run(block()) == ("block", INVALID_SPAN)


def test_a_wrong_name_of_a_callback_leaves_nothing_in_force():
    """What raises as it is instrumented has not instrumented: OpenTelemetry's loader may try again without it."""
    with pytest.raises(ValueError, match=r"callbacks='nowhere:Nobody' is not allowed"):
        callspan.CallspanInstrumentor().instrument(callbacks=["nowhere:Nobody"])
    assert not state.is_active()
    assert not callspan.CallspanInstrumentor().is_instrumented_by_opentelemetry


def in_block() -> None:
    with callspan.callbacks(callspan.Usage()):
        RunnableLambda(str).invoke(1)


async def _in_coroutine() -> None:
    in_block()


def in_coroutine() -> None:
    asyncio.run(_in_coroutine())


def read_tokens() -> None:
    with callspan.TokenStream():
        pass


def in_process() -> None:
    callspan.add_callback(callspan.Budget(calls=1))()


@pytest.mark.may_log
@pytest.mark.parametrize("use", [in_block, in_coroutine, read_tokens, in_process])
def test_callbacks_are_warned_of_once(use: Any, caplog: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(state, "_logged", set())
    use()
    use()
    (said,) = caplog.messages
    assert "callspan.instrument()" in said
    caplog.clear()
    with record():
        use()
        use()
    assert caplog.messages == []


@pytest.mark.may_log
def test_a_callback_that_came_before_hears_what_comes_after(caplog: Any, monkeypatch: Any) -> None:
    """This order is allowed, so there is no warning."""
    monkeypatch.setattr(state, "_logged", set())
    runs: list[str] = []
    undo = callspan.add_callback(callspan.Listen(lambda run: runs.append(run.name)))
    try:
        with record():
            RunnableLambda(str, name="after").invoke(1)
    finally:
        undo()
    assert runs == ["after"]
    assert caplog.messages == []


@pytest.mark.may_log
@pytest.mark.parametrize("run", ["invoke", "ainvoke", "stream", "batch"])
def test_a_callback_that_stays_is_warned_of_when_langchain_runs(run: str, caplog: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(state, "_logged", set())
    undo = callspan.add_callback(callspan.Budget(calls=1))
    try:
        assert caplog.messages == []
        step = RunnableLambda(str)
        for _ in range(2):
            match run:
                case "ainvoke":
                    asyncio.run(step.ainvoke(1))
                case "stream":
                    list(step.stream(1))
                case "batch":
                    step.batch([1, 2])
                case _:
                    step.invoke(1)
        (said,) = caplog.messages
    finally:
        undo()
    assert said.startswith("callspan.add_callback: nothing is instrumented")
    assert caplog.messages == [said]


def test_a_block_without_callbacks_is_not_warned_of(monkeypatch: Any) -> None:
    monkeypatch.setattr(state, "_logged", set())
    with callspan.callbacks():  # type: ignore[call-overload]
        pass
