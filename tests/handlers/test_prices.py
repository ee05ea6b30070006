"""The setting `prices`: spans of models and embeddings say what they cost, roots and agents what that adds up to."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON
from tests.handlers.billed_agents import ASKED, FORMS, INPUT, OUTPUT, Around, agent, prices
from tests.modes.models.calls import call
from tests.modes.models.chat_models import ChatNative

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


class Counted(ChatNative):
    """A model that says what it used in a provider's words."""

    used: Any = None
    service_tier: str | None = None

    def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> ChatResult:
        message = AIMessage("yes", response_metadata={"model_name": "gpt-5-mini", **self.used})
        return ChatResult(generations=[ChatGeneration(message=message)])


def billed(used: Any, path: Any, **price: Any) -> tuple[Any, Any, bool]:
    """Give the cost that the span of a call says, the total, and whether all is known."""
    usage = callspan.Usage()
    file = prices(path, **{"gpt-5-mini": {"input": 1_000_000, "output": 10_000_000, **price}})
    with record(prices=file, callbacks=[usage]) as recording, callspan.workflow("w"):
        Counted(used=used).invoke("a")
    [said] = [one for name, one in costs(recording).items() if name.startswith("chat")]
    return said.get("gen_ai.usage.cost"), costs(recording)["invoke_workflow w"].get("langchain.total.cost"), (
        usage.total.is_whole
    )  # fmt: skip


@pytest.mark.parametrize(
    ("used", "cost"),
    [
        ({"prompt_tokens": 3, "completion_tokens": 2}, 23),
        ({"prompt_tokens": 3, "completion_tokens": 0}, 3),
        ({"prompt_tokens": 0, "completion_tokens": 2}, 20),
        ({"prompt_tokens": 3}, None),
        ({"completion_tokens": 2}, None),
        ({"prompt_tokens": 3, "completion_tokens": None}, None),
        ({"prompt_tokens": 3, "completion_tokens": "many"}, None),
    ],
)
def test_half_a_bill_has_no_price(used, cost, tmp_path):
    assert billed({"token_usage": used}, tmp_path) == (cost, cost, cost is not None)


def test_an_answer_that_says_no_tokens_leaves_the_total_out_and_a_failed_call_does_not(tmp_path):
    failing = ScriptedChatModel(ValueError("no"), "yes")
    with record(prices=prices(tmp_path)) as recording:
        with callspan.workflow("failed"):
            with pytest.raises(ValueError, match="no"):
                failing.invoke("a")
            failing.invoke("a")
        with callspan.workflow("silent"):
            ScriptedChatModel("yes").invoke("a")
            Counted(used={}).invoke("a")

    assert costs(recording)["invoke_workflow failed"] == {"langchain.total.cost": 11.0}
    assert costs(recording)["invoke_workflow silent"] == {}


def test_a_price_of_zero_is_a_price(tmp_path):
    assert billed({"token_usage": {"prompt_tokens": 3, "completion_tokens": 2}}, tmp_path, input=0, output=0) == (
        0.0,
        0.0,
        True,
    )


TWO = {"prompt_tokens": 3, "completion_tokens": 2}


@pytest.mark.parametrize(
    ("used", "cost"),
    [
        ({"token_usage": TWO, "service_tier": "default"}, 23),
        ({"token_usage": TWO, "service_tier": "flex"}, 3),
        ({"token_usage": TWO, "service_tier": "priority"}, None),
        ({"usage": {"input_tokens": 3, "output_tokens": 2, "service_tier": "batch"}}, None),
    ],
)
def test_a_tier_has_its_price_or_none(used, cost, tmp_path):
    flex = {"flex": {"input": 1_000_000, "output": 0}}
    assert billed(used, tmp_path, tiers=flex) == (cost, cost, cost is not None)


@pytest.mark.parametrize(
    ("asked", "answered", "known"),
    [
        ("flex", None, False),
        ("flex", "default", True),
        ("auto", None, True),
        ("standard_only", None, True),
        ("auto", "priority", False),
    ],
)
@pytest.mark.parametrize("sampler", [ALWAYS_ON, ALWAYS_OFF])
def test_what_answered_counts_more_than_what_was_asked_for(asked, answered, known, sampler, tmp_path):
    usage = callspan.Usage()
    used = {"token_usage": TWO, "model_provider": "openai", **({"service_tier": answered} if answered else {})}
    file = prices(tmp_path, **{"gpt-5-mini": {"input": 1}})
    with record(prices=file, callbacks=[usage], sampler=sampler):
        Counted(used=used, service_tier=asked).invoke("a")

    assert usage.total.is_whole is known


@pytest.mark.parametrize(("price", "cost"), [({}, None), ({"cache_write_1h": 4_000_000}, 3 + 2 * 4 + 10)])
def test_what_is_cached_for_an_hour_has_its_price_or_none(price, cost, tmp_path):
    kept = {"input_tokens": 3, "output_tokens": 1, "cache_creation_input_tokens": 2}
    used = {"usage": {**kept, "cache_creation": {"ephemeral_1h_input_tokens": 2}}}
    assert billed(used, tmp_path, **price) == (cost, cost, cost is not None)


@pytest.mark.may_log
def test_a_budget_says_which_calls_tell_only_half(tmp_path, caplog):
    file = prices(tmp_path, **{"gpt-5-mini": {"input": 1}})
    with record(callbacks=[callspan.Budget(cost=1, prices=file)]):
        Counted(used={"token_usage": {"prompt_tokens": 3}}).invoke("a")

    assert "reports only a part of its tokens" in caplog.text


@pytest.mark.may_log
def test_a_wrong_value_is_told(tmp_path, monkeypatch, caplog):
    with pytest.raises(ValueError, match=r"prices='/nowhere' is not allowed \(no prices in /nowhere: No such file"):
        callspan.instrument(prices="/nowhere")
    monkeypatch.setenv("CALLSPAN_PRICES", "/nowhere")
    assert read_settings().prices is None
    assert 'CALLSPAN_PRICES is "/nowhere" (no prices in /nowhere: ' in caplog.text
    monkeypatch.setenv("CALLSPAN_PRICES", prices(tmp_path))
    assert read_settings().prices is not None
    assert read_settings(prices="off").prices is None
