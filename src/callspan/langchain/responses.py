"""A model's response: who answered, why it ended, its usage, and what it is billed by."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from opentelemetry.util.types import AttributeValue

from callspan import semconv
from callspan.core import state
from callspan.core.prices import tier_of
from callspan.core.spans import TEXT_LIMIT, at_once, attribute_texts, safe_attributes
from callspan.core.text import NAME_LIMIT, safe_text, short_texts
from callspan.core.usage import TokenCounts, count
from callspan.langchain.usage import (
    FOR_AN_HOUR,
    NOTHING_COUNTED,
    from_provider,
    from_usage_metadata,
    mapping,
    over_passes,
    passes,
)

_log = logging.getLogger("callspan")

_EMPTY: Mapping[str, Any] = {}

# What is read of an answer by one name, wherever it stands
_SAID = frozenset(
    {
        *("model_name", "model", "model_id", "id", "model_provider"),
        *("service_tier", "serviceTier", "system_fingerprint"),
    }
)

# Where usage stands; `token_count` and `meta` are Cohere's
_COUNTED_UNDER = ("token_usage", "usage", "usage_metadata", "amazon-bedrock-invocationMetrics", "token_count", "meta")
_PLACES = frozenset(_COUNTED_UNDER)


class Answer:
    """A model's result, for one prompt: LangChain's `LLMResult`, taken apart.

    Args:
        result: The result; of anything else nothing is known.
    """

    __slots__ = ("beside", "cached", "generations", "info", "message", "metadata", "output", "reported", "tokens",
                 "usage", "usages")  # fmt: skip

    def __init__(self, result: Any) -> None:
        self.tokens: TokenCounts | None = None  # what it used, once that was read
        self.beside = _EMPTY  # what the provider reported as used and the integration left out
        prompts: Any = getattr(result, "generations", None)
        choices: Any = prompts[0] if prompts else ()
        self.generations: Sequence[Any] = choices if isinstance(choices, (list, tuple)) else ()
        first = choices[0] if self.generations else None
        message = self.message = getattr(first, "message", None)  # completion models have none
        metadata: Any = getattr(message, "response_metadata", None) or _EMPTY
        usage: Any = getattr(message, "usage_metadata", None) or _EMPTY
        info: Any = getattr(first, "generation_info", None) or _EMPTY
        output: Any = getattr(result, "llm_output", None) or _EMPTY  # what stands beside the choices
        self.metadata = metadata = metadata if type(metadata) is dict else mapping(metadata)
        self.usage = usage = usage if type(usage) is dict else mapping(usage)
        self.info = info = info if type(info) is dict else mapping(info)
        self.output = output = output if type(output) is dict else mapping(output)
        # By name: what the provider reported of the message, of the choice, or beside them.
        self.reported = metadata
        if info or output:
            said: dict[str, Any] = {}
            for source in (metadata, info, output):
                for name in _SAID.intersection(source):
                    if said.get(name) is None:
                        said[name] = source[name]
            self.reported = said
        # What the provider itself reports as used, wherever the integration puts it.
        self.usages: list[Mapping[str, Any]] = []
        for source in (output, metadata, info, getattr(message, "additional_kwargs", None)):
            if source and not _PLACES.isdisjoint(source):
                self.usages += [each for name in _COUNTED_UNDER if name in source and (each := mapping(source[name]))]
        # LangChain's cache sets the cost to 0, and nothing stands beside the choices.
        self.cached = "total_cost" in usage and usage["total_cost"] == 0 and not output and not self.streamed

    @property
    def streamed(self) -> bool:
        """Whether it was put together from chunks. A stream inside an `invoke` does not show."""
        return type(self.message).__name__.endswith("Chunk")


answer = Answer


def decision(result: Any) -> Answer:
    """Return a decision model's `ClassifierResponse`, which has the model's name and its usage."""
    made = Answer(None)
    made.reported = {"model_name": getattr(result, "model", None)}
    made.tokens = from_usage_metadata(mapping(getattr(result, "usage", None)))
    return made


def counts(answer: Answer) -> TokenCounts:
    """Return what an answer used: each call's tokens once, however many choices carry them.

    What comes out of LangChain's cache used nothing: its tokens were counted when it was made.
    """
    if answer.tokens is not None:
        return answer.tokens
    found = NOTHING_COUNTED
    if not answer.cached:
        found = from_usage_metadata(answer.usage) if answer.usage else NOTHING_COUNTED
        if found.input_tokens is None and found.output_tokens is None:
            given = (from_provider(one) for one in (*answer.usages, answer.metadata or answer.info))
            found = next((one for one in given if one is not None), NOTHING_COUNTED)
        for raw in (answer.beside, *answer.usages):
            if "iterations" in raw:
                found = over_passes(found, raw)
                break
    answer.tokens = found
    return found


def tokens(answer: Answer) -> dict[str, AttributeValue]:
    """Return the attributes of what an answer used: the totals, and what of them is not nothing."""
    used = counts(answer)
    found: dict[str, AttributeValue] = {}
    if used.input_tokens is not None:
        found[semconv.INPUT_TOKENS] = used.input_tokens
    if used.output_tokens is not None:
        found[semconv.OUTPUT_TOKENS] = used.output_tokens
    if any(details := used[2:]):
        found.update({name: number for name, number in zip(_DETAILS, details, strict=True) if number})
    return found


# In the order of `TokenCounts`
_DETAILS = (
    *(semconv.CACHE_READ_TOKENS, semconv.CACHE_WRITE_TOKENS, semconv.REASONING_TOKENS),
    *(semconv.AUDIO_INPUT_TOKENS, semconv.AUDIO_OUTPUT_TOKENS),
)


def response(answer: Answer) -> dict[str, AttributeValue]:
    """Return what the provider reports of its response: model, id, finish reasons, and what only OpenAI has."""
    said = answer.reported
    found: dict[str, AttributeValue] = {}
    model = once(said.get("model_name")) or once(said.get("model")) or once(said.get("model_id"))
    if model is not None:
        found[semconv.RESPONSE_MODEL] = _safe(model)
    made = once(said["id"]) if "id" in said else None
    if made is None:
        made = _other_id(answer)
    if made is not None:
        found[semconv.RESPONSE_ID] = _safe(made)
    if len(answer.generations) == 1:
        reason = _finish_reason(answer.message, answer.metadata, answer.info, answer.output)
        if reason is not None:
            found[semconv.FINISH_REASONS] = [_safe(reason)]
    elif (texts := attribute_texts(finish_reasons(answer) or ())) is not None:
        found[semconv.FINISH_REASONS] = texts
    if "service_tier" in said or "system_fingerprint" in said:
        found.update(safe_attributes(openai(answer) or {}))
    if answer.cached:
        found[semconv.CACHE_HIT] = True
    return found


def _safe(text: str) -> str:
    return short_texts[text] if len(text) <= NAME_LIMIT else safe_text(text, TEXT_LIMIT)


def _other_id(answer: Answer) -> str | None:
    """Return the id of a response that does not call it `id`; LangChain's own ids are none."""
    if "ResponseMetadata" in answer.metadata:  # Bedrock's
        return once(mapping(answer.metadata["ResponseMetadata"]).get("RequestId"))
    made: Any = getattr(answer.message, "id", None)
    is_theirs = isinstance(made, str) and not made.startswith(("lc_", "run-"))
    return str.__str__(made) if is_theirs and made else None


