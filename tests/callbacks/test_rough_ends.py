"""Ends that come in rough ways: everybody still hears them, each on the right run."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from langchain_core.runnables import RunnableLambda
from opentelemetry.sdk.trace import SpanProcessor

import callspan
from callspan.testing import Recording


class Awaiting(callspan.Callback):
    """Has a coroutine for the end."""

    async def on_run_end(self, run: callspan.Run) -> None:  # type: ignore[override]
        await asyncio.sleep(0)


def test_a_coroutine_that_is_closed_is_heard_by_plain_hooks_and_its_span_ends(recording: Recording) -> None:
    """Though somebody beside them would have to be awaited, which nobody does any longer."""
    heard: list[Any] = []

    @callspan.workflow("w")
    async def pause() -> None:
        await asyncio.sleep(0)

    with callspan.callbacks(Awaiting(), callspan.Listen(on_end=lambda run: heard.append(run.outcome))):
        coroutine = pause()
        coroutine.send(None)
        coroutine.close()
    assert heard == ["closed"]
    assert recording.tree() == "invoke_workflow w ~closed\n"


def test_two_tasks_in_blocks_of_one_workflow_object(recording: Recording) -> None:
    """The failure of one is its own."""
    shared = callspan.workflow("w")

    async def block(metadata: str, turns: int) -> str:
        try:
            with shared as run:
                run.set_attribute("who", metadata)
                for _ in range(turns):
                    await asyncio.sleep(0)
                if metadata == "fails":
                    raise ValueError(metadata)
        except ValueError:
            return "failed"
        return "ended"

    async def main() -> list[str]:
        return await asyncio.gather(block("fails", 1), block("ends", 3))

    assert asyncio.run(main()) == ["failed", "ended"]
    said = {span.attributes["who"]: span.attributes.get("error.type") for span in recording.spans if span.attributes}
    assert said == {"fails": "ValueError", "ends": None}


@pytest.mark.may_log
def test_a_success_sets_the_count_of_a_processor_back(recording: Recording) -> None:
    """One that fails every second time is never dropped."""
    heard: list[str] = []

    class Shaky(SpanProcessor):
        def on_end(self, span: Any) -> None:
            heard.append(span.name)
            if len(heard) % 2:
                raise LookupError

    with callspan.callbacks(Shaky()):
        for _ in range(20):
            RunnableLambda(str, name="f").invoke(1)
    assert len(heard) == 20


def test_span_methods_of_a_mixin_are_heard(recording: Recording) -> None:
    """A processor that is a callback too needs no method of its own."""
    ended: list[str] = []

    class Mixin:
        def on_end(self, span: Any) -> None:
            ended.append(span.name)

    class Both(Mixin, callspan.Callback):
        """Inherits it."""

    with callspan.callbacks(Both()):
        RunnableLambda(str, name="f").invoke(1)
    assert ended == ["invoke_workflow f"]
