"""A line for each step, on a stream."""

from __future__ import annotations

import asyncio
import io
import re
from typing import Any

import pytest
from langchain_core.runnables import RunnableLambda
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON
from tests.handlers.agents import ASKED, FORMS, Agent, given
from tests.handlers.doors import DOORS, through

import callspan
from callspan.testing import ScriptedChatModel, record


def lines(stream: io.StringIO) -> list[str]:
    """Give the lines without times, of the clock and of steps."""
    return [re.sub(r"^[\d:.]+ |  [\d.]+ ?m?s.*$", "", line) for line in stream.getvalue().splitlines()]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("door", DOORS)
def test_a_line_a_step(door: str, form: str) -> None:
    stream = io.StringIO()
    through(door, callspan.Console(stream, ascii=True), form, lambda: Agent().runnable, given(form))
    ends = [(line.split(" > ")[0], line.split(" > ")[-1]) for line in lines(stream)]  # versions have other nodes
    assert ends == [("helper", "scripted"), ("helper", "delete"), ("helper", "scripted"), ("helper", "helper")]
    assert stream.getvalue().isascii()


@pytest.mark.may_log  # the block begins before `through` instruments the process
@pytest.mark.parametrize("door", ["process", "sampled out", "no sdk"])
def test_what_fails_is_skipped_or_stopped(door: str) -> None:
    stream = io.StringIO()
    console = callspan.Console(stream)

    def broken() -> Any:
        return ScriptedChatModel(callspan.Stop("enough"))

    through(door, console, "invoke", broken, "hi")
    assert "ERROR Stop: enough" in stream.getvalue()
    assert len(lines(stream)) == 1
    skip = callspan.Listen(on_start=lambda run: run.skip("canned"))
    with callspan.callbacks(skip):
        through(door, console, "invoke", lambda: ScriptedChatModel("hello"), "hi")
    assert stream.getvalue().splitlines()[1].endswith("skipped")


@pytest.mark.parametrize("door", ["block", "sampled out", "no sdk"])
def test_tokens_are_on_the_line(door: str) -> None:
    stream = io.StringIO()
    through(door, callspan.Console(stream, ascii=True), "invoke", lambda: ScriptedChatModel("one two three"), "hi")
    assert re.search(r"scripted  .*s  \d+ ?-?> ?\d+$", stream.getvalue().rstrip()), stream.getvalue()


@pytest.mark.parametrize("sampler", [ALWAYS_ON, ALWAYS_OFF])
def test_what_is_hidden_is_on_no_line(sampler: Any) -> None:
    stream = io.StringIO()
    inner = RunnableLambda(lambda x: ScriptedChatModel("hello").invoke("hi"), name="inner")
    outer = RunnableLambda(inner.invoke, name="outer")
    with record(callbacks=[callspan.Console(stream, ascii=True)], detail="calls", sampler=sampler):
        outer.invoke("hi")
    assert lines(stream) == ["outer > scripted", "outer"]


def test_it_says_nothing_under_callspan_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLSPAN_RUN", "{}")
    stream = io.StringIO()
    through("process", callspan.Console(stream), "invoke", lambda: Agent().runnable, ASKED)
    assert stream.getvalue() == ""


def test_standard_error_by_default(capsys: Any) -> None:
    through("block", callspan.Console(), "invoke", lambda: ScriptedChatModel("hello"), "hi")
    out, err = capsys.readouterr()
    assert out == ""
    assert "scripted" in err


def test_two_hundred_agents_at_once() -> None:
    async def all_of_them() -> None:
        await asyncio.gather(*[Agent().runnable.ainvoke(ASKED) for _ in range(200)])

    stream = io.StringIO()
    console = callspan.Console(stream)
    with record(callbacks=[console]):
        asyncio.run(all_of_them())
    assert len(lines(stream)) == 800
    assert console._live is not None
    assert console._live._groups == {}