# The finish reason of a choice without one, beside choices that have one
MISSING = "error"


def finish_reasons(answer: Answer) -> list[str] | None:
    """Return the reason why each choice ended, in order and in the provider's words."""
    if (billed := answer.output.get("finish_reasons")) is not None and not answer.generations:
        return billed if isinstance(billed, list) else None  # of an answer that nobody could read
    if len(answer.generations) == 1:
        reason = _finish_reason(answer.message, answer.metadata, answer.info, answer.output)
        return None if reason is None else [reason]
    reasons: list[str | None] = []
    for generation in answer.generations:
        message: Any = getattr(generation, "message", None)
        said, info = _mapping(message, "response_metadata"), _mapping(generation, "generation_info")
        reasons.append(_finish_reason(message, said, info))
    return [reason or MISSING for reason in reasons] if any(reasons) else None


def reason_of(message: Any) -> str | None:
    """Return the finish reason of a message, if a model made it and it has one."""
    return _finish_reason(message, _mapping(message, "response_metadata"))


def _finish_reason(message: Any, *sources: Mapping[str, Any]) -> str | None:
    for source in sources:
        if not source or _REASONS.isdisjoint(source):
            continue
        for name in _REASON_NAMES:
            if name in source and (reason := once(source[name])) is not None:
                return reason
        if source.get("object") == "response":
            return _of_status(source, message)
    return None


_REASON_NAMES = ("finish_reason", "stop_reason", "stopReason", "done_reason")
_REASONS = frozenset({*_REASON_NAMES, "object"})


