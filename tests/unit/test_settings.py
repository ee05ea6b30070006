"""Settings: keywords beat the environment, and a wrong value is said clearly."""

from __future__ import annotations

import logging

import pytest

import callspan
from callspan.settings import read_settings


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


@pytest.mark.may_log
def test_a_wrong_variable_warns_once_and_the_default_is_used(monkeypatch, caplog):
    """The environment is not the program's to fail on."""
    monkeypatch.setenv("CALLSPAN_DETAIL", "true")
    with caplog.at_level(logging.WARNING, "callspan"):
        callspan.instrument()
        callspan.uninstrument()
    said = [record.getMessage() for record in caplog.records]
    assert said == ["CALLSPAN_DETAIL='true' is not allowed, the default is used; allowed: all | steps | calls"]
