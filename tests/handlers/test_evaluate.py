"""Scorers of root runs: their results stand on the span, and as logs where that is asked for."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from tests.handlers.agents import ASKED, FORMS, Agent, given, last_text
from tests.handlers.doors import DOORS, UNRECORDED, through

import callspan
from callspan.testing import ScriptedChatModel, record

pytestmark = pytest.mark.may_log  # of scorers that fail, and of asynchronous hooks in synchronous calls


def length(run: callspan.Run) -> int:
    return len(str(run.outputs))


async def polite(run: callspan.Run) -> callspan.Score:
    await asyncio.sleep(0)
    return callspan.Score(1.0, "pass", "it says please")


def verdict(run: callspan.Run) -> str:
    return "fail"


def nothing(run: callspan.Run) -> None:
    return None


def broken(run: callspan.Run) -> float:
    raise KeyError("secret words")


async def broken_later(run: callspan.Run) -> float:
    raise KeyError("secret words")


def events(span: Any) -> dict[str, dict[str, Any]]:
    """Give the events of a span by the names of the scorers."""
    found = [dict(event.attributes or {}) for event in span.events if event.name == "gen_ai.evaluation.result"]
    return {str(one.pop("gen_ai.evaluation.name")): one for one in found}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("door", DOORS)
def test_the_root_is_scored_once(door: str, form: str) -> None:
    agent = Agent()
    evaluate = callspan.Evaluate(polite, verdict, nothing, good=lambda run: True)
    result, recording = through(door, evaluate, form, lambda: agent.runnable, given(form))
    assert last_text(result) == "all is done"
    assert sorted(one.name for one in evaluate.results) == ["good", "polite", "verdict"]
    if door in UNRECORDED:
        return
    assert events(recording.named("invoke_agent helper")) == {
        "polite": {"gen_ai.evaluation.score.value": 1.0, "gen_ai.evaluation.score.label": "pass"},
        "verdict": {"gen_ai.evaluation.score.label": "fail"},
        "good": {"gen_ai.evaluation.score.value": 1.0},
    }
    assert not any(events(span) for span in recording.spans if span.name != "invoke_agent helper")


@pytest.mark.parametrize("form", FORMS)
def test_a_scorer_that_fails_costs_its_own_result(form: str) -> None:
    evaluate = callspan.Evaluate(broken, broken_later, length)
    for _ in range(7):
        result, recording = through("block", evaluate, form, lambda: Agent().runnable, given(form))
        assert last_text(result) == "all is done"
        span = recording.named("invoke_agent helper")
        found = events(span)
        assert found["broken"] == found["broken_later"] == {"error.type": "KeyError"}
        assert found["length"]["gen_ai.evaluation.score.value"] > 0
        assert "secret words" not in span.to_json()
    assert len(evaluate.results) == 21


@pytest.mark.parametrize("content", ["no_content", "span_only", "event_only", "span_and_event"])
def test_logs_and_the_explanation(content: str) -> None:
    exporter = InMemoryLogRecordExporter()
    provider = LoggerProvider()
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    evaluate = callspan.Evaluate(polite, logs=True)
    with record(content=content, logger_provider=provider) as recording, callspan.callbacks(evaluate):
        ScriptedChatModel("hello").invoke("hi")
    (span,) = recording.spans
    (log,) = [
        one.log_record
        for one in exporter.get_finished_logs()
        if one.log_record.event_name == "gen_ai.evaluation.result"
    ]
    score = {"gen_ai.evaluation.score.value": 1.0, "gen_ai.evaluation.score.label": "pass"}
    why = {"gen_ai.evaluation.explanation": "it says please"}
    assert events(span)["polite"] == score | (why if content in ("span_only", "span_and_event") else {})
    expected = {"gen_ai.evaluation.name": "polite"} | score | (why if "event" in content else {})
    assert dict(log.attributes or {}) == expected
    assert span.context is not None
    assert (log.trace_id, log.span_id) == (span.context.trace_id, span.context.span_id)


def test_what_a_scorer_calls_is_not_scored() -> None:
    judge = ScriptedChatModel(*["4"] * 10)

    def judged(run: callspan.Run) -> float:
        return float(judge.invoke("how good?").content)

    async def judged_later(run: callspan.Run) -> float:
        return float((await judge.ainvoke("how good?")).content)

    evaluate = callspan.Evaluate(judged, judged_later)
    with record(callbacks=[evaluate]):
        ScriptedChatModel("hello").invoke("hi")
        asyncio.run(ScriptedChatModel("hello").ainvoke("hi"))
    assert len(evaluate.results) == 4
    assert len(judge.asked) == 4


def test_what_failed_was_stopped_or_is_not_wanted_is_not_scored() -> None:
    evaluate = callspan.Evaluate(length, when=lambda run: run.name == "wanted")
    with record(callbacks=[evaluate]):
        with pytest.raises(ValueError, match="no"):
            ScriptedChatModel(ValueError("no")).invoke("hi", {"run_name": "wanted"})
        with callspan.callbacks(callspan.Listen(on_start=lambda run: run.skip("canned"))):
            ScriptedChatModel("hello").invoke("hi", {"run_name": "wanted"})
        ScriptedChatModel("hello").invoke("hi")
        assert list(evaluate.results) == []
        ScriptedChatModel("hello").invoke("hi", {"run_name": "wanted"})
    assert [one.run_name for one in evaluate.results] == ["wanted"]


def test_nobody_to_score() -> None:
    with pytest.raises(ValueError, match="give it a function"):
        callspan.Evaluate()


def test_two_hundred_agents_at_once_and_what_is_kept() -> None:
    async def all_of_them() -> None:
        await asyncio.gather(*[Agent().runnable.ainvoke(ASKED) for _ in range(200)])

    evaluate = callspan.Evaluate(polite, length)
    with record(callbacks=[evaluate]) as recording:
        asyncio.run(all_of_them())
        roots = [span for span in recording.spans if span.name == "invoke_agent helper"]
        assert [sorted(events(span)) for span in roots] == [["length", "polite"]] * 200
        assert len(evaluate.results) == 400
        for _ in range(1000):
            ScriptedChatModel("hello").invoke("hi")
    assert len(evaluate.results) == 1000
