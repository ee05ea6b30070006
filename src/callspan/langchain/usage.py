"""LangChain's token counts as the conventions count them: inputs include what was cached, outputs the reasoning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from callspan.kinds import TokenCounts

NOTHING_COUNTED = TokenCounts()

# Keys of LangChain's `input_token_details`. OpenAI's priority and flex tiers rename them; that they have a price of
# their own is no concern here, and the rest of those tiers (`flex`) is no part of a breakdown.
_READ = ("cache_read", "priority_cache_read", "flex_cache_read")
_WRITTEN = ("cache_creation", "priority_cache_creation", "flex_cache_creation")
# Anthropic's, by how long they last. With them LangChain sets `cache_creation` to 0; others may give both.
_WRITTEN_FOR = ("ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens")
_REASONING = ("reasoning", "priority_reasoning", "flex_reasoning")


def from_usage_metadata(usage: Mapping[str, Any]) -> TokenCounts:
    """Read a message's `usage_metadata`."""
    inputs, outputs = _mapping(usage.get("input_token_details")), _mapping(usage.get("output_token_details"))
    given, made = _count(usage.get("input_tokens")), _count(usage.get("output_tokens"))
    read, written = _first(inputs, _READ), _first(inputs, _WRITTEN)
    written = written or _sum(inputs, _WRITTEN_FOR, written)
    cached = (read or 0) + (written or 0)
    if cached and given is not None and usage.get("total_tokens") == given + cached + (made or 0):
        given += cached  # older integrations of Bedrock leave it out, and the total tells
    return TokenCounts(
        given,
        made,
        read,
        written,
        _first(outputs, _REASONING),
        _count(inputs.get("audio")),
        _count(outputs.get("audio")),
    )


# Where a provider's own counts are all there is: input, output, read from the cache, written to it, and whether the
# input is without those.
_SHAPES = (
    ("prompt_tokens", "completion_tokens", "", "", False),  # OpenAI, and many who do as it does
    ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens", True),  # Anthropic
    ("inputTokens", "outputTokens", "cacheReadInputTokens", "cacheWriteInputTokens", True),  # Bedrock's Converse
    ("inputTokenCount", "outputTokenCount", "", "", False),  # Bedrock's metrics of an invocation, Amazon's models
    ("prompt_token_count", "candidates_token_count", "cached_content_token_count", "", False),  # Google
    ("prompt_eval_count", "eval_count", "", "", False),  # Ollama
)


def from_provider(usage: Mapping[str, Any]) -> TokenCounts | None:
    """Read counts in a provider's own words; None if these are nobody's."""
    for given, made, read, written, apart in _SHAPES:
        if given in usage or made in usage:
            cached, stored = _count(usage.get(read)), _count(usage.get(written))
            inputs = _count(usage.get(given))
            if apart and inputs is not None:
                inputs += (cached or 0) + (stored or 0)
            return _with_details(usage, TokenCounts(inputs, _count(usage.get(made)), cached, stored))
    return None


def _with_details(usage: Mapping[str, Any], counts: TokenCounts) -> TokenCounts:
    """Add what OpenAI says beside its totals."""
    inputs, outputs = _mapping(usage.get("prompt_tokens_details")), _mapping(usage.get("completion_tokens_details"))
    if not inputs and not outputs:
        return counts
    return TokenCounts(
        counts.input_tokens,
        counts.output_tokens,
        _count(inputs.get("cached_tokens")),
        _count(inputs.get("cache_write_tokens")),
        _count(outputs.get("reasoning_tokens")),
        _count(inputs.get("audio_tokens")),
        _count(outputs.get("audio_tokens")),
    )


_EMPTY: Mapping[str, Any] = {}


def _mapping(value: object) -> Mapping[str, Any]:
    return value if type(value) is dict or isinstance(value, Mapping) else _EMPTY  # the first is the faster test


def _count(value: object) -> int | None:
    return value if type(value) is int and value >= 0 else None  # a bool is no count


def _first(counts: Mapping[str, Any], names: tuple[str, ...]) -> int | None:
    for name in names if counts else ():
        if (count := counts.get(name)) is not None:
            return _count(count)
    return None


def _sum(counts: Mapping[str, Any], names: tuple[str, ...], otherwise: int | None) -> int | None:
    known = [_count(counts[name]) or 0 for name in names if name in counts] if counts else ()
    return sum(known) if known else otherwise
