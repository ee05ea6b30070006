"""LangChain's token counts as the conventions count them: inputs include what was cached, outputs the reasoning."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from callspan.kinds import TokenCounts


def messages(result: Any) -> Iterator[Any]:
    """Give the messages of a model's result; completion models have none."""
    for generations in getattr(result, "generations", None) or ():
        for generation in generations:
            message = getattr(generation, "message", None)
            if message is not None:
                yield message


def counted(result: Any, ours: str, theirs: str) -> int | None:
    """Give a count of a result.

    Args:
        result: LangChain's `LLMResult`.
        ours: The key in `usage_metadata`.
        theirs: The key in OpenAI's `token_usage`, where there is no `usage_metadata`.
    """
    counts = [usage.get(ours) for message in messages(result) if (usage := getattr(message, "usage_metadata", None))]
    known = [count for count in counts if isinstance(count, int)]
    if known:  # each of a prompt's several answers carries the counts of the whole call
        return known[0]
    output = getattr(result, "llm_output", None)
    usage = output.get("token_usage") or output.get("usage") if isinstance(output, Mapping) else None
    count = usage.get(theirs) if isinstance(usage, Mapping) else None
    return count if isinstance(count, int) else None


def input_tokens(result: Any) -> int | None:
    """Give the tokens of the input, cached ones included."""
    return counted(result, "input_tokens", "prompt_tokens")


def output_tokens(result: Any) -> int | None:
    """Give the tokens of the output, reasoning included."""
    return counted(result, "output_tokens", "completion_tokens")


def counts(result: Any) -> TokenCounts:
    """Give what the call used."""
    return TokenCounts(input_tokens(result), output_tokens(result))
