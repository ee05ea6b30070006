"""`callspan.workflow`: a block or a function that is one run."""

from __future__ import annotations

import asyncio
import inspect
import pickle
from collections.abc import AsyncIterator, Iterator

import pytest
from langchain_core.runnables import RunnableLambda
from opentelemetry.context import get_current

import callspan

STEP = RunnableLambda(lambda x: x, name="step")

TREE = """\
invoke_workflow report
  chain step
  chain step
"""


@callspan.workflow("report")
def function(x: int) -> int:
    """Do two steps."""
    return STEP.invoke(STEP.invoke(x))


@callspan.workflow("report")
async def coroutine(x: int) -> int:
    """Do two steps."""
    return await STEP.ainvoke(await STEP.ainvoke(x))


@callspan.workflow("report")
def generator(x: int) -> Iterator[int]:
    """Do two steps, one at a time."""
    yield STEP.invoke(x)
    yield STEP.invoke(x)


@callspan.workflow("report")
async def async_generator(x: int) -> AsyncIterator[int]:
    """Do two steps, one at a time."""
    yield await STEP.ainvoke(x)
    yield await STEP.ainvoke(x)


class Reporter:
    """A method is decorated too."""

    @callspan.workflow("report")
    def method(self, x: int) -> int:
        """Do two steps."""
        return STEP.invoke(STEP.invoke(x))


async def drained(stream: AsyncIterator[int]) -> list[int]:
    """Read a stream to its end."""
    return [item async for item in stream]


CALLS = {
    "function": lambda: function(1),
    "coroutine": lambda: asyncio.run(coroutine(1)),
    "generator": lambda: list(generator(1)),
    "async generator": lambda: asyncio.run(drained(async_generator(1))),
    "method": lambda: Reporter().method(1),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_each_call_of_a_decorated_function_is_one_run(call, tree):
    call()
    assert tree() == TREE


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_callbacks_hear_it_as_a_chain(call, recording):
    heard: list[str] = []

    class Hear(callspan.Callback):
        def on_chain_start(self, run):
            heard.append(f"start {run.name} in {callspan.current_run().name}")

        def on_chain_end(self, run):
            heard.append(f"end {run.name}")

    with callspan.callbacks(Hear()):
        call()
    assert heard == ["start report in report", *(["start step in step", "end step"] * 2), "end report"]


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_stop_of_its_start_gets_out_and_nothing_runs(call, tree):
    stop = callspan.Stop("no")

    class Guard(callspan.Callback):
        kinds = ("invoke_workflow",)

        def on_run_start(self, run):
            raise stop

    before = get_current()
    with callspan.callbacks(Guard()), pytest.raises(callspan.Stop) as caught:
        call()
    assert caught.value is stop
    assert get_current() is before
    assert tree() == "invoke_workflow report !callspan.Stop ~stopped\n"


def test_a_block_is_one_run(tree):
    with callspan.workflow("report", metadata={"customer": 7}, tags=["nightly"]) as run:
        assert callspan.current_run() is run
        STEP.invoke(STEP.invoke(1))
    assert (run.kind, run.operation, run.name, run.outcome) == ("chain", "invoke_workflow", "report", "ok")
    assert (run.metadata, run.tags) == ({"customer": 7}, ("nightly",))
    assert tree() == TREE


def test_an_asynchronous_block_is_one_run_and_awaits_hooks(tree):
    heard: list[str] = []

    async def note(run):
        await asyncio.sleep(0)
        heard.append(run.outcome or "open")

    async def main():
        async with callspan.workflow("report"):
            await STEP.ainvoke(await STEP.ainvoke(1))

    with callspan.callbacks(callspan.Listen(on_start=note, on_end=note, kinds="invoke_workflow")):
        asyncio.run(main())
    assert heard == ["open", "ok"]
    assert tree() == TREE


def test_its_failure_is_the_runs(tree):
    error = ValueError("broken")
    with pytest.raises(ValueError, match="broken") as caught, callspan.workflow("report"):
        raise error
    assert caught.value is error
    assert tree() == "invoke_workflow report !ValueError\n"


def test_it_nests_and_keeps_its_name_whatever_that_is(tree):
    with callspan.workflow("RunnableSequence"), callspan.workflow("inner"):
        STEP.invoke(1)
    assert tree() == "invoke_workflow RunnableSequence\n  invoke_workflow inner\n    chain step\n"


def test_two_blocks_of_one_workflow_in_two_tasks_do_not_mix(tree):
    def shared():
        return callspan.workflow("report")

    async def one():
        with shared():
            await asyncio.sleep(0)
            await STEP.ainvoke(1)
            await STEP.ainvoke(1)

    async def main():
        await asyncio.gather(one(), one())

    asyncio.run(main())
    assert tree() == TREE * 2


def test_a_decorated_function_is_what_it_was():
    assert inspect.iscoroutinefunction(coroutine)
    assert inspect.isgeneratorfunction(inspect.unwrap(generator))
    assert inspect.isasyncgenfunction(async_generator)
    assert (function.__name__, function.__doc__) == ("function", "Do two steps.")
    assert str(inspect.signature(function)) == "(x: 'int') -> 'int'"
    assert pickle.loads(pickle.dumps(function)) is function


def test_where_nothing_is_instrumented_it_does_nothing():
    before = get_current()
    with callspan.workflow("report") as run:
        assert get_current() is before
        run.set_attribute("mine", 1)
    assert (run.name, run.span.is_recording(), callspan.current_run()) == ("report", False, None)
    assert [call() for call in CALLS.values()] == [1, 1, [1, 1], [1, 1], 1]


def test_under_suppressed_instrumentation_it_does_nothing(recording):
    from opentelemetry.instrumentation.utils import suppress_instrumentation

    with suppress_instrumentation():
        assert [call() for call in CALLS.values()] == [1, 1, [1, 1], [1, 1], 1]
        with callspan.workflow("report"):
            pass
    assert recording.spans == []
