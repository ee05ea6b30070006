"""`Collect`: the finished root runs of a block, as records that hold nothing but what they say."""

from __future__ import annotations

import gc
import time
import weakref
from typing import Any

import pytest
from langchain_core.runnables import RunnableLambda
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from tests.handlers.billed_agents import ASKED, EVERY_DOOR, FORMS, INPUT, OUTPUT, agent, prices
from tests.modes.models.calls import call

import callspan
from callspan import Collect
from callspan.handlers.sums import Sum
from callspan.testing import ScriptedChatModel, record


@EVERY_DOOR
@FORMS
def test_an_agent_by_every_door_in_every_form(door, form, tmp_path):
    collect = Collect(prices=prices(tmp_path))
    with record() as recording, door(collect, recording) as config:
        call(form, agent(), ASKED, config)
        [root] = [span for span in recording.spans if span.parent is None]
    [one] = collect.runs

    assert (one.usage.calls, one.usage.tokens, one.usage.cost) == (2, INPUT + OUTPUT, INPUT + 10 * OUTPUT)
    assert (one.inputs, one.outcome, one.error_type, one.kind) == (ASKED, "ok", None, "chain")
    assert one.span_context == root.context
    assert one.duration > 0
    assert one.outputs is not None


def test_sampled_out():
    collect = Collect()
    with record(sampler=ALWAYS_OFF, callbacks=[collect]):
        agent().invoke(ASKED)

    assert [one.usage.calls for one in collect.runs] == [2]


def test_the_roots_of_a_block_inside_a_run():
    collect = Collect()

    def work(text: Any) -> Any:
        with callspan.callbacks(collect):
            ScriptedChatModel("yes").invoke(text)
            return (RunnableLambda(str, name="inner") | ScriptedChatModel("no")).invoke(text)

    with record():
        RunnableLambda(work).invoke("a")

    assert [(one.name, one.usage.calls) for one in collect.runs] == [("ScriptedChatModel", 1), ("RunnableSequence", 1)]


def test_models_that_run_at_once_in_one_root_all_count(monkeypatch):
    plus = Sum.plus

    def slowly(self: Sum, *args: Any) -> Sum:
        time.sleep(0.001)
        return plus(self, *args)

    monkeypatch.setattr(Sum, "plus", slowly)
    collect, model = Collect(), ScriptedChatModel(lambda messages: "yes")
    with record(callbacks=[collect]), callspan.workflow("w"):
        model.batch(["a"] * 40)

    assert [one.usage.calls for one in collect.runs] == [40]


def test_names_tags_and_metadata():
    collect = Collect()
    with record(callbacks=[collect]):
        RunnableLambda(str.upper, name="shout").invoke("a", {"tags": ["t"], "metadata": {"k": 1}})
    [one] = collect.runs

    assert (one.name, one.inputs, one.outputs, one.tags, one.metadata["k"]) == ("shout", "a", "A", ("t",), 1)


def test_a_failed_run_says_what_and_holds_nothing():
    class Thing:
        pass

    held: list[Any] = []

    def work(text: Any) -> None:
        thing = Thing()
        held.append(weakref.ref(thing))
        raise ValueError("too long")

    collect = Collect()
    with record(callbacks=[collect]), pytest.raises(ValueError, match="too long"):
        RunnableLambda(work).invoke("a")
    gc.collect()
    [one] = collect.runs

    assert (one.outcome, one.error_type, one.error_text, one.outputs) == ("error", "ValueError", "too long", None)
    assert held[0]() is None


def test_it_is_bounded_and_can_be_emptied():
    collect = Collect(keep=3)
    with record(callbacks=[collect]):
        for number in range(5):
            RunnableLambda(str).invoke(number)

    assert [one.outputs for one in collect.clear()] == ["2", "3", "4"]
    assert collect.runs == ()
    with pytest.raises(ValueError, match="keep=0 is not allowed"):
        Collect(keep=0)
