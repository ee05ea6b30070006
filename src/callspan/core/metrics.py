"""The GenAI conventions' metrics: what is recorded when a run ends, for whoever set a meter provider."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from threading import RLock
from typing import Any, NamedTuple

from opentelemetry.metrics import (
    Meter,
    MeterProvider,
    NoOpMeter,
    NoOpMeterProvider,
    _internal,  # pyright: ignore[reportPrivateUsage] - see `Meters.instruments`
    get_meter_provider,
)
from opentelemetry.util.types import AttributeValue

from callspan import semconv
from callspan.core import errors, spans, state
from callspan.core.run import FAILED, Run
from callspan.core.text import NAME_LIMIT
from callspan.core.usage import NO_TOKENS, TokenCounts
from callspan.version import __version__

OPT_IN = "OTEL_SEMCONV_STABILITY_OPT_IN"
LATEST_WANTED = "gen_ai_latest_experimental"

# How many values of one attribute are recorded; later ones become `OTHER`. It bounds the number of time series, and
# of the attribute sets that are kept.
VALUES_LIMIT = 200
OTHER = "_OTHER"

_UNKNOWN: Any = object()

# Attributes of metrics only
TOKEN_TYPE = "gen_ai.token.type"
TOKEN_MODALITY = "gen_ai.token.modality"

Attributes = Mapping[str, AttributeValue]
Points = Sequence[tuple[float, Mapping[str, str]]]  # values, each with the attributes that it alone has

_NO_OWN: Mapping[str, str] = {}
_INPUT, _OUTPUT = {TOKEN_TYPE: "input"}, {TOKEN_TYPE: "output"}
_AUDIO, _ANY = {TOKEN_MODALITY: "audio"}, {TOKEN_MODALITY: "unknown"}


@dataclass(eq=False)
class Ended:
    """A run that ended after so many seconds, with the attributes of its span, and `error.type`."""

    run: Run
    seconds: float
    attributes: Attributes

    def tokens(self, name: str) -> int | None:
        """Return a token count of the call; 0 if it failed without one, None if it is not known."""
        number = self.attributes.get(name)
        if isinstance(number, int) and number >= 0:
            return number
        return 0 if semconv.ERROR_TYPE in self.attributes else None

    @cached_property
    def counts(self) -> TokenCounts:
        """All token counts that are known."""
        run = self.run
        return (None if run.answer is None else run.row.tokens(run.answer)) or NO_TOKENS


class Metric(NamedTuple):
    """One row of the metric tables."""

    name: str
    unit: str
    buckets: tuple[float, ...] | None  # the boundaries of a histogram; None: it is a counter
    operations: tuple[str, ...]
    attributes: tuple[str, ...]  # those that it may have of the span's
    points: Callable[[Ended], Points]
    own: tuple[str, ...] = ()  # the attributes that come with the points


def _duration(ended: Ended) -> Points:
    return ((ended.seconds, _NO_OWN),)


def _first_chunk(ended: Ended) -> Points:
    waited = ended.run.time_to_first_token
    return () if waited is None else ((waited, _NO_OWN),)


def _usage(ended: Ended) -> Points:
    points: list[tuple[float, Mapping[str, str]]] = []
    for name, own in ((semconv.INPUT_TOKENS, _INPUT), (semconv.OUTPUT_TOKENS, _OUTPUT)):
        number = ended.attributes.get(name)
        if isinstance(number, int) and number >= 0:
            points.append((number, own))
    return points


def _tokens(name: str, ended: Ended) -> Points:
    number = ended.tokens(name)
    return () if number is None else ((number, _NO_OWN),)


def _by_modality(name: str, audio_field: str, ended: Ended) -> Points:
    number = ended.tokens(name)
    if number is None:
        return ()
    audio = min(number, getattr(ended.counts, audio_field) or 0)
    rest = (number - audio, _ANY)  # providers count audio apart, and the rest together
    if not audio:
        return (rest,)
    return ((audio, _AUDIO), rest) if number > audio else ((audio, _AUDIO),)


def _part(field: str, ended: Ended) -> Points:
    number = getattr(ended.counts, field)
    return ((number, _ANY),) if isinstance(number, int) and number >= 0 else ()


def _own_calls(field: str, ended: Ended) -> Points:
    return ((getattr(ended.run.totals, field, 0), _NO_OWN),)


def _used(name: str, points: Callable[[Ended], Points]) -> Metric:
    name = f"gen_ai.client.inference.usage.{name}"
    return Metric(name, "{token}", None, _INFERENCE, CLIENT, points, (TOKEN_MODALITY,))


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
_IN, _OUT = semconv.INPUT_TOKENS, semconv.OUTPUT_TOKENS

# fmt: off
RELEASED = (  # the conventions' release 1.41
    Metric("gen_ai.client.operation.duration", "s", _SECONDS, (*_INFERENCE, *_NO_INFERENCE), _CLIENT_ERROR, _duration),
    Metric("gen_ai.client.token.usage", "{token}", _TOKENS, (*_INFERENCE, semconv.EMBEDDINGS), CLIENT, _usage,
           (TOKEN_TYPE,)),
    Metric("gen_ai.client.operation.time_to_first_chunk", "s", _SECONDS, _INFERENCE, CLIENT, _first_chunk),
)

LATEST = (  # their development version, by opt-in
    Metric("gen_ai.client.operation.duration", "s", _SECONDS, _NO_INFERENCE, _CLIENT_ERROR, _duration),
    Metric("gen_ai.client.inference.duration", "s", _SECONDS, _INFERENCE, _CLIENT_ERROR, _duration),
    Metric("gen_ai.client.inference.time_to_first_chunk", "s", _SECONDS, _INFERENCE, CLIENT, _first_chunk),
    Metric("gen_ai.client.inference.operation.input_tokens", "{token}", _TOKENS, _INFERENCE, _CLIENT_ERROR,
           partial(_tokens, _IN)),
    Metric("gen_ai.client.inference.operation.output_tokens", "{token}", _TOKENS, _INFERENCE, _CLIENT_ERROR,
           partial(_tokens, _OUT)),
    _used("input_tokens", partial(_by_modality, _IN, "audio_input")),
    _used("output_tokens", partial(_by_modality, _OUT, "audio_output")),
    _used("cache_read.input_tokens", partial(_part, "cache_read")),
    _used("cache_write.input_tokens", partial(_part, "cache_write")),
    _used("reasoning.output_tokens", partial(_part, "reasoning")),
    Metric("gen_ai.invoke_agent.inference_calls", "{inference_call}", _CALLS, (semconv.INVOKE_AGENT,), _AGENT,
           partial(_own_calls, "own_model_calls")),
    Metric("gen_ai.invoke_agent.tool_calls", "{tool_call}", _CALLS, (semconv.INVOKE_AGENT,), _AGENT,
           partial(_own_calls, "own_tool_calls")),
)

BOTH = (  # the same in both
    Metric("gen_ai.execute_tool.duration", "s", _SECONDS, (semconv.EXECUTE_TOOL,), _TOOL_ERROR, _duration),
    Metric("gen_ai.invoke_agent.duration", "s", _AGENT_SECONDS, (semconv.INVOKE_AGENT,), _AGENT_ERROR, _duration),
    Metric("gen_ai.invoke_workflow.duration", "s", _WORKFLOW_SECONDS, (semconv.INVOKE_WORKFLOW,), _WORKFLOW_ERROR,
           _duration),
)
# fmt: on


_Write = Callable[..., None]
_Record = tuple[Metric, _Write, Attributes]  # with the attributes that runs which are alike have in common


class _Measured(NamedTuple):
    """What is recorded of one operation: `names` are the attributes of all its metrics.

    `known` has the records by the values of these, so that runs which are alike share them.
    """

    names: tuple[str, ...]
    metrics: tuple[tuple[Metric, _Write], ...]
    known: dict[tuple[AttributeValue | None, ...], tuple[_Record, ...]]


class Instruments:
    """The instruments of one provider."""

    def __init__(self, meter: Meter, table: Iterable[Metric]) -> None:
        made = [(metric, _made(meter, metric)) for metric in table]
        self._seen: dict[str, set[AttributeValue]] = {}
        self._by_operation: dict[str | None, _Measured] = {}
        for operation in {operation for metric, _ in made for operation in metric.operations}:
            metrics = tuple((metric, write) for metric, write in made if operation in metric.operations)
            names = tuple(dict.fromkeys(name for metric, _ in metrics for name in metric.attributes))
            self._by_operation[operation] = _Measured(names, metrics, {})

    def record(self, run: Run, attributes: Attributes) -> None:
        """Record a run that has ended; its context is still there, so that exemplars name its span."""
        measured = self._by_operation.get(run.row.operation)
        if measured is None:
            return
        identity = run.identity or spans.read(run.row.identity, run)  # a hidden run has none yet
        given: dict[str, AttributeValue] = {**identity, **attributes}
        if run.outcome in FAILED and run.error is not None:
            given[semconv.ERROR_TYPE] = errors.error_type(run.error)
        values = tuple(map(given.get, measured.names))
        labels = None if run.who is None else run.who.labels
        try:
            records = None if labels else measured.known.get(values)
        except TypeError:  # a list, which no metric has as an attribute
            values = tuple(None if isinstance(value, list) else value for value in values)
            records = None
        if records is None:
            records = self._make_records(measured, values, labels)
        ended = Ended(run, run.duration or 0, given)
        for metric, write, common in records:
            try:
                points = metric.points(ended)
            except Exception as fault:  # noqa: BLE001 - the user's objects: it costs the measurement
                state.log_own_failure(f"the metric {metric.name}", fault)
                continue
            try:
                for value, own in points:
                    write(value, {**common, **own}, run.context)  # older SDKs keep the dict
            except Exception as fault:  # noqa: BLE001 - the SDK's own, and whose views and exemplar filters are in it
                state.log_sdk_failure("record a metric", fault)

    def _make_records(
        self, measured: _Measured, values: tuple[AttributeValue | None, ...], labels: Attributes | None
    ) -> tuple[_Record, ...]:
        """Return the records of runs with these values, and keep them unless the runs have labels of their own."""
        shared: dict[str, AttributeValue] = {}
        for name, value in zip(measured.names, values, strict=True):
            if isinstance(value, str):
                shared[name] = self._bounded(name, value[:NAME_LIMIT])
            elif isinstance(value, int):
                shared[name] = self._bounded(name, value)
        given = {} if labels is None else labels
        bounded = {name: self._bounded(name, v) for name, v in given.items() if isinstance(v, (str, int, float))}
        made: list[_Record] = []
        for metric, write in measured.metrics:
            common = {name: value for name, value in shared.items() if name in metric.attributes}
            made.append((metric, write, {**bounded, **common}))
        records = tuple(made)
        if not labels:
            if len(measured.known) >= VALUES_LIMIT:
                measured.known.clear()
            measured.known[values] = records
        return records

    def _bounded(self, name: str, value: AttributeValue) -> AttributeValue:
        seen = self._seen.setdefault(name, set())
        if value not in seen:
            if len(seen) >= VALUES_LIMIT:
                return OTHER
            seen.add(value)
        return value


def _made(meter: Meter, metric: Metric) -> _Write:
    if metric.buckets is None:
        return meter.create_counter(metric.name, metric.unit).add
    return meter.create_histogram(
        metric.name, metric.unit, explicit_bucket_boundaries_advisory=list(metric.buckets)
    ).record


class Meters:
    """Finds the provider, which may be set late, and makes the instruments once for each; None: the global one."""

    def __init__(self, given: MeterProvider | None = None) -> None:
        wanted = {word.strip() for word in os.environ.get(OPT_IN, "").split(",")}
        self.table = (*(LATEST if LATEST_WANTED in wanted else RELEASED), *BOTH)
        self._given = given
        self._found: tuple[Any, Instruments | None] = (None, None)
        self._asked = False  # whether `get_meter_provider` was called and none was set
        self._lock = RLock()

    def instruments(self) -> Instruments | None:
        """Return the instruments; None as long as there is no provider that measures."""
        try:
            provider: Any = self._given
            if provider is None:
                # `get_meter_provider` reads the environment at each call until one is set: 3 µs for each run.
                provider = getattr(_internal, "_METER_PROVIDER", _UNKNOWN)
                if provider is None and self._asked:
                    return None
                self._asked = provider is None
                if provider is None or provider is _UNKNOWN:
                    provider = get_meter_provider()
            known, made = self._found
            return made if known is provider else self._look_up(provider)
        except Exception as fault:  # noqa: BLE001 - somebody else's provider
            state.log_sdk_failure("make the instruments of metrics", fault)
            return None

    def _look_up(self, provider: Any) -> Instruments | None:
        with self._lock:
            if self._found[0] is not provider:
                self._found = (provider, None)  # also if the next line raises
                # The API's own providers do nothing, or stand for one that is not set yet.
                module = type(provider).__module__
                if not (isinstance(provider, NoOpMeterProvider) or module.startswith("opentelemetry.metrics.")):
                    meter = provider.get_meter("callspan", __version__, semconv.SCHEMA_URL)
                    self._found = (provider, None if isinstance(meter, NoOpMeter) else Instruments(meter, self.table))
            return self._found[1]


def collect(provider: Any, timeout: float) -> bool:
    """Send what a provider has measured, in so many seconds; return True also if it cannot send."""
    force = getattr(provider, "force_flush", None)
    try:
        return force is None or force(timeout * 1000) is not False
    except Exception as fault:  # noqa: BLE001 - the SDK raises what its readers and exporters do
        state.log_sdk_failure("flush metrics", fault)
        return False
