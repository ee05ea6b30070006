"""Five hundred agents at once, with all handlers on: no count is lost, and nothing is left."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import sys
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from langchain_core.runnables import RunnableLambda
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from tests.handlers.billed_agents import ASKED, INPUT, MODEL_CALLS, OUTPUT, TOOL_CALLS, agent, prices
from tests.modes.models.calls import call

import callspan
from callspan.testing import ScriptedChatModel, record

AGENTS = 500


@pytest.fixture
def switching() -> Iterator[None]:
    """Threads take turns as often as they can."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(interval)


class Lines(logging.Handler):
    """Counts log lines."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: list[str] = []

    def emit(self, entry: logging.LogRecord) -> None:
        self.lines.append(entry.getMessage())


async def gathered() -> None:
    """Call half of the agents in tasks, while the other half runs in threads."""

    async def one(number: int) -> None:
        with callspan.session(f"s{number % 7}"):
            await agent().ainvoke(ASKED)

    await asyncio.gather(*(one(number) for number in range(AGENTS // 2)))


def in_threads() -> None:
    def one(number: int) -> None:
        with callspan.session(f"s{number % 7}"):
            agent().invoke(ASKED)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(one, range(AGENTS // 2)))


@pytest.mark.filterwarnings("ignore:Importing ")  # an older core changes the filters in each call, for all threads
@pytest.mark.parametrize("sampler", [None, ALWAYS_OFF], ids=["sampled", "sampled out"])
def test_no_count_is_lost(tmp_path, switching, sampler):
    given, logger, written = prices(tmp_path), logging.getLogger("many"), Lines()
    logger.handlers, logger.propagate = [written], False
    logger.setLevel(logging.INFO)
    usage, latency, collect = callspan.Usage(prices=given), callspan.Latency(), callspan.Collect(prices=given)
    budget = callspan.Budget(tokens=10**7, cost=10**7, calls=10**5, seconds=10**5, prices=given)
    rooted = callspan.Budget(calls=MODEL_CALLS, per="root")
    recorder = callspan.Recorder(tmp_path / "calls.jsonl", max_bytes=10**6, files=1000)
    handlers: list[Any] = [usage, latency, collect, recorder, callspan.Logs(logger), budget, rooted]
    options: Any = {} if sampler is None else {"sampler": sampler}
    with record(callbacks=handlers, **options) as recording, ThreadPoolExecutor(1) as pool:
        threads = pool.submit(in_threads)
        asyncio.run(gathered())
        threads.result()
        spans = len(recording.spans)

    calls, total = MODEL_CALLS * AGENTS, usage.total
    assert (total.calls, total.input_tokens, total.output_tokens) == (calls, INPUT * AGENTS, OUTPUT * AGENTS)
    assert total.cost == (INPUT + 10 * OUTPUT) * AGENTS
    assert sum(one.calls for one in usage.snapshot().sessions.values()) == calls
    assert [one.usage.calls for one in collect.runs] == [MODEL_CALLS] * AGENTS
    kinds = latency.snapshot().kinds
    assert (kinds["llm"].count, kinds["tool"].count) == (calls, TOOL_CALLS * AGENTS)
    assert spans == (0 if sampler else sum(timing.count for timing in kinds.values()))
    assert len(written.lines) == sum(timing.count for timing in kinds.values())
    left = budget.left()
    assert (10**7 - left["tokens"], 10**5 - left["calls"]) == ((INPUT + OUTPUT) * AGENTS, calls)
    assert 10**7 - left["cost"] == pytest.approx(total.cost)
    assert not rooted._accounts
    lines = [json.loads(line) for file in tmp_path.glob("calls.jsonl*") for line in file.read_bytes().splitlines()]
    assert len(lines) == calls + TOOL_CALLS * AGENTS
    assert len({line["run_id"] for line in lines}) == len(lines)


def test_no_run_is_kept():
    runs: list[Any] = []
    handlers: list[Any] = [callspan.Usage(), callspan.Latency(), callspan.Budget(tokens=10**9), callspan.Collect()]
    with record(callbacks=[*handlers, callspan.Listen(on_start=lambda run: runs.append(weakref.ref(run)))]):
        agent().invoke(ASKED)
        gc.collect()

    assert len(runs) > MODEL_CALLS
    assert [run() for run in runs if run() is not None] == []


@pytest.mark.parametrize("form", ["invoke", "ainvoke", "stream", "astream"])
def test_all_of_them_on_one_model(tmp_path, form):
    usage, latency, collect, budget = callspan.Usage(), callspan.Latency(), callspan.Collect(), callspan.Budget(calls=2)
    recorder, logger, written = callspan.Recorder(tmp_path / "calls.jsonl"), logging.getLogger("one"), Lines()
    logger.handlers, logger.propagate = [written], False
    logger.setLevel(logging.INFO)
    handlers: list[Any] = [usage, latency, collect, recorder, callspan.Logs(logger), budget]
    with record():
        model = ScriptedChatModel("yes", "no", callbacks=handlers)
        call(form, RunnableLambda(str) | model, 1)
        call(form, RunnableLambda(str) | model.with_config(callbacks=handlers), 1)  # by two doors: heard once
        with pytest.raises(callspan.OverBudget):
            call(form, model, "a")

    assert (usage.total.calls, latency.snapshot().kinds["llm"].count, len(written.lines)) == (2, 3, 3)
    assert [one.outcome for one in collect.runs] == ["ok", "ok", "stopped"]
    assert len(recorder.path.read_bytes().splitlines()) == 3
