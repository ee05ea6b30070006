"""Install callspan: settings, telemetry and patches; and remove it again."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from opentelemetry import metrics, trace
from opentelemetry._logs import LoggerProvider, get_logger, get_logger_provider
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor
from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import TracerProvider

from callspan.capture import content as content_writer
from callspan.capture.redact import Redact, forget_texts, redactor
from callspan.capture.secret_keys import denied
from callspan.core import lifecycle, state
from callspan.core.dispatch import subscriptions
from callspan.core.metrics import Meters, collect
from callspan.core.patching import Undo
from callspan.core.state import Telemetry
from callspan.langchain.patches import install_all
from callspan.semconv import SCHEMA_URL
from callspan.settings import CALLBACKS, FILE, KEYWORDS, check_keywords, has_file, read_settings
from callspan.version import __version__

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor

    from callspan.callback.callback import Callback

_log = logging.getLogger("callspan")

# The keywords of `instrument()` besides `tracer_provider`
OPTIONS = ("callbacks", "meter_provider", "logger_provider", *KEYWORDS)


class CallspanInstrumentor(BaseInstrumentor):
    """The instrumentor that OpenTelemetry's loader finds under the name `callspan`."""

    # On the class: the instance is a singleton whose `__init__` runs at every call.
    _undo: ClassVar[list[Undo]] = []
    options: ClassVar[dict[str, Any]] = {}  # the keywords of `instrument()`

    def instrumentation_dependencies(self) -> Collection[str]:
        """Return what must be installed for this to be of use."""
        return ("langchain-core >= 0.3",)

    def _instrument(self, **kwargs: Any) -> None:
        settings = read_settings(**{name: kwargs.get(name) for name in KEYWORDS})
        callbacks = _process_callbacks(kwargs.get("callbacks"))  # first: a wrong name raises before anything changes
        provider = kwargs.get("tracer_provider")
        tracer = trace.get_tracer("callspan", __version__, provider, SCHEMA_URL)
        logger = get_logger("callspan", __version__, kwargs.get("logger_provider"), SCHEMA_URL)
        meters = Meters(kwargs.get("meter_provider"))
        keys = denied(settings.redact_keys)
        redact = redactor(settings.redact, keys)
        active = Telemetry(
            tracer, settings, content_writer, meters, provider=provider, logger=logger, redact=redact, denied=keys
        )
        state.activate(active)
        for callback in callbacks:
            from callspan.callback.scope import add_callback

            self._undo.append(add_callback(callback))
        state.foreign_identity.prepare = _identify
        CallspanInstrumentor.options = {name: kwargs.get(name) for name in ("tracer_provider", *OPTIONS)}
        self._undo.append(install_all())

    def _uninstrument(self, **kwargs: Any) -> None:
        while self._undo:
            self._undo.pop()()
        state.activate(None)  # first: a run that starts in another thread sees that, or is among the open ones
        try:
            lifecycle.end_all()
        finally:
            forget_texts()
            CallspanInstrumentor.options = {}


def _process_callbacks(given: Any) -> list[Callback]:
    """Return the callbacks of the process: those that were given, else those that the environment names."""
    names = os.environ.get(CALLBACKS, "")
    if not given and not names.strip():
        return []
    from callspan.callback.scope import load, load_named  # here: without callbacks the SDK is not imported

    if not given:
        return load_named(names, CALLBACKS)
    return load_named(given, FILE) if has_file() else load(given)


def _identify() -> None:
    """Write session and user on the spans of other instrumentations."""
    from callspan.callback.session import identify

    identify()


