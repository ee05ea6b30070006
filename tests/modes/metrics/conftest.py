"""Metrics in memory, as lines of text."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest
from opentelemetry.metrics import MeterProvider as AnyMeterProvider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from callspan.testing import Recording, record


class Measured:
    """A provider, and what it has measured.

    Args:
        **options: Passed on to the SDK's `MeterProvider`.
    """

    def __init__(self, **options: Any) -> None:
        self._reader = InMemoryMetricReader()
        self.provider = MeterProvider([self._reader], **options)

    def metrics(self) -> list[Any]:
        """Give the SDK's metrics, those of callspan only."""
        data = self._reader.get_metrics_data()
        return [
            metric
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            if scope.scope.name == "callspan"
            for metric in scope.metrics
        ]

    def points(self, name: str) -> list[Any]:
        """Give the points of a metric."""
        return [point for metric in self.metrics() if metric.name == name for point in metric.data.data_points]

    def lines(self) -> list[str]:
        """Give a line for each point: name, attributes, then how many of which sum; of seconds how many only."""
        return sorted(
            f"{metric.name}{_attributes(point)}: {_value(metric, point)}"
            for metric in self.metrics()
            for point in metric.data.data_points
        )


def _attributes(point: Any) -> str:
    given = ", ".join(f"{name.removeprefix('gen_ai.')}={value}" for name, value in sorted(point.attributes.items()))
    return f" {{{given}}}" if given else ""


def _value(metric: Any, point: Any) -> str:
    if not hasattr(point, "count"):
        return f"{point.value} {metric.unit}"
    return f"{point.count} x {metric.unit}" if metric.unit == "s" else f"{point.count} x {point.sum} {metric.unit}"


@pytest.fixture
def measured() -> Iterator[Measured]:
    """A provider of the test's own."""
    measured = Measured()
    yield measured
    measured.provider.shutdown()


@pytest.fixture
def latest(monkeypatch: pytest.MonkeyPatch) -> None:
    """The newer generation is opted in, beside that of somebody else."""
    monkeypatch.setenv("OTEL_SEMCONV_STABILITY_OPT_IN", "http, gen_ai_latest_experimental")


@pytest.fixture
def global_provider(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Set the global provider for this test, any number of times; the API lets a program do it once."""

    def put(provider: AnyMeterProvider) -> None:
        monkeypatch.setattr("opentelemetry.metrics._internal._METER_PROVIDER", provider)

    return put


@pytest.fixture
def measuring(measured: Measured) -> AbstractContextManager[Recording]:
    """LangChain is instrumented for the block, and measured."""
    return record(meter_provider=measured.provider)
