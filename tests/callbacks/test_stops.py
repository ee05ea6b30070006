"""A hook that raises a `Stop` ends the call, whatever is called and however."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.trace import StatusCode
from tests.callbacks.hearing import Notes, Witness, stopper
from tests.callbacks.stoppable import ALL, Body, Case, what_and_form

import callspan
from callspan.testing import Recording, record

pytestmark = pytest.mark.may_log  # of asynchronous hooks in synchronous calls, and of what comes too late to stop

COLOURS = pytest.mark.parametrize("asynchronous", [False, True], ids=["def", "async def"])


class OverBudget(callspan.Stop):
    """A stop of the program's own."""


class Abort(BaseException):
    """A stop that no `except Exception` sees."""


HEARD = {
    "start": ["first start", "stopper start", "first error", "stopper error"],
    "end": ["first start", "stopper start", "last start", "first end", "last error"],
    "error": ["first start", "stopper start", "last start", "first error", "last error"],
}
"""What is heard of a run that is stopped, by the hook that stops it."""


def stopped(case: Case, event: str, error: BaseException, *, asynchronous: bool, **settings: Any) -> tuple[Any, ...]:
    """Make a call that a hook stops: what came out, its body, what was heard and what was recorded."""
    notes = Notes()
    body = Body(ValueError("broken") if event == "error" else None)
    hook = stopper(f"on_{case.kind}_{event}", error, notes, asynchronous=asynchronous, **settings)
    witnesses = Witness("first", notes), hook, Witness("last", notes)
    with record(callbacks=witnesses) as recording, pytest.raises(type(error)) as raised:
        case.call(body)
    return raised.value, body, notes, recording


def pairs(lines: list[str], name: str) -> list[str]:
    """Give what one callback heard of a run."""
    return [line.split()[1] for line in lines if line.split()[0] == name]


def check(
    case: Case, event: str, error: BaseException, body: Body, notes: Notes, recording: Recording, caplog: Any
) -> None:
    """Check all that is promised of a call that was stopped."""
    assert not [entry for entry in caplog.messages if "failed" in entry]
    assert (body.calls == 0) is (event == "start")
    spans = [span for span in recording.spans if (span.attributes or {}).get("langchain.run.outcome") == "stopped"]
    assert spans
    assert {span.attributes["error.type"].rpartition(".")[2] for span in spans} == {type(error).__name__}
    for span in recording.spans:
        failed = span.status.status_code is StatusCode.ERROR
        assert failed == ("error.type" in (span.attributes or {})), span.name
    runs = [run for run in notes.runs if run.outcome == "stopped"]
    assert runs
    for run in runs:
        assert run.error is error
        assert notes.of(run) == HEARD[event]
    for run in notes.runs:
        if run.outcome != "stopped":
            outcome = "error" if run.outcome == "error" else "end"
            for name in ("first", "stopper", "last"):
                assert pairs(notes.of(run), name) in ([], ["start", outcome]), (run, notes.of(run))


@pytest.mark.pairs(case=what_and_form)
@COLOURS
@pytest.mark.parametrize("event", HEARD)
@pytest.mark.parametrize("case", ALL, ids=str)
def test_the_very_object_comes_out(case: Case, event: str, asynchronous: bool, caplog: Any) -> None:
    """The caller gets what the hook raised; each who heard the start hears one end or error, nobody else any."""
    error = callspan.Stop("enough")
    came_out, body, notes, recording = stopped(case, event, error, asynchronous=asynchronous)
    assert came_out is error
    check(case, event, error, body, notes, recording, caplog)


FEW = [case for case in ALL if case.name in (
    "chat.invoke", "chat.astream", "tool.ainvoke", "retriever.invoke", "embedder.embed_query",
    "chat in a sequence.astream", "graph.stream", "graph.ainvoke", "chat in a node.astream",
    "agent, its tool.invoke", "workflow.ablock",
)]  # fmt: skip
"""Some of each kind, for what does not depend on the form."""


@pytest.mark.pairs(case=what_and_form)
@COLOURS
@pytest.mark.parametrize("event", HEARD)
@pytest.mark.parametrize(
    ("error", "settings"),
    [(OverBudget("enough"), {}), (KeyError("a guard's own"), {"raise_error": True}), (Abort("enough"), {})],
    ids=["subclass", "raise_error", "BaseException"],
)
@pytest.mark.parametrize("case", FEW, ids=str)
def test_any_exception_that_is_meant_to_stop(
    case: Case, error: BaseException, settings: Any, event: str, asynchronous: bool, caplog: Any
) -> None:
    """A subclass of `Stop`, anything that a callback with `raise_error` raises, a BaseException: they stop alike."""
    came_out, body, notes, recording = stopped(case, event, error, asynchronous=asynchronous, **settings)
    assert came_out is error
    check(case, event, error, body, notes, recording, caplog)


def test_what_an_error_hook_raises_replaces_the_error(recording: Recording) -> None:
    """The error of the call is the context of the stop."""
    failure, error = ValueError("broken"), callspan.Stop("enough")
    with callspan.callbacks(stopper("on_llm_error", error, Notes(), asynchronous=False)), pytest.raises(callspan.Stop):
        ALL[0].call(Body(failure))
    assert error.__context__ is failure
    assert recording.tree() == "chat m !callspan.Stop ~stopped\n"
