"""Message content on spans and events: whether it is on, and the attributes of what went in and came out."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from opentelemetry.context import Context, get_current

from callspan.capture.limit import cut_text, to_json, within
from callspan.capture.redact import redacted
from callspan.core import spans, state
from callspan.core.context import attached
from callspan.core.keys import CONTENT
from callspan.core.usage import MODEL_CALLS
from callspan.settings import CONTENTS, read_keyword

NO_CONTENT, SPAN_ONLY, EVENT_ONLY, SPAN_AND_EVENT = CONTENTS
_IN_EVENTS = (EVENT_ONLY, SPAN_AND_EVENT)


class ContentField(NamedTuple):
    """One attribute of content: its name, its kind in a `Place`, and the function that reads it from run and result."""

    name: str
    kind: str
    read: Callable[[Any, Any], Any]


def mode(context: Context | None) -> str:
    """Return whether and where content is recorded in this context: the block's mode, else the setting."""
    given: Any = None if context is None else context.get(CONTENT)
    return given if given is not None else state.active().settings.content


@contextmanager
def content(mode: str) -> Generator[None]:
    """Switch content on or off for the runs that start in this block.

    Args:
        mode: `no_content`, `span_only`, `event_only` or `span_and_event`.

    Raises:
        ValueError: It is none of these.
    """
    with attached(Context({**get_current(), CONTENT: read_keyword("content", mode)})):
        yield


def input_attributes(run: Any) -> dict[str, str]:
    """Return the input of a run as attributes of its span."""
    run.asked = read_fields(run.row.input_content, run) or None
    return _attributes(run.asked) if run.content != EVENT_ONLY and run.asked else {}


def output_attributes(run: Any, outputs: Any) -> dict[str, str]:
    """Return the result that LangChain reported as attributes of the run's span; None: there is none."""
    late = input_attributes(run) if run.asked is None else {}  # the input of a stream is known at its end
    found = read_fields(run.row.output_content, run, outputs)
    if run.content != SPAN_ONLY and run.row.calls == MODEL_CALLS:
        run.asked = {**(run.asked or {}), **found}  # for the event, which comes last
    return late if run.content == EVENT_ONLY else {**late, **_attributes(found)}


def event_values(run: Any) -> dict[str, Any]:
    """Return the content of a run as plain values for its event; {} where events hold no content."""
    if run.content not in _IN_EVENTS:
        return {}
    limit = state.active().settings.content_limit
    return {name: within(value, limit) for name, value in (run.asked or {}).items()}


def event_attributes(run: Any, fields: tuple[ContentField, ...], payload: Any) -> dict[str, str]:
    """Return the content attributes of an event of a run's span, or {} when content is off."""
    if not fields or run.content not in (SPAN_ONLY, SPAN_AND_EVENT):
        return {}
    return _attributes(read_fields(fields, run, payload))


def read_fields(fields: tuple[ContentField, ...], run: Any, outputs: Any = None) -> dict[str, Any]:
    """Return the redacted content as plain values, without what cannot be read."""
    found: dict[str, Any] = {}
    for field in fields:
        value = spans.attempt(f"the content {field.name}", _read, field, run, outputs)
        if value is not None:
            found[field.name] = value
    return found


def _read(field: ContentField, run: Any, outputs: Any) -> Any:
    value = field.read(run, outputs)
    return None if value is None else redacted(value, field.kind)


def _attributes(values: Mapping[str, Any]) -> dict[str, str]:
    """Return values as attributes: a text stays one, everything else becomes JSON."""
    limit = state.active().settings.content_limit
    return {name: cut_text(value, limit) if isinstance(value, str) else to_json(value, limit)
            for name, value in values.items()}  # fmt: skip