def _of_status(said: Mapping[str, Any], message: Any) -> str | None:
    """Return the reason in the words of Chat Completions: OpenAI's Responses have a status and no reason."""
    status = once(said.get("status"))
    if status == "completed":
        return "tool_calls" if getattr(message, "tool_calls", None) else "stop"
    why = said.get("incomplete_details")
    reason = why.get("reason") if isinstance(why, Mapping) else None
    return "length" if reason == "max_output_tokens" else reason or status


def openai(answer: Answer) -> dict[str, str | None] | None:
    """Return the attributes that only OpenAI's responses have."""
    said = answer.reported
    provider = said.get("model_provider")
    if provider is not None and once(provider) not in ("openai", "azure"):
        return None
    return {
        semconv.OPENAI_RESPONSE_SERVICE_TIER: once(said.get("service_tier")),
        semconv.OPENAI_SYSTEM_FINGERPRINT: once(said.get("system_fingerprint")),
    }


# Characters: something shorter that repeats is more likely to be meant so
_SHORTEST = 4


def once(text: object) -> str | None:
    """Return a text once: LangChain joins the texts that the chunks of a stream repeat (`stopstop`)."""
    if type(text) is not str:
        text = str.__str__(text) if isinstance(text, str) else ""  # a subclass may have methods of its own
    if not text:
        return None
    period = (text + text).find(text, 1)
    return text[:period] if period >= _SHORTEST else text


def explain_missing_usage(model: object, answer: Answer) -> None:
    """Log, once for each class of models, why a stream that ended well has no token counts."""
    settings: Any = getattr(model, "__dict__", None) or {}
    if "stream_usage" not in settings or settings["stream_usage"] or answer.cached:
        return
    used = counts(answer)
    name = type(model).__name__
    if used.input_tokens is None and used.output_tokens is None and state.first_time(f"no usage in streams of {name}"):
        _log.warning("%s streams without token counts: ask for them with stream_usage=True", name)


def _mapping(thing: object, name: str) -> Mapping[str, Any]:
    value: Any = getattr(thing, name, None)
    return mapping(value)


# Billing ----------------------------------------------------------------------------------------------------------

# OpenAI's tiers that LangChain writes into the names of the details
_TIERS = ("priority", "flex")

# What in a provider's usage, and in LangChain's details of the input, can mean another price than the standard one
_IN_USAGE = frozenset({"service_tier", "traffic_type", "speed", "cache_creation", "iterations"})
_IN_DETAILS = frozenset({*_TIERS, FOR_AN_HOUR})
_IN_RESPONSE = frozenset({"service_tier", "serviceTier"})

_COMPACTION = "compaction"

# The passes that the model itself makes; others are billed as another model's
_PASSES = ("message", _COMPACTION)


def price_terms(answer: Answer) -> dict[str, object] | None:
    """Return the attributes of what an answer is billed by; None where that is the standard price of its tokens."""
    message, said, raw = answer.message, answer.reported, (answer.beside, *answer.usages)
    details = mapping(answer.usage["input_token_details"]) if "input_token_details" in answer.usage else _EMPTY
    special = not _IN_RESPONSE.isdisjoint(said) or not _IN_DETAILS.isdisjoint(details)
    for counted in raw:
        special = special or not _IN_USAGE.isdisjoint(counted)
    if not special and type(getattr(message, "content", None)) is not list:
        return None  # nearly always
    # OpenAI's tier has an attribute of its own.
    named = (openai(answer) or {}).get(semconv.OPENAI_RESPONSE_SERVICE_TIER) if "service_tier" in said else None
    tier = None if named else next((one for word in _tiers(answer, details, raw) if (one := tier_of(word))), None)
    for_an_hour = max(count(details.get(FOR_AN_HOUR)) or 0, *map(_for_an_hour, raw), 0)
    return {
        semconv.SERVICE_TIER: tier,
        semconv.CACHE_WRITE_1H_TOKENS: for_an_hour or None,
        semconv.USAGE_INCOMPLETE: _is_incomplete(answer, raw) or None,
    }


def _tiers(answer: Answer, details: Mapping[str, Any], raw: Sequence[Mapping[str, Any]]) -> Iterator[object]:
    """Yield the names of the service tier, those of the response first."""
    yield once(answer.reported.get("service_tier"))
    yield mapping(answer.reported.get("serviceTier")).get("type")  # Bedrock's
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


def response_attributes(answer: Answer) -> dict[str, AttributeValue]:
    """Return all attributes of a response, made safe."""
    found = {**response(answer), **tokens(answer)}
    terms = price_terms(answer)
    if terms is not None:
        found.update(safe_attributes(terms))
    return found


RESPONSE = at_once(response_attributes, ("*", response), ("*", tokens), ("langchain.usage.*", price_terms))
