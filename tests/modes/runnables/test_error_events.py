"""Errors: the `exception` event stands once, where the error began; those who pass it on have the status."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.runnables import RunnableLambda, RunnableParallel
from opentelemetry.trace import StatusCode


def events(recording: Any) -> list[tuple[str, str]]:
    """Name the spans with an `exception` event, and its type, in the order of their ends."""
    return [
        (span.name, event.attributes["exception.type"])
        for span in recording.spans
        for event in span.events
        if event.name == "exception"
    ]


def failed(recording: Any) -> dict[str, str]:
    """Give `error.type` of the spans whose status is ERROR; no other span has one."""
    types = {span.name: span.attributes.get("error.type") for span in recording.spans if span.name != "http"}
    errors = {span.name for span in recording.spans if span.status.status_code is StatusCode.ERROR}
    assert errors == {name for name, type_ in types.items() if type_ is not None}
    return {name: str(type_) for name, type_ in types.items() if type_ is not None}


def calls(inner: Any, name: str) -> Any:
    """Make a lambda that calls another."""
    return RunnableLambda(inner.invoke, afunc=inner.ainvoke, name=name)


def test_once_where_it_began(way: Any, step: Any, recording: Any) -> None:
    """Three runs inside each other fail by one exception: the innermost has the event, all have the type."""
    with pytest.raises(ValueError, match="no"):
        way.invoke(calls(calls(step("h", raises=ValueError("no")), "g"), "f"), "x")
    assert events(recording) == [("chain h", "ValueError")]
    assert failed(recording) == dict.fromkeys(["chain h", "chain g", "invoke_workflow f"], "ValueError")


@pytest.mark.parametrize("call", ["invoke", "stream"])
def test_once_in_a_sequence(way: Any, call: str, step: Any, recording: Any) -> None:
    """A step's exception has its event on the step, not on the sequence, streamed or not."""
    with pytest.raises(ValueError, match="no"):
        getattr(way, call)(step("f") | step("g", raises=ValueError("no")) | step("h"), "x")
    assert events(recording) == [("chain g", "ValueError")]
    assert failed(recording) == dict.fromkeys(["chain g", "invoke_workflow"], "ValueError")


def test_once_in_a_stream_that_is_passed_on(way: Any, spell: Any, recording: Any) -> None:
    """An exception that runs through the later steps of a stream has its event on the first."""
    with pytest.raises(ValueError, match="no"):
        way.stream(spell("f", raises=ValueError("no")) | spell("g"), "x")
    assert events(recording) == [("chain f", "ValueError")]
    assert failed(recording) == dict.fromkeys(["chain f", "chain g", "invoke_workflow"], "ValueError")


def test_once_in_a_batch(way: Any, step: Any, recording: Any) -> None:
    """A batch of a sequence reports one exception for all inputs: it has one event in the trace of each."""
    error = ValueError("no")

    def picky(value: str) -> str:
        if value == "bad":
            raise error
        return value

    with pytest.raises(ValueError, match="no"):
        way.batch(RunnableLambda(picky) | step("g"), ["x", "bad"])
    assert events(recording) == [("chain picky", "ValueError"), ("invoke_workflow", "ValueError")]


def test_another_exception(way: Any, step: Any, recording: Any) -> None:
    """A body that answers an exception with another begins a new error, with an event of its own."""

    def f(value: str) -> None:
        try:
            step("g", raises=ValueError("inner")).invoke(value)
        except ValueError as inner:
            raise LookupError("outer") from inner

    async def af(value: str) -> None:
        try:
            await step("g", raises=ValueError("inner")).ainvoke(value)
        except ValueError as inner:
            raise LookupError("outer") from inner

    with pytest.raises(LookupError, match="outer"):
        way.invoke(RunnableLambda(f, afunc=af), "x")
    assert events(recording) == [("chain g", "ValueError"), ("invoke_workflow f", "LookupError")]
    assert failed(recording) == {"chain g": "ValueError", "invoke_workflow f": "LookupError"}


def test_all_attempts_fail(way: Any, recording: Any) -> None:
    """Each attempt that fails by an exception of its own has its event; the run that retries has none."""
    count = iter(range(9))

    def f(value: str) -> None:
        raise ValueError(next(count))

    with pytest.raises(ValueError, match="2"):
        way.invoke(RunnableLambda(f).with_retry(stop_after_attempt=3, wait_exponential_jitter=False), "x")
    assert events(recording) == [("chain f", "ValueError")] * 3
    assert failed(recording) == dict.fromkeys(["chain f", "invoke_workflow f"], "ValueError")


@pytest.mark.parametrize("call", ["invoke", "stream"])
def test_all_fallbacks_fail(way: Any, call: str, step: Any, recording: Any) -> None:
    """The run around fallbacks passes the first one's exception on: it has no event, although another came later."""
    fallbacks = step("f", raises=ValueError("first")).with_fallbacks([step("g", raises=KeyError("second"))])
    with pytest.raises(ValueError, match="first"):
        getattr(way, call)(fallbacks, "x")
    assert events(recording) == [("chain f", "ValueError"), ("chain g", "KeyError")]


def test_two_branches_fail(step: Any, recording: Any) -> None:
    """Of two branches that fail, each has its event, and the parallel none: it passes one of them on."""
    with pytest.raises((ValueError, KeyError)):
        RunnableParallel(a=step("a", raises=ValueError("a")), b=step("b", raises=KeyError("b"))).invoke("x")
    assert sorted(events(recording)) == [("chain a", "ValueError"), ("chain b", "KeyError")]


def test_an_exception_kept_and_raised_later(step: Any, recording: Any) -> None:
    """A body that keeps an inner exception, calls something else and then raises what it kept passes it on."""

    def f(value: str) -> None:
        kept: list[BaseException] = []
        for inner in (step("g", raises=ValueError("no")), step("h", raises=KeyError("other"))):
            try:
                inner.invoke(value)
            except (ValueError, KeyError) as error:
                kept.append(error)
        raise kept[0]

    with pytest.raises(ValueError, match="no"):
        RunnableLambda(f).invoke("x")
    assert events(recording) == [("chain g", "ValueError"), ("chain h", "KeyError")]


def test_the_body_raises_behind_a_good_call(way: Any, step: Any, recording: Any) -> None:
    """A body that raises on its own account has the event."""

    def f(value: str) -> None:
        step("g").invoke(value)
        raise ValueError("mine")

    async def af(value: str) -> None:
        f(value)

    with pytest.raises(ValueError, match="mine"):
        way.invoke(RunnableLambda(f, afunc=af), "x")
    assert events(recording) == [("invoke_workflow f", "ValueError")]


@pytest.mark.parametrize("recording", [{"detail": "calls"}], indirect=True)
def test_where_the_error_began_is_hidden(way: Any, step: Any, recording: Any) -> None:
    """An error that began in a hidden run has its event on the nearest visible one: it is not lost."""
    with pytest.raises(ValueError, match="no"):
        way.invoke(step("f") | step("g", raises=ValueError("no")), "x")
    assert events(recording) == [("invoke_workflow", "ValueError")]


def test_cancelled_is_no_event(step: Any, recording: Any) -> None:
    """What is no failure has no event."""
    with pytest.raises(KeyboardInterrupt):
        (step("f") | step("g", raises=KeyboardInterrupt())).invoke("x")
    assert events(recording) == []
    assert failed(recording) == {}
