"""Handlers, metrics and events count what had come of an answer that broke off, also where nothing is recorded."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON
from tests.modes.models.test_partial_answers import Breaking

import callspan
from callspan.testing import record

SAMPLERS = pytest.mark.parametrize("sampler", [ALWAYS_ON, ALWAYS_OFF], ids=["recorded", "sampled out"])


def _break() -> None:
    raise ConnectionError("the line is dead")


def broken() -> None:
    """Read a stream that breaks."""
    with suppress(ConnectionError):
        list(Breaking(then=_break).stream("hello"))


def closed() -> None:
    """Leave a stream half read."""
    stream: Any = Breaking().stream("hello")
    next(stream), next(stream)
    stream.close()


@pytest.fixture(params=[broken, closed])
def leave(request: pytest.FixtureRequest) -> Callable[[], None]:
    """An answer that breaks off, in one way or the other: 1000 tokens in, 2 out."""
    function: Callable[[], None] = request.param
    return function


@pytest.fixture
def prices(tmp_path: Path) -> str:
    """A price file: the call costs 2 dollars."""
    file = tmp_path / "prices.json"
    file.write_text('{"m": {"input": 1000, "output": 500000}}')
    return str(file)


@SAMPLERS
def test_usage_and_budget(leave: Callable[[], None], sampler: Any, prices: str) -> None:
    """Tokens and cost are counted, and a budget is used up by them."""
    usage, budget = callspan.Usage(), callspan.Budget(tokens=5000, cost=5.0)
    with record(callbacks=[usage, budget], prices=prices, sampler=sampler):
        leave()
    assert (usage.total.input_tokens, usage.total.output_tokens, usage.total.cost) == (1000, 2, 2.0)
    assert usage.total.is_whole
    left = budget.left()
    assert left["tokens"] <= 3998
    assert left["cost"] <= 3.0


def test_a_budget_counts_the_larger_number() -> None:
    """Providers report the output last: what had been read counts if it is more than what they had reported."""
    budget = callspan.Budget(output_tokens=100)
    with record(callbacks=[budget]):
        closed()
    assert budget.left()["output_tokens"] == 100 - 4  # two pieces of 8 and 10 characters, a token for 4


@SAMPLERS
def test_recorder(leave: Callable[[], None], sampler: Any, tmp_path: Path) -> None:
    """A line has the tokens and, with content on, the words."""
    recorder = callspan.Recorder(tmp_path / "calls.jsonl")
    with record(callbacks=[recorder], content="span_only", sampler=sampler):
        leave()
    recorder.close()
    [line] = [json.loads(line) for line in (tmp_path / "calls.jsonl").read_text().splitlines()]
    assert line["usage"] == {"input_tokens": 1000, "output_tokens": 2}
    [message] = line["said"]["gen_ai.output.messages"]
    assert message["parts"] == [{"type": "text", "content": "Half of the answer"}]
    assert message["finish_reason"] == "error"


@SAMPLERS
def test_console_and_logs(leave: Callable[[], None], sampler: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A line has the tokens beside how the call ended."""
    out = io.StringIO()
    logger = logging.getLogger("tests.broken_off")
    with (
        caplog.at_level(logging.INFO, "tests.broken_off"),
        record(callbacks=[callspan.Console(out), callspan.Logs(logger)], sampler=sampler),
    ):
        leave()
    assert "1000>2" in out.getvalue().replace(",", "").replace("1.0k", "1000").replace(" ", "")
    assert "1000+2 tokens" in caplog.text


@SAMPLERS
def test_metrics(leave: Callable[[], None], sampler: Any) -> None:
    """Token usage is measured, by the model that answered."""
    reader = InMemoryMetricReader()
    with record(meter_provider=MeterProvider([reader]), sampler=sampler):
        leave()
    data: Any = reader.get_metrics_data()
    measured = {
        (point.attributes["gen_ai.token.type"], point.attributes["gen_ai.response.model"]): point.sum
        for metric in data.resource_metrics[0].scope_metrics[0].metrics
        if metric.name == "gen_ai.client.token.usage"
        for point in metric.data.data_points
    }
    assert measured == {("input", "m-1"): 1000, ("output", "m-1"): 2}


def test_log_events(leave: Callable[[], None]) -> None:
    """The event of the call has the words and the tokens."""
    exporter, provider = InMemoryLogRecordExporter(), LoggerProvider()
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    with record(content="event_only", logger_provider=provider) as recording:
        leave()
    assert "gen_ai.output.messages" not in dict(recording.spans[0].attributes or {})
    [details] = [
        dict(log.log_record.attributes or {})
        for log in exporter.get_finished_logs()
        if log.log_record.event_name == "gen_ai.client.inference.operation.details"
    ]
    assert details["gen_ai.usage.input_tokens"] == 1000
    assert "Half of the answer" in json.dumps(details["gen_ai.output.messages"])


def test_compat(leave: Callable[[], None]) -> None:
    """Other tools' names have them too."""
    with record(compat="openinference", content="span_only") as recording:
        leave()
    said = dict(recording.spans[0].attributes or {})
    assert said["llm.token_count.prompt"] == 1000
    assert said["llm.output_messages.0.message.content"] == "Half of the answer"


def test_guard_leaves_them_alone(caplog: pytest.LogCaptureFixture) -> None:
    """What has been read cannot be stopped any more: a guard of answers does not look at it, and logs nothing."""
    with record(callbacks=[callspan.Guard({"half": "Half"})]):
        closed()
    assert caplog.text == ""
