"""The tracer provider of a program under `callspan run`: its own, one from its variables, or one that stands in."""

from __future__ import annotations

import atexit
import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import wraps
from importlib.metadata import entry_points
from threading import RLock, Thread
from typing import Any

from opentelemetry import metrics, trace
from opentelemetry._logs import _internal as logs_api
from opentelemetry._logs import get_logger_provider
from opentelemetry.metrics import _internal as metrics_api
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.util import types
from opentelemetry.util._once import Once

from callspan import semconv
from callspan.core import state
from callspan.runner.options import ENDPOINT, TRACES, is_sent
from callspan.settings import has_file
from callspan.version import __version__
from callspan.viewer.background import is_on_loop

_log = logging.getLogger("callspan")

_METRICS, _LOGS = "OTEL_METRICS_EXPORTER", "OTEL_LOGS_EXPORTER"

_api: Any = trace  # its private names: there is no public way to notice a provider that is set later

_NEEDED = ("_PROXY_TRACER_PROVIDER", "_TRACER_PROVIDER", "_set_tracer_provider")

# What lets a provider be set once
_GUARDS: tuple[tuple[Any, str], ...] = (
    (trace, "_TRACER_PROVIDER_SET_ONCE"),
    (metrics_api, "_METER_PROVIDER_SET_ONCE"),
    (logs_api, "_LOGGER_PROVIDER_SET_ONCE"),
)


@dataclass(slots=True)
class SpanTargets:
    """Where spans go."""

    programs: Any = None  # the provider that the program has set, and shuts down; None: it has set none
    providers: list[Any] = field(default_factory=list[Any])  # made because variables ask for them; we flush them
    flushed: list[Any] = field(default_factory=list[Any])  # made by us; the program may have added processors
    complaints: list[str] = field(default_factory=list[str])  # the last failure of OpenTelemetry's exporters


def join(processors: Sequence[SpanProcessor]) -> None:
    """Add processors to the provider that the program has set; if there is none, set one."""
    provider: Any = state.provider() or trace.get_tracer_provider()
    if not hasattr(provider, "add_span_processor"):
        provider = (configured(SpanTargets()) if is_sent() else None) or TracerProvider()
        if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
            trace.set_tracer_provider(provider)
        else:
            _trace_with(provider)
    for processor in processors:
        provider.add_span_processor(processor)


def _trace_with(provider: Any) -> None:
    """Make callspan's own spans with a provider: that of the program takes no processors."""
    tracer = provider.get_tracer("callspan", __version__, semconv.SCHEMA_URL)
    state.activate(replace(state.active(), tracer=tracer, provider=provider))


def configured(targets: SpanTargets) -> Any:
    """Have OpenTelemetry's configurator make what the variables ask for, and allow the program to set its own.

    The global tracer provider is unset afterwards. Those of metrics and logs stay; the program may replace them once.

    Returns:
        The tracer provider; None if none was made.
    """
    logging.getLogger("opentelemetry.exporter").addHandler(_Complaints(targets.complaints))
    if not has_file() and not os.environ.get(TRACES):
        # As the distro does; without an endpoint, exporters would try a server that is not there.
        os.environ[TRACES] = "otlp"
        if os.environ.get(ENDPOINT):
            os.environ.setdefault(_METRICS, "otlp")
            os.environ.setdefault(_LOGS, "otlp")
    free = [(module, name) for module, name in _GUARDS if not getattr(getattr(module, name, None), "_done", False)]
    try:
        _configurator().configure(**({} if has_file() else {"auto_instrumentation_version": __version__}))
    except Exception as error:  # noqa: BLE001 - whatever a configurator and its exporters raise, the file is written
        targets.complaints.append(str(error) or type(error).__name__)
    made = getattr(_api, "_TRACER_PROVIDER", None) if _GUARDS[0] in free else None
    if made is not None:
        every: tuple[Any, ...] = (made, metrics.get_meter_provider(), get_logger_provider())
        for one in every:
            if hasattr(one, "force_flush"):
                atexit.unregister(one.shutdown)  # it may wait half a minute for a dead server
                targets.providers.append(one)
        _api._TRACER_PROVIDER = None
    for module, name in free:
        if hasattr(module, name):
            setattr(module, name, Once())
    return made


def _configurator() -> Any:
    """Return the configurator that `opentelemetry-instrument` would use; the SDK's own if none is installed."""
    wanted = os.environ.get("OTEL_PYTHON_CONFIGURATOR")
    for found in entry_points(group="opentelemetry_configurator"):
        if wanted is None or found.name == wanted:
            return found.load()()
    from opentelemetry.sdk import _configuration

    sdks: Any = _configuration._OTelSDKConfigurator
    return sdks()


class _Complaints(logging.Handler):
    """Keeps the last failure that exporters log, for the summary; with it they write nothing to the terminal."""

    def __init__(self, kept: list[str]) -> None:
        super().__init__(logging.ERROR)
        self._kept = kept

    def emit(self, record: logging.LogRecord) -> None:
        if not record.name.startswith("opentelemetry.exporter.otlp.json.file"):
            self._kept[:] = [record.getMessage()]


