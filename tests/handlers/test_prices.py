"""The setting `prices`: spans of models and embeddings say what they cost, roots and agents what that adds up to."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.caches import InMemoryCache
from tests.handlers.billed_agents import ASKED, FORMS, INPUT, OUTPUT, Around, agent, prices
from tests.modes.models.calls import call

import callspan
from callspan.settings import read_settings
from callspan.testing import ScriptedChatModel, record


def costs(recording: Any) -> dict[str, Any]:
    """Give what spans say of costs, by their names."""
    return {
        span.name: {name: value for name, value in (span.attributes or {}).items() if name.endswith(".cost")}
        for span in recording.spans
    }


@FORMS
def test_an_agent(form, tmp_path):
    with record(prices=prices(tmp_path)) as recording:
        call(form, agent(), ASKED)
        said = [(span.attributes or {}).get("gen_ai.usage.cost") for span in recording.spans if "chat" in span.name]
        [root] = [span for span in recording.spans if span.parent is None]

    assert sum(said) == root.attributes["langchain.total.cost"] == INPUT + 10 * OUTPUT


def test_off_by_default(tmp_path):
    with record() as recording:
        agent().invoke(ASKED)

    assert not any(costs(recording).values())


def test_a_price_that_is_not_known_leaves_the_total_out(tmp_path):
    with record(prices=prices(tmp_path)) as recording, callspan.workflow("both"):
        ScriptedChatModel("yes", model="cheap").invoke("a")
        ScriptedChatModel("yes").invoke("a")
    said = costs(recording)

    assert said == {"chat cheap": {}, "chat scripted": {"gen_ai.usage.cost": 11.0}, "invoke_workflow both": {}}


def test_a_model_inside_a_model_counts_once(tmp_path):
    with record(prices=prices(tmp_path, **{"*": {"input": 1_000_000}})) as recording, callspan.workflow("w"):
        Around(inner=ScriptedChatModel("yes")).invoke("a")

    assert costs(recording)["invoke_workflow w"] == {"langchain.total.cost": 1.0}


def test_a_cached_answer_costs_nothing(tmp_path):
    with record(prices=prices(tmp_path)) as recording, callspan.workflow("w"):
        model = ScriptedChatModel("yes", cache=InMemoryCache())
        model.invoke("a")
        model.invoke("a")
    said = [dict(span.attributes or {}).get("gen_ai.usage.cost") for span in recording.spans]

    assert (said, costs(recording)["invoke_workflow w"]) == ([11.0, None, None], {"langchain.total.cost": 11.0})


@pytest.mark.may_log
def test_a_wrong_value_is_told(tmp_path, monkeypatch, caplog):
    with pytest.raises(ValueError, match=r"prices='/nowhere' is not allowed \(no prices in /nowhere: No such file"):
        callspan.instrument(prices="/nowhere")
    monkeypatch.setenv("CALLSPAN_PRICES", "/nowhere")
    assert read_settings().prices is None
    assert "CALLSPAN_PRICES='/nowhere' is not allowed" in caplog.text
    monkeypatch.setenv("CALLSPAN_PRICES", prices(tmp_path))
    assert read_settings().prices is not None
    assert read_settings(prices="off").prices is None
