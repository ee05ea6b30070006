"""Runs whose run manager nobody holds any longer."""

from __future__ import annotations

import gc
import weakref

import pytest
from langchain_core.callbacks import CallbackManager
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.runnables import RunnableLambda

import callspan
from callspan.testing import open_runs


def abandon(count: int) -> None:
    """Start runs and let go of their managers."""
    managers = [CallbackManager.configure().on_chain_start({"name": "lost"}, {}) for _ in range(count)]
    assert len(open_runs()) == count
    del managers


@pytest.mark.parametrize("by", [open_runs, callspan.flush, lambda: RunnableLambda(str).invoke(1)])
def test_any_number_of_them_is_ended_by_what_comes_next(by, recording):
    """The next start or end of any run, a flush or a look at what is open ends them all, however many."""
    abandon(3_000)
    by()
    lost = [span for span in recording.spans if span.name == "invoke_workflow lost"]
    assert len(lost) == 3_000
    assert {span.attributes["langchain.run.outcome"] for span in lost} == {"abandoned"}


def test_the_span_ends_when_the_run_was_abandoned_and_not_when_that_was_noticed(recording):
    """The time until somebody looks does not count."""
    abandon(1)
    with recording.tracer.start_as_current_span("later") as later:
        pass
    assert recording.named("invoke_workflow lost").end_time <= later.start_time


@pytest.mark.parametrize("form", ["invoke", "stream"])
def test_a_models_call_leaves_no_cycle(form, recording):
    """Without the collector's help nothing of a call outlives it: the model can go when its program lets go."""
    model = FakeListChatModel(responses=["hi"])
    list(model.invoke("x") if form == "invoke" else model.stream("x"))
    gc.collect()
    gc.disable()
    try:
        list(model.invoke("x") if form == "invoke" else model.stream("x"))
        gone = weakref.ref(model)
        del model
        recording.clear()
        assert gone() is None
    finally:
        gc.enable()
