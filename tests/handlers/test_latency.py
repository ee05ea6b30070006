"""`Latency`: percentiles by kind and name, the slowest runs, first tokens; what it holds does not grow."""

from __future__ import annotations

import time
from random import Random
from typing import Any

import pytest
from langchain_core.runnables import RunnableLambda
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from tests.handlers.billed_agents import ASKED, EVERY_DOOR, FORMS, agent
from tests.modes.models.calls import call

from callspan import Latency
from callspan.handlers.histogram import Histogram
from callspan.testing import ScriptedChatModel, record


@EVERY_DOOR
@FORMS
def test_an_agent_by_every_door_in_every_form(door, form):
    latency = Latency()
    with record() as recording, door(latency, recording) as config:
        call(form, agent(), ASKED, config)
        spans = recording.spans
    seen = latency.snapshot()

    assert seen.names["llm", "scripted"].count == 2
    assert seen.names["tool", "depth"].count == 1
    for timings in (seen.kinds, seen.names):
        assert sum(timing.count for timing in timings.values()) == len(spans)


def test_sampled_out():
    latency = Latency()
    with record(sampler=ALWAYS_OFF, callbacks=[latency]):
        agent().invoke(ASKED)

    assert latency.snapshot().kinds["llm"].count == 2


def test_percentiles_are_at_most_two_per_cent_off():
    histogram, random = Histogram(), Random(1)
    given = sorted(random.lognormvariate(0, 2) for _ in range(5000))
    for one in given:
        histogram.add(one)
    timing: Any = histogram.timing()

    for name, share in (("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99)):
        assert getattr(timing, name) == pytest.approx(given[round(share * 5000) - 1], rel=0.02)
    assert (timing.count, timing.longest) == (5000, given[-1])
    assert timing.mean == pytest.approx(sum(given) / 5000)


def test_what_it_holds_does_not_grow():
    histogram = Histogram()
    for place in range(20_000):
        histogram.add(1.01**place if place < 3000 else 0.0)
    assert len(histogram._buckets) < 1000

    latency = Latency(names=2, slowest=3)
    with record(callbacks=[latency]):
        for number in range(9):
            RunnableLambda(lambda x: x, name=f"f{number}").invoke(1)
    seen = latency.snapshot()
    assert {name: timing.count for (_, name), timing in seen.names.items()} == {"f0": 1, "f1": 1, "(others)": 7}
    assert len(seen.slowest) == 3


def test_the_slowest_come_first_with_their_ids():
    latency = Latency(slowest=2)
    with record(callbacks=[latency]) as recording:
        for name, seconds in (("b", 0.03), ("c", 0.0), ("a", 0.06)):
            RunnableLambda(time.sleep, name=name).invoke(seconds)
        spans = {span.attributes["langchain.run.name"]: span.context for span in recording.spans}
    slowest = latency.snapshot().slowest

    assert [slow.name for slow in slowest] == ["a", "b"]
    assert [slow.span_context for slow in slowest] == [spans["a"], spans["b"]]
    assert slowest[0].seconds >= 0.06
    assert slowest[0].outcome == "ok"


def test_the_time_to_the_first_token():
    latency = Latency()
    with record(callbacks=[latency]):
        for _ in ScriptedChatModel("one two", model="m").stream("a"):
            time.sleep(0.02)
        ScriptedChatModel("one", model="invoked").invoke("a")
    seen = latency.snapshot()

    assert list(seen.first_tokens) == [("llm", "m")]
    assert seen.first_tokens["llm", "m"].p50 < 0.02 < seen.names["llm", "m"].p50


def test_failures_count_and_a_reset_begins_anew():
    latency = Latency()
    with record(callbacks=[latency]):
        with pytest.raises(ZeroDivisionError):
            RunnableLambda(lambda x: 1 / x, name="divide").invoke(0)
        assert latency.reset().slowest[0].outcome == "error"

    assert (dict(latency.snapshot().kinds), latency.snapshot().slowest) == ({}, ())


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match="slowest=-1 is not allowed"):
        Latency(slowest=-1)