def instrument(
    *,
    callbacks: SpanProcessor | str | Iterable[SpanProcessor | str] = (),
    tracer_provider: TracerProvider | None = None,
    meter_provider: MeterProvider | None = None,
    logger_provider: LoggerProvider | None = None,
    detail: str | None = None,
    metadata: str | Sequence[str] | None = None,
    content: str | None = None,
    content_limit: int | None = None,
    redact: str | Redact | None = None,
    redact_keys: str | Sequence[str] | None = None,
    compat: str | Sequence[str] | None = None,
    prices: str | os.PathLike[str] | None = None,
) -> None:
    """Instrument LangChain and LangGraph, imported already or later.

    Doing it twice changes nothing; other settings than those in force are warned of.

    Args:
        callbacks: Callbacks that receive every run: objects, other span processors, or the names of their classes
            (`module:Class`).
        tracer_provider: Where spans go; by default the global provider, also if it is set later.
        meter_provider: Where metrics go; by default the global provider, also if it is set later. Without one
            nothing is measured.
        logger_provider: Where events with content go; by default the global provider, also if it is set later.
        detail: Which runs get a span: `all` (default), `steps` (no plain chains), `calls` (no graph nodes either).
        metadata: Which keys of a run's metadata are written: `*` (default), `none`, or the keys.
        content: Where message content is written: `no_content` (default), `span_only`, `event_only` or
            `span_and_event`.
        content_limit: Bytes of content in one attribute, at least 1024; 65536 by default.
        redact: How content is redacted: `secrets` (default), `all`, `none`, or a function (also as `module:function`)
            that receives each part and its place and returns it, changed or not, or None to drop it.
        redact_keys: Keys whose values are secrets, besides the usual ones.
        compat: Attribute names of other tools to write as well: `openinference`, `langsmith`, `legacy`; none by
            default.
        prices: Where the cost of model calls comes from: `off` (default), `builtin` (the package genai-prices) or a
            JSON file.

    Raises:
        ValueError: A keyword has a value that is not allowed.
    """
    given: dict[str, Any] = {**locals(), "callbacks": None}
    if callbacks or not isinstance(callbacks, str | list | tuple | None):  # a callback with a length may be empty
        from callspan.callback.scope import load

        given["callbacks"] = load(callbacks) or None
    _check(given)
    if state.first_run.prepare is not None and any(value is not None for value in given.values()):
        uninstrument()  # under `callspan run`, and nothing has run: the program's own settings count
    if not CallspanInstrumentor().is_instrumented_by_opentelemetry:
        CallspanInstrumentor().instrument(**given)
        _keep_for_notebooks()
    elif any(value is not None and value != CallspanInstrumentor.options.get(name) for name, value in given.items()):
        _log.warning("callspan is instrumented already; to change its settings call callspan.uninstrument() first")


def _check(given: dict[str, Any]) -> None:
    check_keywords(**{name: given[name] for name in KEYWORDS})
    for name, makes in (("tracer_provider", "tracer"), ("meter_provider", "meter"), ("logger_provider", "logger")):
        if given[name] is not None and not hasattr(given[name], f"get_{makes}"):
            raise ValueError(f"{name}={given[name]!r} is not allowed: an OpenTelemetry provider, or None")


def _keep_for_notebooks() -> None:
    """Keep what runs from now on for `show()`, in a notebook."""
    shell = sys.modules.get("IPython")
    if shell is None or shell.get_ipython() is None or state.first_run.prepare is not None:
        return
    from callspan.viewer.notebook import keep

    state.first_run.prepare = keep


def uninstrument() -> None:
    """Restore every original; runs that are still open end as abandoned."""
    if CallspanInstrumentor().is_instrumented_by_opentelemetry:
        CallspanInstrumentor().uninstrument()


def flush(timeout: float = 30.0) -> bool:
    """End abandoned runs, and send everything that has ended.

    Args:
        timeout: Seconds to wait at most, for each of the global providers and those given to `instrument()`.

    Returns:
        Whether they sent everything; True if none of them can.
    """
    lifecycle.end_abandoned()
    sent = True
    tracers = _providers(trace.get_tracer_provider(), "tracer_provider")
    for provider in (*tracers, *_providers(get_logger_provider(), "logger_provider")):
        force = getattr(provider, "force_flush", None)
        sent = (force is None or bool(force(int(timeout * 1000)))) and sent
    for provider in _providers(metrics.get_meter_provider(), "meter_provider"):
        sent = collect(provider, timeout) and sent
    if subscriptions.process:
        from callspan.callback.scope import flush as flush_callbacks

        sent = flush_callbacks(timeout) and sent
    return sent


def _providers(everybodys: Any, keyword: str) -> list[Any]:
    """Return the global provider and the one that was given to `instrument()`."""
    given = CallspanInstrumentor.options.get(keyword)
    return [everybodys] if given is None or given is everybodys else [everybodys, given]
