"""Settings: keywords beat the environment, and a wrong value is said clearly."""

from __future__ import annotations

import logging

import pytest
from langchain_core.runnables import RunnableLambda
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import callspan
from callspan.settings import check_keywords, read_settings
from callspan.testing import record


def test_without_anything_set_every_run_gets_a_span(monkeypatch):
    """The defaults hold where neither keyword nor variable is given."""
    monkeypatch.delenv("CALLSPAN_DETAIL", raising=False)
    assert read_settings().detail == "all"


def test_a_variable_sets_what_no_keyword_sets(monkeypatch):
    """The environment is read when the keyword is not given."""
    monkeypatch.setenv("CALLSPAN_DETAIL", "steps")
    assert read_settings(detail=None).detail == "steps"


def test_a_keyword_beats_the_variable(monkeypatch):
    """What the program says wins over what the environment says."""
    monkeypatch.setenv("CALLSPAN_DETAIL", "steps")
    assert read_settings(detail="calls").detail == "calls"


def test_a_wrong_keyword_raises_with_name_value_and_what_is_allowed():
    """The error of `instrument()` tells all that is needed to mend it, and nothing is instrumented."""
    with pytest.raises(ValueError, match=r"detail='everything' is not allowed: all \| steps \| calls"):
        callspan.instrument(detail="everything")
    assert not callspan.CallspanInstrumentor().is_instrumented_by_opentelemetry


def test_a_wrong_keyword_raises_also_where_it_comes_too_late(recording):
    """The second call of `instrument()` checks what it is given."""
    with pytest.raises(ValueError, match="detail='everything' is not allowed"):
        callspan.instrument(detail="everything")


@pytest.mark.may_log
def test_other_settings_than_those_in_force_are_warned_of(recording, caplog):
    """Instrumenting twice is harmless; that the second call's settings do not hold is said."""
    callspan.instrument()
    assert caplog.records == []
    callspan.instrument(detail="calls")
    said = [record.getMessage() for record in caplog.records]
    assert said == ["callspan is instrumented already; to change its settings call callspan.uninstrument() first"]


def test_a_recording_inside_another_takes_over_and_hands_back(recording):
    """An app that instruments itself can be recorded, and goes on as it was."""
    with record(detail="calls") as inner:
        RunnableLambda(str).with_config(run_name="inner").invoke(1)
    RunnableLambda(str).with_config(run_name="outer").invoke(1)
    assert inner.tree() == "invoke_workflow inner\n"
    assert recording.tree() == "invoke_workflow outer\n"


def test_flush_sends_what_the_given_provider_holds():
    """The provider that was given to `instrument()` is flushed as the global one is."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(exporter))
    callspan.instrument(tracer_provider=provider)
    RunnableLambda(str).with_config(run_name="f").invoke(1)
    assert callspan.flush()
    callspan.uninstrument()
    assert [span.name for span in exporter.get_finished_spans()] == ["invoke_workflow f"]
    provider.shutdown()


@pytest.mark.may_log
def test_a_wrong_variable_warns_once_and_the_default_is_used(monkeypatch, caplog):
    """The environment is not the program's to fail on."""
    monkeypatch.setenv("CALLSPAN_DETAIL", "true")
    with caplog.at_level(logging.WARNING, "callspan"):
        callspan.instrument()
        callspan.uninstrument()
    said = [record.getMessage() for record in caplog.records]
    assert said == ['callspan: CALLSPAN_DETAIL is "true"; use all, steps or calls. Using all.']


@pytest.mark.parametrize("wrong", ["*,user", "none,user", "us*", ",", 3])
def test_wrong_metadata_keys_are_refused(wrong):
    """Neither word stands beside keys, and a pattern would silently match nothing."""
    with pytest.raises(ValueError, match=r"metadata=.* is not allowed"):
        check_keywords(metadata=wrong)
