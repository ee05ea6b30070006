"""What a model answered, and what that is billed by. A stream says what a plain call says."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from callspan import semconv
from callspan.core import state
from callspan.core.operations import Table
from callspan.core.prices import tier_of
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


class Answer:
    """A model's result, for one prompt.

    Args:
        generations: The choices, in order.
        output: LangChain's `llm_output`: what stands beside the choices.
        tokens: What it used, if that is known already.
    """

    __slots__ = ("_usages", "beside", "generations", "info", "message", "metadata", "output", "tokens")

    def __init__(
        self, generations: Sequence[Any], output: Mapping[str, Any] = _EMPTY, tokens: TokenCounts | None = None
    ) -> None:
        self.generations, self.output, self.tokens = generations, output, tokens
        self.beside = _EMPTY  # what the provider reported and the integration left out
        first = generations[0] if generations else None
        self.message: Any = getattr(first, "message", None)  # completion models have none
        self.metadata = _mapping(self.message, "response_metadata")
        self.info = _mapping(first, "generation_info")
        self._usages: Sequence[Mapping[str, Any]] | None = None

    def get(self, name: str) -> Any:
        """Give what the provider said under this name: of the message, of the choice, or beside them."""
        for source in (self.metadata, self.info, self.output):
            if (value := source.get(name)) is not None:
                return value
        return None

    @property
    def usages(self) -> Sequence[Mapping[str, Any]]:
        """What the provider itself reports as used, wherever the integration puts it; looked for once."""
        if self._usages is None:
            beside: Any = getattr(self.message, "additional_kwargs", None)
            self._usages = [
                *([self.beside] if self.beside else ()),
                *(
                    said
                    for source in (self.output, self.metadata, self.info, beside)
                    if source and (type(source) is dict or isinstance(source, Mapping))
                    for name in _COUNTED_UNDER
                    if name in source and (said := mapping(source[name]))
                ),
            ]
        return self._usages

    @property
    def streamed(self) -> bool:
        """Whether it was put together from chunks. A stream inside an `invoke` does not show."""
        return type(self.message).__name__.endswith("Chunk")

    @property
    def cached(self) -> bool:
        """Whether LangChain's cache gave it: then its cost is set to 0, and nothing stands beside the choices."""
        usage: Any = getattr(self.message, "usage_metadata", None)
        return bool(usage) and usage.get("total_cost") == 0 and not self.output and not self.streamed


def answer(result: Any) -> Answer:
    """Take a model's result apart.

    Args:
        result: LangChain's `LLMResult`.
    """
    prompts: Any = getattr(result, "generations", None)
    first: Any = prompts[0] if prompts else ()
    return Answer(first if isinstance(first, (list, tuple)) else (), _mapping(result, "llm_output"))


def decision(result: Any) -> Answer:
    """Take a decision model's result apart: a record that says which model answered, and what it used.

    Args:
        result: LangChain's `ClassifierResponse`.
    """
    usage = _mapping(result, "usage")
    return Answer((), {"model_name": getattr(result, "model", None)}, from_usage_metadata(usage))


def counts(answer: Answer) -> TokenCounts:
    """Give what an answer used: each call's tokens once, however many choices carry them.

    What comes out of LangChain's cache used nothing: its tokens were counted when it was made.
    """
    if answer.tokens is None:
        answer.tokens = NOTHING_COUNTED if answer.cached else _counted(answer)
    return answer.tokens


def _counted(answer: Answer) -> TokenCounts:
    found = _reported(answer)
    for usage in answer.usages:
        if "iterations" in usage:
            return over_passes(found, usage)
    return found


def _reported(answer: Answer) -> TokenCounts:
    usage: Any = getattr(answer.message, "usage_metadata", None)
    if isinstance(usage, Mapping) and usage:
        found = from_usage_metadata(usage)
        if found.input_tokens is not None or found.output_tokens is not None:
            return found
    for usage in answer.usages:
        if (said := from_provider(usage)) is not None:
            return said
    return from_provider(answer.metadata or answer.info) or NOTHING_COUNTED


_COUNTED_UNDER = ("token_usage", "usage", "usage_metadata", "amazon-bedrock-invocationMetrics", "token_count", "meta")
"""`token_count` and `meta` are Cohere's."""


