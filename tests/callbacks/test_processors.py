"""Plain span processors as callbacks: one block's spans, whole, in another exporter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.runnables import RunnableLambda
from opentelemetry.sdk.trace import ConcurrentMultiSpanProcessor, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from tests.callbacks.recorder import Recorder
from tests.modes.models.calls import call

import callspan
from callspan.testing import record, span_tree

Fn = Callable[..., Any]

ALL = """\
invoke_workflow outer
  mine
    chain inner
      mine
"""


class Exported:
    """A plain processor with its exporter."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.processor = SimpleSpanProcessor(self.exporter)

    def tree(self) -> str:
        """Give the tree of what was exported."""
        return span_tree(self.exporter.get_finished_spans())


def program(recording: Any, form: str = "invoke", config: Any = None) -> None:
    """Run a chain whose bodies make spans of their own, one of them around another chain."""

    def deepest(value: Any) -> Any:
        with recording.tracer.start_as_current_span("mine"):
            return value

    inner = RunnableLambda(deepest, name="inner")

    def outer(value: Any) -> Any:
        with recording.tracer.start_as_current_span("mine"):
            return inner.invoke(value)

    async def aouter(value: Any) -> Any:
        with recording.tracer.start_as_current_span("mine"):
            return await inner.ainvoke(value)

    call(form, RunnableLambda(outer, aouter, name="outer"), "x", config)


FORMS = ("invoke", "ainvoke", "stream", "astream")


@pytest.mark.parametrize("form", FORMS)
class TestScopes:
    """In process and block it gets runs and other spans, each once; in a call the runs."""

    def test_process(self, form: str) -> None:
        exported = Exported()
        with record(callbacks=[exported.processor]) as recording:
            program(recording, form)
        assert exported.tree() == recording.tree() == ALL

    def test_process_by_add_callback(self, form: str) -> None:
        exported = Exported()
        with record() as recording:
            undo = callspan.add_callback(exported.processor)
            program(recording, form)
            undo()
            program(recording, form)
        assert exported.tree() == ALL
        assert recording.tree() == ALL * 2

    def test_block(self, form: str) -> None:
        exported = Exported()
        with record() as recording:
            program(recording, form)
            with callspan.callbacks(exported.processor):
                program(recording, form)
            program(recording, form)
        assert exported.tree() == ALL

    def test_several_doors(self, form: str) -> None:
        """By several doors of callspan's it is told once."""
        exported = Exported()
        with record(callbacks=[exported.processor]) as recording:
            undo = callspan.add_callback(exported.processor)
            with callspan.callbacks(exported.processor), callspan.callbacks(exported.processor):
                program(recording, form)
            undo()
        assert exported.tree() == ALL

    def test_call(self, form: str) -> None:
        """In a call it is `Forward`, which gets the runs."""
        exported = Exported()
        with record() as recording:
            program(recording, form, {"callbacks": [callspan.Forward(exported.processor)]})
        assert exported.tree() == "invoke_workflow outer\nchain inner\n"  # the span between them is not there

    def test_sampled_out(self, form: str) -> None:
        """What is sampled out it does not get."""
        exported = Exported()
        with record(callbacks=[exported.processor], sampler=ALWAYS_OFF) as recording:
            program(recording, form)
            with callspan.callbacks(Exported().processor):
                program(recording, form)
        assert exported.tree() == ""


def test_spans_that_are_no_runs() -> None:
    """A span in a block, with no run around it, is the block's; one that was begun before it is not."""
    exported = Exported()
    with record() as recording, recording.tracer.start_as_current_span("around"):
        with callspan.callbacks(exported.processor):
            left = recording.tracer.start_span("left open")
            with recording.tracer.start_as_current_span("mine"):
                pass
        left.end()
        with recording.tracer.start_as_current_span("after"):
            pass
    assert sorted(span.name for span in exported.exporter.get_finished_spans()) == ["left open", "mine"]


def test_it_is_told_of_both_ends_of_the_same_spans() -> None:
    """It gets `on_start` and `on_end` of each span, the start with the context around."""
    told: list[str] = []

    class Telling(SpanProcessor):
        def on_start(self, span: Any, parent_context: Any = None) -> None:
            told.append(f"start {span.name} {parent_context is not None}")

        def on_end(self, span: Any) -> None:
            told.append(f"end {span.name} {span.end_time is not None}")

    with record(callbacks=[Telling()]):
        RunnableLambda(lambda value: value, name="f").invoke("x")
    assert told == ["start invoke_workflow f True", "end invoke_workflow f True"]


@pytest.mark.may_log
def test_one_that_raises(caplog: Any) -> None:
    """Its exceptions reach nobody; they are logged, and the others are told."""

    class Broken(SpanProcessor):
        def on_start(self, span: Any, parent_context: Any = None) -> None:
            raise LookupError

        on_end = on_start  # type: ignore[assignment]

    exported = Exported()
    with record(callbacks=[Broken(), exported.processor]) as recording:
        program(recording)
    assert exported.tree() == ALL
    assert [entry.getMessage() for entry in caplog.records if entry.name == "callspan"] == [
        "Forward.on_start failed; the call goes on",
        "Forward.on_end failed; the call goes on",
        "Forward is dropped: it failed 5 times in a row",
    ]


def test_several_providers() -> None:
    """A callback hears by the provider that callspan writes to, and nothing of runs by another."""
    here, elsewhere = Recorder(), Recorder()
    other = TracerProvider()
    other.add_span_processor(elsewhere)
    with record() as recording:
        recording.provider.add_span_processor(here)
        program(recording)
        with other.get_tracer("other").start_as_current_span("not a run"):
            pass
    assert [line for line in here.heard if line.startswith("run_")] == [
        "run_start outer", "run_start inner", "run_end inner", "run_end outer",
    ]  # fmt: skip
    assert elsewhere.heard == []


def test_one_callback_at_two_providers() -> None:
    """A callback at both providers hears each run once."""
    recorder = Recorder()
    other = TracerProvider()
    other.add_span_processor(recorder)
    with record() as recording:
        recording.provider.add_span_processor(recorder)
        program(recording)
    assert len(recorder.only("run_start")) == len(recorder.only("run_end")) == 2


def test_concurrent_processors() -> None:
    """With a provider that tells its processors in threads, each callback still hears each run once, and inside it."""
    several = [Recorder() for _ in range(5)]
    concurrent = ConcurrentMultiSpanProcessor(num_threads=3)
    with record(active_span_processor=concurrent, shutdown_on_exit=False, callbacks=[several[0]]) as recording:
        for recorder in several:
            recording.provider.add_span_processor(recorder)
        program(recording)
    concurrent.shutdown()
    for recorder in several:
        assert recorder.without("chain_start", "chain_end") == [
            "run_start outer", "run_start inner", "run_end inner", "run_end outer",
        ]  # fmt: skip