class EarlyProvider(trace.ProxyTracerProvider):
    """Records spans until the program sets a provider of its own, which then has our processors too.

    `trace.get_tracer_provider()` returns it. It is a `ProxyTracerProvider`, so a program that asks whether a provider
    has been set gets the answer no, and sets its own, once, without a warning. From then on its tracers make spans of
    that provider. Spans that began before end where they began.

    Args:
        processors: Receive every span, of this provider and of the program's.
        when_joined: Is called when a provider of the program's has them.
    """

    def __init__(self, processors: Sequence[SpanProcessor], when_joined: Callable[[], None]) -> None:
        self._processors, self._when_joined = processors, when_joined
        self._lock = RLock()
        self._added: list[SpanProcessor] = []
        self._known: list[Any] = []  # the program's providers that have our processors
        self._variables: dict[str, str] | None = None
        self._is_making = False  # OpenTelemetry's configurator sets a provider that is not the program's
        self.targets = SpanTargets()
        self.real: Any = None

    def get_tracer(
        self,
        instrumenting_module_name: str,
        instrumenting_library_version: str | None = None,
        schema_url: str | None = None,
        attributes: types.Attributes = None,
    ) -> trace.Tracer:
        """Return a tracer of the program's provider if it has set one, else one that looks for it at each span."""
        asked = (instrumenting_module_name, instrumenting_library_version, schema_url, attributes)
        programs = self.programs()
        return _EarlyTracer(self, *asked) if programs is None else programs.get_tracer(*asked)

    def add_span_processor(self, span_processor: SpanProcessor) -> None:
        """Add a processor of the program's, as to a provider of its own."""
        with self._lock:
            self._added.append(span_processor)
            self.real.add_span_processor(span_processor)
        if not type(span_processor).__module__.startswith("callspan."):  # ours send nothing away
            self.targets.programs = self.real
            self._when_joined()

    def __getattr__(self, name: str) -> Any:
        """Return what else the SDK's provider has: `force_flush`, `resource`, ..."""
        if name.startswith("__") or "real" not in self.__dict__:
            raise AttributeError(name)
        return getattr(self.real, name)

    def install(self) -> None:
        """Stand in for the provider that nobody has set, and notice one that the program sets later."""
        self.renew()
        if not all(hasattr(_api, name) for name in _NEEDED):  # a later OpenTelemetry: the program cannot set its own
            trace.set_tracer_provider(self.real)
            return
        _api._PROXY_TRACER_PROVIDER = self
        original = _api._set_tracer_provider

        @wraps(original)
        def set_tracer_provider(*args: Any, **kwargs: Any) -> None:
            original(*args, **kwargs)
            self.join()

        _api._set_tracer_provider = set_tracer_provider
        self.join()

    def programs(self) -> Any:
        """Return the provider that the program has set, or None."""
        found = getattr(_api, "_TRACER_PROVIDER", None)
        return None if found is self else found

    def join(self, given: Any = None) -> None:
        """Add our processors to the program's provider, once."""
        provider = self.programs() if given is None else given
        if provider is None or provider is self or provider is self.real or self._is_making:
            return
        with self._lock:
            if any(provider is known for known in self._known):
                return
            self._known.append(provider)
        try:
            if hasattr(provider, "add_span_processor"):
                for processor in self._processors:
                    provider.add_span_processor(processor)
                self.targets.programs = provider
                self._when_joined()
            elif state.is_active():
                _trace_with(self.real)
        except Exception as error:  # noqa: BLE001 - somebody else's provider: the program goes on, and so do our spans
            _log.warning("callspan cannot join the program's tracer provider", exc_info=error)

    def rejoin(self) -> None:
        """Add our processors again if the program's provider has a new one inside: Logfire's, configured again."""
        provider = self.programs()
        inner = _processors_of(provider)
        if inner is None or not any(provider is known for known in self._known):
            return
        for processor in self._processors:
            if all(processor is not one for one in inner):
                provider.add_span_processor(processor)

    def renew(self) -> None:
        """Make the SDK's provider as OpenTelemetry's variables ask for it; again, if the program has changed them.

        On an event loop, which must not wait, a thread does it: the spans of that moment are only in the file.
        """
        if self.programs() is not None and self.real is not None:
            return
        now = _variables()
        if now == self._variables:
            return
        self._variables = now
        if self.real is not None and is_on_loop():
            Thread(target=self._make, name="callspan-provider", daemon=True).start()
        else:
            self._make()

    def _make(self) -> None:
        with self._lock:
            self._is_making = True
            try:
                made = configured(self.targets) if is_sent() and self.programs() is None else None
            finally:
                self._is_making = False
            if made is None:
                made = TracerProvider(shutdown_on_exit=False)
                self.targets.flushed.append(made)
            for processor in (*self._processors, *self._added):
                made.add_span_processor(processor)
            self.real = made
            self._variables = _variables()


# Some libraries look at the name.
EarlyProvider.__name__ = EarlyProvider.__qualname__ = trace.ProxyTracerProvider.__name__


def _processors_of(provider: Any) -> tuple[Any, ...] | None:
    """Return the processors of the SDK's provider, also if another one wraps it; None if there is none."""
    for one in (provider, getattr(provider, "provider", None)):
        every = getattr(getattr(one, "_active_span_processor", None), "_span_processors", None)
        if isinstance(every, tuple):
            return every
    return None


def _variables() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith("OTEL_")}


class _EarlyTracer(trace.ProxyTracer):
    """Makes spans of the program's provider once it has set one, until then of the early one."""

    def __init__(self, provider: EarlyProvider, *asked: Any) -> None:
        super().__init__(*asked)
        self._asked, self._provider = asked, provider
        self._early: tuple[Any, trace.Tracer] = (None, self._noop_tracer)

    @property
    def _tracer(self) -> trace.Tracer:
        if self._real_tracer is not None:
            return self._real_tracer
        programs = self._provider.programs()
        if programs is not None:
            self._provider.join()
            tracer: trace.Tracer = programs.get_tracer(*self._asked)
            self._real_tracer = tracer
            return tracer
        real, early = self._early
        if real is not self._provider.real:
            real = self._provider.real
            early = real.get_tracer(*self._asked)
            self._early = (real, early)
        return early
