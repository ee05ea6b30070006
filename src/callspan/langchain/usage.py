"""LangChain's token counts as the conventions count them: inputs include what was cached, outputs the reasoning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from callspan.core.usage import MOST_TOKENS, TokenCounts, count

NOTHING_COUNTED = TokenCounts()

# Keys of LangChain's `input_token_details`. OpenAI's priority and flex tiers rename them; what such a tier costs is
# the concern of `price_terms`, and the rest of those tiers (`flex`) is no part of a breakdown.
_READ = ("cache_read", "priority_cache_read", "flex_cache_read")
_WRITTEN = ("cache_creation", "priority_cache_creation", "flex_cache_creation")
# Anthropic's, by how long they last. With them LangChain sets `cache_creation` to 0; others may give both.
FOR_AN_HOUR = "ephemeral_1h_input_tokens"
_WRITTEN_FOR = ("ephemeral_5m_input_tokens", FOR_AN_HOUR)
_REASONING = ("reasoning", "priority_reasoning", "flex_reasoning")


def from_usage_metadata(usage: Mapping[str, Any]) -> TokenCounts:
    """Return the counts of a message's `usage_metadata`."""
    given, made = usage.get("input_tokens"), usage.get("output_tokens")
    if type(given) is not int or type(made) is not int or not (0 <= given < MOST_TOKENS and 0 <= made < MOST_TOKENS):
        given, made = count(given), count(made)
    inputs, outputs = usage.get("input_token_details"), usage.get("output_token_details")
    if not inputs and not outputs:
        return TokenCounts(given, made)
    inputs, outputs = mapping(inputs), mapping(outputs)
    read, written = _first(inputs, _READ), _first(inputs, _WRITTEN)
    if not written and (known := [count(inputs[name]) or 0 for name in _WRITTEN_FOR if name in inputs]):
        written = sum(known)
    cached = (read or 0) + (written or 0)
    if cached and given is not None and count(usage.get("total_tokens")) == given + cached + (made or 0):
        given += cached  # older integrations of Bedrock leave it out, and the total shows it
    reasoning = _first(outputs, _REASONING)
    return TokenCounts(given, made, read, written, reasoning, count(inputs.get("audio")), count(outputs.get("audio")))


# Where a provider's own counts are all there is: input, output, read from the cache, written to it, and whether the
# input is without those.
_SHAPES = (
    # OpenAI, and many who do as it does; the part that was cached in DeepSeek's words
    ("prompt_tokens", "completion_tokens", "prompt_cache_hit_tokens", "", False),
    # Anthropic, Cohere
    ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens", True),
    ("inputTokens", "outputTokens", "cacheReadInputTokens", "cacheWriteInputTokens", True),  # Bedrock's Converse
    ("inputTokenCount", "outputTokenCount", "", "", False),  # Bedrock's metrics of an invocation, Amazon's models
    ("prompt_token_count", "candidates_token_count", "cached_content_token_count", "", False),  # Google
    ("promptTokenCount", "candidatesTokenCount", "cachedContentTokenCount", "", False),  # Google's REST API
    ("prompt_eval_count", "eval_count", "", "", False),  # Ollama
    ("input_token_count", "generated_token_count", "", "", False),  # IBM
)

# Where Cohere's responses have their counts; those that are billed first
_BILLED = ("billed_units", "tokens")

# What Google counts beside the prompt, and beside the answer
_GOOGLES_MORE = (
    ("tool_use_prompt_token_count", "thoughts_token_count"),
    ("toolUsePromptTokenCount", "thoughtsTokenCount"),
)


def from_provider(usage: Mapping[str, Any]) -> TokenCounts | None:
    """Return the counts by any provider's names; None if no name is known."""
    for given, made, read, written, apart in _SHAPES:
        if given in usage or made in usage:
            cached, stored = count(usage.get(read)), count(usage.get(written))
            inputs = count(usage.get(given))
            if apart and inputs is not None:
                inputs += (cached or 0) + (stored or 0)
            return _with_details(usage, TokenCounts(inputs, count(usage.get(made)), cached, stored))
    for name in _BILLED:
        if (nested := mapping(usage.get(name))) and (found := from_provider(nested)) is not None:
            return found
    return None


def _with_details(usage: Mapping[str, Any], counts: TokenCounts) -> TokenCounts:
    """Add what OpenAI and Google count beside their totals."""
    inputs = mapping(usage.get("prompt_tokens_details") or usage.get("input_tokens_details"))
    outputs = mapping(usage.get("completion_tokens_details") or usage.get("output_tokens_details"))
    if inputs or outputs:
        read, written = count(inputs.get("cached_tokens")), count(inputs.get("cache_write_tokens"))
        counts = counts._replace(
            cache_read=counts.cache_read if read is None else read,
            cache_write=counts.cache_write if written is None else written,
            reasoning=_first(outputs, ("reasoning_tokens", "thinking_tokens")),
            audio_input=count(inputs.get("audio_tokens")),
            audio_output=count(outputs.get("audio_tokens")),
        )
    for asked, thought in _GOOGLES_MORE:
        if (more := count(usage.get(asked))) and counts.input_tokens is not None:
            counts = counts._replace(input_tokens=counts.input_tokens + more)
        if (more := count(usage.get(thought))) and counts.output_tokens is not None:
            counts = counts._replace(output_tokens=counts.output_tokens + more, reasoning=more)
    return counts


def passes(usage: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return Anthropic's passes over one request (`iterations`): each has counts of its own, and all are billed."""
    said = usage.get("iterations")
    return [one for one in said if isinstance(one, Mapping)] if isinstance(said, (list, tuple)) else ()


def over_passes(counts: TokenCounts, usage: Mapping[str, Any]) -> TokenCounts:
    """Return what all passes over a request used: the counts beside them leave out those that compact the context."""
    each = [found for one in passes(usage) if (found := from_provider(one)) is not None]
    if len(each) < 2:  # noqa: PLR2004 - a single one is what stands beside it
        return counts
    return counts._replace(  # the rest has no counts by pass
        input_tokens=_larger(counts.input_tokens, [one.input_tokens for one in each]),
        output_tokens=_larger(counts.output_tokens, [one.output_tokens for one in each]),
        cache_read=_larger(counts.cache_read, [one.cache_read for one in each]),
        cache_write=_larger(counts.cache_write, [one.cache_write for one in each]),
    )


def _larger(beside: int | None, each: Sequence[int | None]) -> int | None:
    known = [one for one in each if one is not None]
    return max(sum(known), beside or 0) if known else beside


_EMPTY: Mapping[str, Any] = {}


def mapping(value: object) -> Mapping[str, Any]:
    """Return a value if it is a mapping, else an empty one."""
    if type(value) is dict:  # the faster test
        return value
    return value if value is not None and isinstance(value, Mapping) else _EMPTY


def _first(counts: Mapping[str, Any], names: tuple[str, ...]) -> int | None:
    for name in names:
        if (found := counts.get(name)) is not None:
            return count(found)
    return None
