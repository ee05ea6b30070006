"""What an answer is billed by, beside its tokens: its service tier, and tokens that have a price of their own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from callspan import semconv
from callspan.core.prices import tier_of
from callspan.core.usage import count
from callspan.langchain.responses import Answer, once, openai
from callspan.langchain.usage import FOR_AN_HOUR, mapping, passes

_TIERS = ("priority", "flex")
"""OpenAI's tiers that LangChain writes into the names of the details."""

_IN_USAGE = frozenset({"service_tier", "traffic_type", "speed", "cache_creation", "iterations"})
_IN_DETAILS = frozenset({*_TIERS, FOR_AN_HOUR})
"""What in a provider's usage, and in LangChain's details of the input, can mean another price than the standard one."""

_NOTHING: Mapping[str, object] = {}

_COMPACTION = "compaction"

_PASSES = ("message", _COMPACTION)
"""The passes that the model itself makes; others are billed as another model's."""


def price_terms(answer: Answer) -> Mapping[str, object]:
    """Return the attributes of what an answer is billed by; nothing where that is the standard price of its tokens."""
    usage: Any = getattr(answer.message, "usage_metadata", None)
    details = mapping(mapping(usage).get("input_token_details"))
    raw = answer.usages
    if (
        _IN_DETAILS.isdisjoint(details)
        and all(_IN_USAGE.isdisjoint(usage) for usage in raw)
        and answer.get("service_tier") is None
        and answer.get("serviceTier") is None
        and type(getattr(answer.message, "content", None)) is not list
    ):
        return _NOTHING  # nearly always
    # OpenAI's tier has an attribute of its own.
    said = answer.get("service_tier")
    named = None if said is None else (openai(answer) or {}).get(semconv.OPENAI_RESPONSE_SERVICE_TIER)
    tier = None if named else next((one for word in _tiers(answer, details, raw) if (one := tier_of(word))), None)
    for_an_hour = max(count(details.get(FOR_AN_HOUR)) or 0, *map(_for_an_hour, raw), 0)
    return {
        semconv.SERVICE_TIER: tier,
        semconv.CACHE_WRITE_1H_TOKENS: for_an_hour or None,
        semconv.USAGE_INCOMPLETE: _is_incomplete(answer, raw) or None,
    }


def _tiers(answer: Answer, details: Mapping[str, Any], raw: Sequence[Mapping[str, Any]]) -> Iterator[object]:
    """Yield what is said of the tier, by the response first."""
    yield once(answer.get("service_tier"))
    yield mapping(answer.get("serviceTier")).get("type")  # Bedrock's
    for usage in raw:
        yield usage.get("service_tier")  # Anthropic's
        yield usage.get("traffic_type")  # Vertex AI's
        yield usage.get("speed")  # Anthropic's fast mode
    yield from (tier for tier in _TIERS if tier in details)


def _for_an_hour(usage: Mapping[str, Any]) -> int:
    """Return how many tokens Anthropic keeps in its cache for an hour, over all passes."""
    each = [mapping(one.get("cache_creation")).get(FOR_AN_HOUR) for one in passes(usage)]
    beside = mapping(usage.get("cache_creation")).get(FOR_AN_HOUR)
    return max(count(beside) or 0, sum(count(one) or 0 for one in each))


def _is_incomplete(answer: Answer, raw: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether the counts are not all that this model is paid for: a stream leaves out what compaction used."""
    each = [one for usage in raw for one in passes(usage)]
    if each:
        return any(one.get("type") not in _PASSES for one in each)
    content: Any = getattr(answer.message, "content", None)
    return isinstance(content, list) and any(
        isinstance(one, dict) and one.get("type") == _COMPACTION for one in content
    )
