"""What waits for the first run is done before its span is started, and the time it takes is nobody's."""

from __future__ import annotations

from time import time_ns

from langchain_core.runnables import RunnableLambda

from callspan.core import state


def test_it_is_done_before_the_first_span_and_its_time_is_not_the_runs(recording, monkeypatch):
    done: list[int] = []

    def prepare() -> None:
        assert recording.spans == []
        done.append(time_ns())
        state.first_run.prepare = None

    monkeypatch.setattr(state.first_run, "prepare", prepare)
    RunnableLambda(lambda x: x).batch([1, 2])
    assert len(done) == 1
    assert min(span.start_time for span in recording.spans) >= done[0]
