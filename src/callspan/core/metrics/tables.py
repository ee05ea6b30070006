"""The conventions' metrics, one a line, and what each is read from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from opentelemetry.util.types import AttributeValue

from callspan import semconv
from callspan.core.usage import TokenCounts

if TYPE_CHECKING:
    from callspan.core.run import Run

# Attributes of metrics only
TOKEN_TYPE = "gen_ai.token.type"
TOKEN_MODALITY = "gen_ai.token.modality"


@dataclass(frozen=True, slots=True)
class Ended:
    """A run that ended, as its metrics see it.

    Args:
        run: The run.
        seconds: How long its span lasted.
        attributes: What its span says of it, and `error.type`.
    """

    run: Run
    seconds: float
    attributes: Mapping[str, AttributeValue]

    def tokens(self, name: str) -> int | None:
        """Give a count of the call; 0 if it failed without one, None if nobody says."""
        count = self.attributes.get(name)
        if isinstance(count, int) and count >= 0:
            return count
        return 0 if semconv.ERROR_TYPE in self.attributes else None

    def counts(self) -> TokenCounts:
        """Give what is known of the parts of its tokens."""
        run = self.run
        return (None if run.answer is None else run.row.tokens(run.answer)) or TokenCounts()


Points = Iterable[tuple[float, Mapping[str, str]]]
"""Values to record, each with the attributes that it alone has."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One row of the metric tables.

    Args:
        name: The conventions' name.
        unit: Their unit.
        buckets: The boundaries of a histogram; None: it is a counter.
        operations: The operations it is recorded for.
        attributes: The attributes it may have, picked by name from what the span says.
        points: What is recorded.
        own: The attributes that come with the points.
    """

    name: str
    unit: str
    buckets: tuple[float, ...] | None
    operations: tuple[str, ...]
    attributes: tuple[str, ...]
    points: Callable[[Ended], Points]
    own: tuple[str, ...] = ()


def _duration(ended: Ended) -> Points:
    return ((ended.seconds, {}),)


def _first_chunk(ended: Ended) -> Points:
    waited = ended.run.time_to_first_token
    return () if waited is None else ((waited, {}),)


def _usage(ended: Ended) -> Points:
    for name, word in ((semconv.INPUT_TOKENS, "input"), (semconv.OUTPUT_TOKENS, "output")):
        count = ended.attributes.get(name)
        if isinstance(count, int) and count >= 0:
            yield count, {TOKEN_TYPE: word}


def _tokens(name: str) -> Callable[[Ended], Points]:
    def points(ended: Ended) -> Points:
        count = ended.tokens(name)
        return () if count is None else ((count, {}),)

    return points


def _by_modality(name: str, audio_field: str) -> Callable[[Ended], Points]:
    def points(ended: Ended) -> Points:
        count = ended.tokens(name)
        if count is None:
            return
        audio = min(count, getattr(ended.counts(), audio_field) or 0)
        if audio:
            yield audio, {TOKEN_MODALITY: "audio"}
        if count > audio or not audio:
            yield count - audio, {TOKEN_MODALITY: "unknown"}  # providers count sound apart, and the rest together

    return points


def _part(field: str) -> Callable[[Ended], Points]:
    def points(ended: Ended) -> Points:
        count = getattr(ended.counts(), field)
        return ((count, {TOKEN_MODALITY: "unknown"}),) if isinstance(count, int) and count >= 0 else ()

    return points


def _own_calls(field: str) -> Callable[[Ended], Points]:
    def points(ended: Ended) -> Points:
        return ((0 if ended.run.totals is None else getattr(ended.run.totals, field), {}),)

    return points


_SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
_AGENT_SECONDS = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 102.4, 204.8, 409.6)
_WORKFLOW_SECONDS = (1, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200)
_TOKENS = (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864)
_CALLS = (1, 2, 4, 8, 16, 32, 64, 128)

CLIENT = (semconv.OPERATION, semconv.PROVIDER, semconv.REQUEST_MODEL, semconv.RESPONSE_MODEL,
          semconv.SERVER_ADDRESS, semconv.SERVER_PORT)  # fmt: skip
_CLIENT_ERROR = (*CLIENT, semconv.ERROR_TYPE)
_AGENT = (semconv.AGENT_NAME,)
_AGENT_ERROR = (semconv.AGENT_NAME, semconv.REQUEST_MODEL, semconv.ERROR_TYPE)
_WORKFLOW_ERROR = (semconv.WORKFLOW_NAME, semconv.ERROR_TYPE)
_TOOL_ERROR = (semconv.TOOL_NAME, semconv.TOOL_TYPE, semconv.AGENT_NAME, semconv.ERROR_TYPE)

_INFERENCE = (semconv.CHAT, semconv.TEXT_COMPLETION)
_NO_INFERENCE = (semconv.EMBEDDINGS, semconv.RETRIEVAL)
_USAGE = "gen_ai.client.inference.usage"
_IN, _OUT = semconv.INPUT_TOKENS, semconv.OUTPUT_TOKENS

# fmt: off
RELEASED = (
    Metric("gen_ai.client.operation.duration", "s", _SECONDS, (*_INFERENCE, *_NO_INFERENCE), _CLIENT_ERROR, _duration),
    Metric("gen_ai.client.token.usage", "{token}", _TOKENS, (*_INFERENCE, semconv.EMBEDDINGS), CLIENT, _usage,
           (TOKEN_TYPE,)),
    Metric("gen_ai.client.operation.time_to_first_chunk", "s", _SECONDS, _INFERENCE, CLIENT, _first_chunk),
)
"""As in the conventions' release 1.41."""

