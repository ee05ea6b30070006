"""The official instrumentation of OpenAI's client and that of its HTTP client beside ours, on one provider each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from callspan.testing import OpenAIServer, Recording, Say, record


class Metrics:
    """What everybody has measured, as lines of text."""

    def __init__(self) -> None:
        self._reader = InMemoryMetricReader()
        self.provider = MeterProvider([self._reader])

    def lines(self) -> list[str]:
        """Give a line for each point of the GenAI metrics: whose it is, its name, and how many of which sum."""
        data = self._reader.get_metrics_data()
        return sorted(
            f"{scope.scope.name} {metric.name} {point.attributes.get('gen_ai.token.type', '')}: {point.count}"
            + (f" x {point.sum}" if metric.unit == "{token}" else "")
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name.startswith("gen_ai.")
            for point in metric.data.data_points
        )

    def attributes(self, name: str) -> list[dict[str, Any]]:
        """Give the attributes of the points of one metric."""
        data = self._reader.get_metrics_data()
        return [
            dict(point.attributes)
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
            for point in metric.data.data_points
        ]


@pytest.fixture
def metrics() -> Iterator[Metrics]:
    """A provider of metrics for all."""
    metrics = Metrics()
    yield metrics
    metrics.provider.shutdown()


@pytest.fixture
def recording(metrics: Metrics) -> Iterator[Recording]:
    """LangChain is instrumented, spans are recorded and all is measured."""
    with record(meter_provider=metrics.provider) as recording:
        yield recording


@pytest.fixture
def official(recording: Recording, metrics: Metrics) -> Iterator[None]:
    """OpenTelemetry's own instrumentations of OpenAI's client and of its HTTP client are active."""
    openai = pytest.importorskip("opentelemetry.instrumentation.genai.openai", reason="needs the official one")
    httpx = pytest.importorskip("opentelemetry.instrumentation.httpx", reason="needs the HTTP client's")
    with ExitStack() as stack:
        instrumentors = [openai.OpenAIInstrumentor(), httpx.HTTPXClientInstrumentor(), httpx.HTTPX2ClientInstrumentor()]
        for instrumentor in instrumentors:
            instrumentor.instrument(tracer_provider=recording.provider, meter_provider=metrics.provider)
            stack.callback(instrumentor.uninstrument)
        yield


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    """A server that always says two words."""
    with OpenAIServer(lambda request: Say("two words")) as server:
        yield server


@pytest.fixture
def use(server: OpenAIServer) -> Callable[..., Any]:
    """Make a model or embeddings of OpenAI's that talks to the server, do something with it, and close its clients."""
    langchain_openai = pytest.importorskip("langchain_openai", reason="needs langchain-openai")
    client = pytest.importorskip("openai", reason="needs OpenAI's client")

    def use(cls: str, do: Callable[[Any], Any], **options: Any) -> Any:
        clients = {"http_client": client.DefaultHttpxClient(), "http_async_client": client.DefaultAsyncHttpxClient()}
        given = {"base_url": server.base_url, "api_key": "none", "max_retries": 0, **options, **clients}
        made = getattr(langchain_openai, cls)(**given)

        async def go() -> Any:
            try:
                done = do(made)
                return await done if asyncio.iscoroutine(done) else done
            finally:
                await clients["http_async_client"].aclose()

        with clients["http_client"]:
            return asyncio.run(go())

    return use