def tokens(answer: Answer) -> Mapping[str, object]:
    """Give the attributes of what an answer used: the totals, and what of them is not nothing."""
    used = counts(answer)
    if used is NOTHING_COUNTED:
        return {}
    return {
        semconv.INPUT_TOKENS: used.input_tokens,
        semconv.OUTPUT_TOKENS: used.output_tokens,
        semconv.CACHE_READ_TOKENS: used.cache_read or None,
        semconv.CACHE_WRITE_TOKENS: used.cache_write or None,
        semconv.REASONING_TOKENS: used.reasoning or None,
        semconv.AUDIO_INPUT_TOKENS: used.audio_input or None,
        semconv.AUDIO_OUTPUT_TOKENS: used.audio_output or None,
    }


def response_model(answer: Answer) -> str | None:
    """Give the model that answered."""
    return once(answer.get("model_name") or answer.get("model") or answer.get("model_id"))


def response_id(answer: Answer) -> str | None:
    """Give the provider's id of the response; LangChain's own ids are none."""
    if found := answer.get("id"):
        return once(found)
    request = answer.metadata.get("ResponseMetadata")  # Bedrock's
    if isinstance(request, Mapping):
        return once(request.get("RequestId"))
    made: Any = getattr(answer.message, "id", None)
    return made if isinstance(made, str) and not made.startswith(_MADE_UP) else None


_MADE_UP = ("lc_", "run-")

MISSING = "error"
"""Stands for the reason of a choice that gives none beside others that do."""


def finish_reasons(answer: Answer) -> list[str] | None:
    """Give the reason why each choice ended, in order and in the provider's words."""
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
    """Give the reason why a model ended this message, if a model did and it says it."""
    return _finish_reason(message, _mapping(message, "response_metadata"))


def _finish_reason(message: Any, *sources: Mapping[str, Any]) -> str | None:
    for source in sources:
        if not source:
            continue
        for name in ("finish_reason", "stop_reason", "stopReason", "done_reason"):
            if name in source and (reason := once(source[name])) is not None:
                return reason
        if source.get("object") == "response":
            return _of_status(source, message)
    return None


def _of_status(said: Mapping[str, Any], message: Any) -> str | None:
    """Give the reason in the words of Chat Completions: OpenAI's Responses have a status and no reason."""
    status = once(said.get("status"))
    if status == "completed":
        return "tool_calls" if getattr(message, "tool_calls", None) else "stop"
    why = said.get("incomplete_details")
    reason = why.get("reason") if isinstance(why, Mapping) else None
    return "length" if reason == "max_output_tokens" else reason or status


def openai(answer: Answer) -> Mapping[str, object] | None:
    """Give what only OpenAI says of a response."""
    provider = answer.get("model_provider")
    if provider is not None and once(provider) not in ("openai", "azure"):
        return None
    return {
        semconv.OPENAI_RESPONSE_SERVICE_TIER: once(answer.get("service_tier")),
        semconv.OPENAI_SYSTEM_FINGERPRINT: once(answer.get("system_fingerprint")),
    }


_SHORTEST = 4
"""Characters: something shorter that repeats is more likely to be meant so."""


def once(text: object) -> str | None:
    """Give a text once: LangChain joins the texts that the chunks of a stream repeat (`stopstop`)."""
    if not isinstance(text, str) or not text:
        return None
    period = (text + text).find(text, 1)
    return text[:period] if period >= _SHORTEST else text


def explain_missing_usage(model: object, answer: Answer) -> None:
    """Log, once for each class of models, why a stream that ended well has no token counts.

    Args:
        model: The model.
        answer: What its stream gave.
    """
    settings: Any = getattr(model, "__dict__", None) or {}
    if "stream_usage" not in settings or settings["stream_usage"] or answer.cached:
        return
    used = counts(answer)
    name = type(model).__name__
    if used.input_tokens is None and used.output_tokens is None and state.once(f"no usage in streams of {name}"):
        _log.warning("%s streams without token counts: ask for them with stream_usage=True", name)


def _mapping(thing: object, name: str) -> Mapping[str, Any]:
    value: Any = getattr(thing, name, None)
    return mapping(value)


RESPONSE: Table = (
    (semconv.RESPONSE_MODEL, response_model),
    (semconv.RESPONSE_ID, response_id),
    (semconv.FINISH_REASONS, finish_reasons),
    ("openai.response.*", openai),
    ("gen_ai.usage.*", tokens),
    (semconv.CACHE_HIT, lambda answer: True if answer.cached else None),
)
"""What a model's span says of the response."""


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
