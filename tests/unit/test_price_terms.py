"""What an answer is billed by, beside its tokens: the tier that answered, an hour in the cache, what is not counted."""

import pytest
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, LLMResult

from callspan.core.prices import tier_of
from callspan.langchain.responses import answer, price_terms


def terms(metadata=None, details=None, output=None, content="a"):
    """Give the terms of an answer."""
    usage = {"input_tokens": 9, "output_tokens": 1, "total_tokens": 10, "input_token_details": details or {}}
    message = AIMessage(content, response_metadata=metadata or {}, usage_metadata=usage)
    found = price_terms(answer(LLMResult(generations=[[ChatGeneration(message=message)]], llm_output=output)))
    return {name.removeprefix("langchain.usage."): value for name, value in (found or {}).items() if value is not None}


@pytest.mark.parametrize(
    ("said", "tier"),
    [
        *((word, None) for word in ("default", "standard", "auto", "on_demand", "ON_DEMAND", "", None, 3)),
        *((word, "flex") for word in ("flex", "FLEX", "ON_DEMAND_FLEX", "SERVICE_TIER_FLEX")),
        ("priority", "priority"),
        ("provisioned_throughput", "provisioned_throughput"),
    ],
)
def test_the_standard_tier_has_many_names_and_others_one(said, tier):
    assert tier_of(said) == tier


@pytest.mark.parametrize(
    "metadata",
    [
        {"model_provider": "groq", "service_tier": "flex"},
        {"model_provider": "groq", "service_tier": "flexflex"},
        {"serviceTier": {"type": "flex"}},
        {"usage_metadata": {"prompt_token_count": 9, "traffic_type": "ON_DEMAND_FLEX"}},
        {"usage": {"input_tokens": 9, "service_tier": "flex"}},
    ],
)
def test_a_tier_is_read_wherever_a_provider_says_it(metadata):
    assert terms(metadata) == {"service_tier": "flex"}


def test_a_tier_is_read_in_the_names_of_the_details():
    assert terms(details={"flex": 4, "flex_cache_read": 5}) == {"service_tier": "flex"}


def test_openais_tier_is_said_once():
    assert terms({"model_provider": "openai", "service_tier": "flex"}) == {}


def test_what_is_kept_for_an_hour_is_counted_over_all_passes():
    kept = {"cache_creation": {"ephemeral_1h_input_tokens": 4, "ephemeral_5m_input_tokens": 3}}
    passes = [{"type": "compaction", **kept}, {"type": "message", **kept}]
    assert terms(details={"ephemeral_1h_input_tokens": 4}) == {"cache_write_1h_tokens": 4}
    assert terms({"usage": kept}) == {"cache_write_1h_tokens": 4}
    assert terms({"usage": {**kept, "iterations": passes}}) == {"cache_write_1h_tokens": 8}


def test_a_compaction_whose_tokens_nobody_says_makes_the_counts_incomplete():
    content = [{"type": "compaction", "content": "before"}, {"type": "text", "text": "a"}]
    passes = [{"type": "compaction", "input_tokens": 5, "output_tokens": 1}, {"type": "message", "input_tokens": 9}]
    assert terms(content=content) == {"incomplete": True}
    assert terms({"usage": {"iterations": passes}}, content=content) == {}
    assert terms({"usage": {"iterations": [*passes, {"type": "advisor_message"}]}}) == {"incomplete": True}