LATEST = (
    Metric("gen_ai.client.operation.duration", "s", _SECONDS, _NO_INFERENCE, _CLIENT_ERROR, _duration),
    Metric("gen_ai.client.inference.duration", "s", _SECONDS, _INFERENCE, _CLIENT_ERROR, _duration),
    Metric("gen_ai.client.inference.time_to_first_chunk", "s", _SECONDS, _INFERENCE, CLIENT, _first_chunk),
    Metric("gen_ai.client.inference.operation.input_tokens", "{token}", _TOKENS, _INFERENCE, _CLIENT_ERROR,
           _tokens(_IN)),
    Metric("gen_ai.client.inference.operation.output_tokens", "{token}", _TOKENS, _INFERENCE, _CLIENT_ERROR,
           _tokens(_OUT)),
    Metric(f"{_USAGE}.input_tokens", "{token}", None, _INFERENCE, CLIENT, _by_modality(_IN, "audio_input"),
           (TOKEN_MODALITY,)),
    Metric(f"{_USAGE}.output_tokens", "{token}", None, _INFERENCE, CLIENT, _by_modality(_OUT, "audio_output"),
           (TOKEN_MODALITY,)),
    Metric(f"{_USAGE}.cache_read.input_tokens", "{token}", None, _INFERENCE, CLIENT, _part("cache_read"),
           (TOKEN_MODALITY,)),
    Metric(f"{_USAGE}.cache_write.input_tokens", "{token}", None, _INFERENCE, CLIENT, _part("cache_write"),
           (TOKEN_MODALITY,)),
    Metric(f"{_USAGE}.reasoning.output_tokens", "{token}", None, _INFERENCE, CLIENT, _part("reasoning"),
           (TOKEN_MODALITY,)),
    Metric("gen_ai.invoke_agent.inference_calls", "{inference_call}", _CALLS, (semconv.INVOKE_AGENT,), _AGENT,
           _own_calls("own_model_calls")),
    Metric("gen_ai.invoke_agent.tool_calls", "{tool_call}", _CALLS, (semconv.INVOKE_AGENT,), _AGENT,
           _own_calls("own_tool_calls")),
)
"""As in the conventions' development, for who opts in."""

BOTH = (
    Metric("gen_ai.execute_tool.duration", "s", _SECONDS, (semconv.EXECUTE_TOOL,), _TOOL_ERROR, _duration),
    Metric("gen_ai.invoke_agent.duration", "s", _AGENT_SECONDS, (semconv.INVOKE_AGENT,), _AGENT_ERROR, _duration),
    Metric("gen_ai.invoke_workflow.duration", "s", _WORKFLOW_SECONDS, (semconv.INVOKE_WORKFLOW,), _WORKFLOW_ERROR,
           _duration),
)
"""The same in both."""
# fmt: on
