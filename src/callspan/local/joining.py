"""Where the spans of a program go: to the provider that it has set, or to one that its variables ask for."""

from __future__ import annotations

import atexit
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import entry_points
from typing import Any

from opentelemetry import metrics, trace
from opentelemetry._logs import _internal as logs_api
from opentelemetry._logs import get_logger_provider
from opentelemetry.metrics import _internal as metrics_api
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.util._once import Once

from callspan import semconv
from callspan.core import state
from callspan.local.plan import ENDPOINT, TRACES, is_sent
from callspan.settings import has_file
from callspan.version import __version__

_METRICS, _LOGS = "OTEL_METRICS_EXPORTER", "OTEL_LOGS_EXPORTER"


@dataclass(slots=True)
class Joined:
    """Where spans go.

    Args:
        programs: The provider that the program has set, and ends; None: it has set none.
        providers: What was made because variables ask for it, and is to be flushed.
        flushed: What was made though none ask for it, and is to be flushed too: the program may have added to it.
        complaints: What OpenTelemetry's exporters complained of.
    """

    programs: Any = None
    providers: list[Any] = field(default_factory=list[Any])
    flushed: list[Any] = field(default_factory=list[Any])
    complaints: list[str] = field(default_factory=list[str])


def join(processors: Sequence[SpanProcessor]) -> Joined:
    """Add processors to the provider that the program has set; if there is none, one is set."""
    joined = Joined()
    provider: Any = state.provider() or trace.get_tracer_provider()
    if hasattr(provider, "add_span_processor"):
        joined.programs = provider
    else:
        provider = (configured(joined) if is_sent() else None) or TracerProvider()
        _put_in_force(provider)
    for processor in processors:
        provider.add_span_processor(processor)
    return joined


def _put_in_force(provider: TracerProvider) -> None:
    """Set the global provider; if the program has set one that takes no processors, only our spans go to this one."""
    if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        trace.set_tracer_provider(provider)
        return
    inforce = state.active()
    tracer = provider.get_tracer("callspan", __version__, semconv.SCHEMA_URL)
    state.activate(replace(inforce, tracer=tracer, provider=provider))


def configured(joined: Joined) -> Any:
    """Have OpenTelemetry's configurator make what the variables ask for, and take it out of force again.

    The global tracer provider is nobody's afterwards, so that the program may set its own. Those of metrics and logs
    stay, but the program may set others in their place, once, as if they had not been set.

    Returns:
        The tracer provider; None if none was made.
    """
    complaints = logging.getLogger("opentelemetry.exporter")
    complaints.addHandler(_Complaints(joined.complaints))
    if not has_file() and not os.environ.get(TRACES):
        # As the distro does; what has no endpoint would knock at doors that nobody has.
        os.environ[TRACES] = "otlp"
        if os.environ.get(ENDPOINT):
            os.environ.setdefault(_METRICS, "otlp")
            os.environ.setdefault(_LOGS, "otlp")
    free = [(module, name) for module, name in _GUARDS if not _is_used(module, name)]
    try:
        _configurator().configure(**({} if has_file() else {"auto_instrumentation_version": __version__}))
    except Exception as error:  # noqa: BLE001 - whatever a configurator and its exporters raise, the file is written
        joined.complaints.append(str(error) or type(error).__name__)
    made: Any = getattr(trace, "_TRACER_PROVIDER", None) if _GUARDS[0] in free else None
    if made is not None:
        _end_in_time(made, joined)
        setattr(trace, "_TRACER_PROVIDER", None)  # noqa: B010 - a private name
    for module, name in free:
        if hasattr(module, name):
            setattr(module, name, Once())
    return made


# What lets a provider be set once
_GUARDS: tuple[tuple[Any, str], ...] = (
    (trace, "_TRACER_PROVIDER_SET_ONCE"),
    (metrics_api, "_METER_PROVIDER_SET_ONCE"),
    (logs_api, "_LOGGER_PROVIDER_SET_ONCE"),
)


def _is_used(module: Any, name: str) -> bool:
    """Return whether the program has set a provider."""
    return bool(getattr(getattr(module, name, None), "_done", False))


def _configurator() -> Any:
    """Return the configurator that `opentelemetry-instrument` would use; the SDK's own if none is installed."""
    wanted = os.environ.get("OTEL_PYTHON_CONFIGURATOR")
    for found in entry_points(group="opentelemetry_configurator"):
        if wanted is None or found.name == wanted:
            return found.load()()
    from opentelemetry.sdk import _configuration

    sdks: Any = _configuration._OTelSDKConfigurator
    return sdks()


def _end_in_time(provider: Any, joined: Joined) -> None:
    """Take over the end of what was set for the program: by itself it may wait half a minute for a dead server."""
    every: tuple[Any, ...] = (provider, metrics.get_meter_provider(), get_logger_provider())
    for one in every:
        if hasattr(one, "force_flush"):
            atexit.unregister(one.shutdown)
            joined.providers.append(one)


class _Complaints(logging.Handler):
    """Keeps what exporters log of failures, for the summary; with it the terminal stays quiet."""

    def __init__(self, kept: list[str]) -> None:
        super().__init__(logging.ERROR)
        self._kept = kept

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it."""
        if not record.name.startswith("opentelemetry.exporter.otlp.json.file"):
            self._kept.append(record.getMessage())
            del self._kept[:-1]
