"""A log line for each run that ends, with the ids of its trace and span."""

from __future__ import annotations

import logging
from typing import Any

from opentelemetry._logs import Logger, LoggerProvider, LogRecord, SeverityNumber

from callspan import semconv
from callspan.callback.callback import Callback
from callspan.core.lifecycle import ABANDONED
from callspan.core.run import CANCELLED, CLOSED, ERROR, STOPPED, UNREPORTED, Run
from callspan.core.text import safe_name
from callspan.handlers.spoken import error_in, ids_of, said_in
from callspan.version import __version__

_LEVELS = {
    ERROR: logging.ERROR,
    STOPPED: logging.WARNING,
    **dict.fromkeys((CANCELLED, CLOSED, ABANDONED, UNREPORTED), logging.WARNING),
}
"""By outcome, if it is not INFO: a pause, a command and their likes are how programs work."""

_SEVERITIES = {
    logging.INFO: SeverityNumber.INFO,
    logging.WARNING: SeverityNumber.WARN,
    logging.ERROR: SeverityNumber.ERROR,
}

EVENT = "callspan.run"
"""The name of OpenTelemetry's records."""


class Logs(Callback):
    """Writes one line for each run that it hears, when that has ended: by `logging`, by OpenTelemetry's logs, or both.

    A line says what it was, how it ended, how long it took, the tokens, and the ids of its trace and span. The level
    is ERROR for a failure, WARNING for what was stopped, cancelled, closed or abandoned, else INFO. What was said goes
    with it where the setting `content` is on, redacted and cut as on spans: beside the line, never in it.

    Args:
        logger: A logger of `logging`, or the name of one; None: none.
        logger_provider: OpenTelemetry's; None: no records of OpenTelemetry.

    Raises:
        TypeError: One of them is none.
        ValueError: Both are None.
    """

    def __init__(
        self, logger: logging.Logger | str | None = "callspan.runs", *, logger_provider: LoggerProvider | None = None
    ) -> None:
        if logger is None and logger_provider is None:
            raise ValueError("logger=None needs a logger_provider: nothing would be written")
        self._logger = logging.getLogger(logger) if isinstance(logger, str) else logger
        if self._logger is not None and not hasattr(self._logger, "isEnabledFor"):
            raise TypeError(f"{logger!r} is no logger: one of `logging`, or its name")
        if logger_provider is not None and not hasattr(logger_provider, "get_logger"):
            raise TypeError(f"{logger_provider!r} is no logger provider of OpenTelemetry's")
        self._otel: Logger | None = None
        if logger_provider is not None:
            self._otel = logger_provider.get_logger("callspan", __version__, semconv.SCHEMA_URL)

    def on_run_end(self, run: Run) -> None:
        level = _LEVELS.get(run.outcome or "", logging.INFO)
        heard = self._logger is not None and self._logger.isEnabledFor(level)
        if not heard and self._otel is None:
            return
        text, said = _line(run), {**_facts(run), **said_in(run)}
        if self._otel is not None:
            self._otel.emit(_record(run, level, text, said))
        if self._logger is not None and heard:
            trace, span = ids_of(run)
            extra = {"otelTraceID": trace, "otelSpanID": span, "callspan": said}
            self._logger.log(level, "%s", f"{text} trace={trace or '-'} span={span or '-'}", extra=extra)

    def on_run_error(self, run: Run) -> None:
        self.on_run_end(run)


def _line(run: Run) -> str:
    """Write one line: names and errors without secrets, as on spans, and without anything that would end it."""
    name = run.model or safe_name(run.name)
    words = [run.row.span_prefix, name or "", run.outcome or "", f"{run.duration or 0:.3f}s"]
    used = run.usage
    if used.input_tokens is not None or used.output_tokens is not None:
        words.append(f"{used.input_tokens or 0}+{used.output_tokens or 0} tokens")
    kind, text = error_in(run)
    if kind is not None:
        words.append(f"{kind}: {text}" if text else kind)
    text = " ".join(words)
    printable = text if text.isprintable() else "".join(sign if sign.isprintable() else " " for sign in text)
    return " ".join(printable.split())


def _facts(run: Run) -> dict[str, Any]:
    """Return what is known of the run beside the line, by the names of the spans' attributes."""
    used = run.usage
    found = {
        semconv.RUN_ID: str(run.id),
        semconv.RUN_TYPE: run.kind,
        semconv.RUN_NAME: safe_name(run.name),
        semconv.OPERATION: run.operation,
        semconv.RUN_OUTCOME: run.outcome,
        semconv.REQUEST_MODEL: run.model,
        semconv.INPUT_TOKENS: used.input_tokens,
        semconv.OUTPUT_TOKENS: used.output_tokens,
        semconv.ERROR_TYPE: error_in(run)[0],
    }
    return {name: value for name, value in found.items() if value is not None}


def _record(run: Run, level: int, text: str, said: dict[str, Any]) -> LogRecord:
    return LogRecord(
        timestamp=run.ended_at,
        context=run.context,
        severity_number=_SEVERITIES[level],
        severity_text=logging.getLevelName(level),
        body=text,
        event_name=EVENT,
        attributes=said,
    )
