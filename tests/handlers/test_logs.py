"""`Logs`: a line for each run that ends, with the ids of its span; what was said only as the settings have it."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from langchain_core.runnables import RunnableLambda
from opentelemetry._logs import SeverityNumber
from opentelemetry.sdk._logs import LoggerProvider, export
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from tests.handlers.billed_agents import ASKED, EVERY_DOOR, FORMS, agent
from tests.modes.models.calls import call

import callspan
from callspan import Budget, Logs
from callspan.testing import ScriptedChatModel, record

InMemory: Any = getattr(export, "InMemoryLogRecordExporter", None) or getattr(export, "InMemoryLogExporter", None)

pytestmark = pytest.mark.may_log  # that is its purpose


class Records:
    """OpenTelemetry's log records, kept."""

    def __init__(self) -> None:
        self._exporter = InMemory()
        self.provider = LoggerProvider()
        self.provider.add_log_record_processor(export.SimpleLogRecordProcessor(self._exporter))

    @property
    def all(self) -> list[Any]:
        return [one.log_record for one in self._exporter.get_finished_logs()]


@EVERY_DOOR
@FORMS
def test_an_agent_by_every_door_in_every_form(door, form, caplog):
    records = Records()
    caplog.set_level(logging.INFO, "callspan.runs")
    logs = Logs(logger_provider=records.provider)
    with record() as recording, door(logs, recording) as config:
        call(form, agent(), ASKED, config)
        spans = {(f"{s.context.trace_id:032x}", f"{s.context.span_id:016x}") for s in recording.spans}

    lines = [one for one in caplog.records if one.name == "callspan.runs"]
    assert {(one.otelTraceID, one.otelSpanID) for one in lines} == spans
    assert len(lines) == len(records.all) == len(spans)
    assert {(f"{one.trace_id:032x}", f"{one.span_id:016x}") for one in records.all} == spans
    assert {one.levelname for one in lines} == {"INFO"}
    assert "lake" not in caplog.text


def test_a_line(caplog):
    caplog.set_level(logging.INFO, "callspan.runs")
    with record(callbacks=[Logs()]) as recording:
        ScriptedChatModel("one two").invoke("hi")
        [span] = recording.spans
    [line] = caplog.records
    ids = f"trace={span.context.trace_id:032x} span={span.context.span_id:016x}"

    assert line.getMessage().startswith("chat scripted ok 0.0")
    assert line.getMessage().endswith(f"s 1+2 tokens {ids}")
    assert line.callspan["gen_ai.request.model"] == "scripted"


def test_levels_by_outcome(caplog):
    caplog.set_level(logging.INFO, "callspan.runs")
    records = Records()

    def fails(text: Any) -> Any:
        raise ValueError("too\nlong \x1b[31m")

    with record(callbacks=[Logs(logger_provider=records.provider), Budget(calls=0)]):
        with pytest.raises(ValueError, match="too"):
            RunnableLambda(fails, name="work").invoke("hi")
        with pytest.raises(callspan.OverBudget):
            ScriptedChatModel("one").invoke("hi")
        stream = RunnableLambda(lambda x: iter([1, 2]), name="closed").stream("hi")
        next(stream)
        stream.close()
    lines = [(one.levelname, one.getMessage()) for one in caplog.records if one.name == "callspan.runs"]

    assert [level for level, _ in lines] == ["ERROR", "WARNING", "WARNING"]
    assert "error" in lines[0][1]
    assert "ValueError: too long [31m" in lines[0][1]
    assert all("\n" not in text and "\x1b" not in text for _, text in lines)
    assert "callspan.OverBudget: over budget" in lines[1][1]
    severities = [one.severity_number for one in records.all]
    assert severities == [SeverityNumber.ERROR, SeverityNumber.WARN, SeverityNumber.WARN]
    assert {one.event_name for one in records.all} == {"callspan.run"}


def test_what_was_said_is_written_where_content_is_on(caplog):
    caplog.set_level(logging.INFO, "callspan.runs")
    records = Records()
    key = "sk-" + "a1B2c3D4" * 6
    with record(callbacks=[Logs(logger_provider=records.provider)]):
        ScriptedChatModel("one").invoke("hi")
        with callspan.content("span_only"):
            ScriptedChatModel("one").invoke(f"hi {key}")
    off, on = (dict(one.attributes) for one in records.all)
    said = caplog.records[-1].callspan

    assert "gen_ai.input.messages" not in off
    assert "hi " in str(on["gen_ai.input.messages"])
    assert key not in str(on)
    assert "one" in str(said["gen_ai.output.messages"])
    assert "hi" not in caplog.records[-1].getMessage().split()


def test_sampled_out(caplog):
    caplog.set_level(logging.INFO, "callspan.runs")
    with record(sampler=ALWAYS_OFF, callbacks=[Logs()], content="span_only"):
        ScriptedChatModel("one").invoke("hi")
    [line] = caplog.records

    assert "chat scripted ok" in line.getMessage()
    assert "one" in str(line.callspan["gen_ai.output.messages"])


def test_a_level_that_is_off_costs_no_line(caplog):
    caplog.set_level(logging.ERROR, "mine")
    with record(callbacks=[Logs("mine")]):
        ScriptedChatModel("one").invoke("hi")

    assert caplog.records == []


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match="nothing would be written"):
        Logs(None)
    with pytest.raises(TypeError, match="is no logger"):
        Logs(7)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="is no logger provider"):
        Logs(None, logger_provider=7)  # type: ignore[arg-type]
