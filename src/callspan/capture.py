"""What was said in a run, on its span and in its event: only if that is on, and as the user's redaction has it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from opentelemetry.context import Context, attach, create_key, get_current

from callspan import logs, spans, telemetry
from callspan.frame import reset
from callspan.jsontext import cut_text, plain, written
from callspan.kinds import MODEL_CALLS
from callspan.redaction import FAILED, Place
from callspan.settings import read_content

NO_CONTENT, SPAN_ONLY, EVENT_ONLY, SPAN_AND_EVENT = "no_content", "span_only", "event_only", "span_and_event"

_CONTENT = create_key("callspan-content")
"""Context key: the mode of the block around."""


@dataclass(frozen=True, slots=True)
class Said:
    """One row of a table of content.

    Args:
        name: The attribute.
        kind: What it is called in a `Place`.
        read: Gives it from the run and what LangChain reported as the result: messages, parts, documents, an object
            or a text; None where there is none.
    """

    name: str
    kind: str
    read: Callable[[Any, Any], Any]


def mode(context: Context | None) -> str:
    """Give whether content is written in this context, and where: the block's mode, else the settings'."""
    given: Any = None if context is None else context.get(_CONTENT)
    return given if given is not None else telemetry.current().settings.content


@contextmanager
def content(mode: str) -> Generator[None]:
    """Switch content on or off for the runs that start in this block.

    Args:
        mode: `no_content`, `span_only`, `event_only` or `span_and_event`.

    Raises:
        ValueError: It is none of these.
    """
    token = attach(Context({**get_current(), _CONTENT: read_content(mode)}))
    try:
        yield
    finally:
        reset(token)


def write_asked(run: Any, mode: str) -> None:
    """Write on a run's span what it is asked.

    Args:
        run: The run.
        mode: Where content is written.
    """
    run.asked = captured(run.row.asked, run) or None
    if mode != EVENT_ONLY and run.asked:
        run.span.set_attributes(as_attributes(run.asked))


def write_answered(run: Any, mode: str, outputs: Any, said: Mapping[str, Any]) -> None:
    """Write on a run's span what it answered, and in an event what both sides said.

    Args:
        run: The run.
        mode: Where content is written.
        outputs: What LangChain reported as the result; None: nothing.
        said: The attributes of its end.
    """
    if run.asked is None:  # the input of a stream is known at its end
        write_asked(run, mode)
    answered = captured(run.row.answered, run, outputs)
    if mode != EVENT_ONLY and answered:
        run.span.set_attributes(as_attributes(answered))
    if mode != SPAN_ONLY and run.row.calls == MODEL_CALLS:
        logs.tell_details(run, {**said, **(run.asked or {}), **answered})


def on_event(run: Any, table: tuple[Said, ...], payload: Any) -> dict[str, str]:
    """Give what an event of a run's span is about, as its attributes; nothing with content off.

    Args:
        run: The run.
        table: The content of the event; its readers get the run and the payload.
        payload: What LangChain or LangGraph told.
    """
    if not table or mode(run.context) not in (SPAN_ONLY, SPAN_AND_EVENT):
        return {}
    return as_attributes(captured(table, run, payload))


def captured(table: tuple[Said, ...], run: Any, outputs: Any = None) -> dict[str, Any]:
    """Give what was said, redacted, as plain values; what cannot be read is left out."""
    found: dict[str, Any] = {}
    for row in table:
        value = spans.attempt(f"the content {row.name}", row.read, run, outputs)
        if value is not None and (safe := _redacted(value, row.kind)) is not None:
            found[row.name] = safe
    return found


def as_attributes(said: Mapping[str, Any]) -> dict[str, str]:
    """Give what was said as attributes: a text stays one, everything else is JSON."""
    limit = telemetry.current().settings.content_limit
    return {name: cut_text(value, limit) if isinstance(value, str) else written(value, limit)
            for name, value in said.items()}  # fmt: skip


def _redacted(value: Any, kind: str) -> Any:
    if telemetry.current().redact is None:
        return value
    if isinstance(value, list):
        if value and isinstance(value[0], dict) and "parts" in value[0]:
            return [_message(one, kind) for one in value]
        return [safe for one in value if (safe := _part(one, Place(kind))) is not None]
    if isinstance(value, dict):
        return {
            key: safe
            for key, one in value.items()
            if (safe := plain(_redact(one, Place(kind, None, key)))) is not None or one is None
        }
    return plain(_redact(value, Place(kind)))


def _message(message: dict[str, Any], kind: str) -> dict[str, Any]:
    place = Place(kind, message.get("role"))
    parts = [safe for part in message["parts"] if (safe := _part(part, place)) is not None]
    return {**message, "parts": parts}


def _part(part: Any, place: Place) -> Any:
    """Give a part as the redactor has it; what it made of it must still be a part."""
    safe = _redact(part, place)
    if safe is None:
        return None
    if isinstance(part, dict) and not (isinstance(safe, Mapping) and isinstance(safe.get("type", ""), str)):
        return {"type": "text", "content": FAILED} if "type" in part else {"content": FAILED}
    return plain(safe)


def _redact(part: Any, place: Place) -> Any:
    redact = telemetry.current().redact
    if redact is None:
        return part
    try:
        return redact(part, place)
    except Exception as error:  # noqa: BLE001 - the user's redactor: it costs the content, which never leaks
        telemetry.refused("redact what was said", error)
        return FAILED
