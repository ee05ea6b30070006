"""What is measured when a run ends: the instruments made from the tables, for whoever set a provider."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from threading import RLock
from typing import TYPE_CHECKING, Any

from opentelemetry.metrics import (
    Counter,
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
from callspan.core.metrics.tables import BOTH, LATEST, RELEASED, Ended, Metric
from callspan.core.text import NAME_LIMIT
from callspan.version import __version__

if TYPE_CHECKING:
    from callspan.core.run import Run

OPT_IN = "OTEL_SEMCONV_STABILITY_OPT_IN"
LATEST_WANTED = "gen_ai_latest_experimental"

VALUES_LIMIT = 200
"""How many values of one attribute are told apart; those that come later are `_OTHER`. It bounds the time series."""

OTHER = "_OTHER"

_UNKNOWN: Any = object()

_Write = Callable[..., None]


class Instruments:
    """The instruments of one provider.

    Args:
        meter: Makes them.
        table: What is measured.
    """

    def __init__(self, meter: Meter, table: Iterable[Metric]) -> None:
        self._seen: dict[str, set[AttributeValue]] = {}
        self._by_operation: dict[str, list[tuple[Metric, _Write]]] = {}
        for metric in table:
            write = _made(meter, metric)
            for operation in metric.operations:
                self._by_operation.setdefault(operation, []).append((metric, write))

    def record(self, run: Run, said: Mapping[str, AttributeValue], at: int, error: BaseException | None) -> None:
        """Record what ended; its context is still there, so that exemplars name its span.

        Args:
            run: The run.
            said: The attributes of its end.
            at: When it ended.
            error: The exception, if it failed.
        """
        rows = self._by_operation.get(run.row.operation or "", ())
        attributes = {**(run.identity or spans.read(run.row.identity, run)), **said}  # a hidden run has none yet
        if error is not None:
            attributes[semconv.ERROR_TYPE] = errors.error_type(error)
        labels = {} if run.who is None else self._limited(run.who.labels)
        ended = Ended(run, max(0, at - run.started) / 1e9, attributes)
        for metric, write in rows:
            try:
                points = [
                    (value, {**labels, **self._bounded(metric, attributes), **own})
                    for value, own in metric.points(ended)
                ]
            except Exception as fault:  # noqa: BLE001 - the user's objects: it costs the measurement
                state.failed(f"the metric {metric.name}", fault)
                continue
            try:
                for value, given in points:
                    write(value, given, run.context)
            except Exception as fault:  # noqa: BLE001 - the SDK's own, and whose views and exemplar filters are in it
                state.refused("record a metric", fault)

    def _bounded(self, metric: Metric, attributes: Mapping[str, AttributeValue]) -> dict[str, AttributeValue]:
        bounded: dict[str, AttributeValue] = {}
        for name in metric.attributes:
            value = attributes.get(name)
            if isinstance(value, str):
                value = value[:NAME_LIMIT]
            elif not isinstance(value, int):
                continue
            bounded[name] = self._few(name, value)
        return bounded

    def _limited(self, labels: Mapping[str, AttributeValue]) -> dict[str, AttributeValue]:
        return {name: self._few(name, value) for name, value in labels.items() if isinstance(value, (str, int, float))}

    def _few(self, name: str, value: AttributeValue) -> AttributeValue:
        seen = self._seen.setdefault(name, set())
        if value not in seen:
            if len(seen) >= VALUES_LIMIT:
                return OTHER
            seen.add(value)
        return value


def _made(meter: Meter, metric: Metric) -> _Write:
    if metric.buckets is None:
        counter: Counter = meter.create_counter(metric.name, metric.unit)
        return counter.add
    return meter.create_histogram(
        metric.name, metric.unit, explicit_bucket_boundaries_advisory=list(metric.buckets)
    ).record


class Meters:
    """Finds the provider, which may be set late, and makes the instruments once for each.

    Args:
        given: The provider; None: the global one.
    """

    def __init__(self, given: MeterProvider | None = None) -> None:
        wanted = {word.strip() for word in os.environ.get(OPT_IN, "").split(",")}
        self.table = (*(LATEST if LATEST_WANTED in wanted else RELEASED), *BOTH)
        self._given = given
        self._found: tuple[Any, Instruments | None] = (None, None)
        self._unset = False  # whether the global provider was asked for, and none was set
        self._lock = RLock()

    def instruments(self) -> Instruments | None:
        """Give the instruments; None as long as nobody measures."""
        try:
            provider = self._given
            if provider is None:
                # `get_meter_provider` looks into the environment at each call until one is set: 3 µs for each run.
                provider = getattr(_internal, "_METER_PROVIDER", _UNKNOWN)
                if provider is None and self._unset:
                    return None
                self._unset = provider is None
                if provider is None or provider is _UNKNOWN:
                    provider = get_meter_provider()
            known, made = self._found
            return made if known is provider else self._look(provider)
        except Exception as fault:  # noqa: BLE001 - somebody else's provider
            state.refused("make the instruments of metrics", fault)
            return None

    def _look(self, provider: MeterProvider) -> Instruments | None:
        with self._lock:
            if self._found[0] is not provider:
                self._found = (provider, None)  # also if the next line raises
                if not _does_nothing(provider):
                    meter = provider.get_meter("callspan", __version__, semconv.SCHEMA_URL)
                    self._found = (provider, None if isinstance(meter, NoOpMeter) else Instruments(meter, self.table))
            return self._found[1]


def _does_nothing(provider: MeterProvider) -> bool:
    """Tell whether it is the API's own: one that does nothing, or one that stands for what is not set yet."""
    return isinstance(provider, NoOpMeterProvider) or type(provider).__module__.startswith("opentelemetry.metrics.")


def collect(provider: Any, timeout: float) -> bool:
    """Have a provider send what it has measured; True also if it cannot.

    Args:
        provider: The provider.
        timeout: Seconds to wait at most.
    """
    force = getattr(provider, "force_flush", None)
    try:
        return force is None or force(timeout * 1000) is not False
    except Exception as fault:  # noqa: BLE001 - the SDK raises what its readers and exporters do
        state.refused("flush metrics", fault)
        return False
