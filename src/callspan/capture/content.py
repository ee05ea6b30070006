"""What was said in a run, on its span and in its event: only if that is on, and as the user's redaction has it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from opentelemetry.context import Context, get_current

from callspan.capture.limit import cut_text, to_json, within
from callspan.capture.redact import redacted
from callspan.core import spans, state
from callspan.core.context import attached
from callspan.core.keys import CONTENT
from callspan.core.operations import MODEL_CALLS
from callspan.settings import CONTENTS, read_content

NO_CONTENT, SPAN_ONLY, EVENT_ONLY, SPAN_AND_EVENT = CONTENTS

_IN_EVENTS = (EVENT_ONLY, SPAN_AND_EVENT)


@dataclass(frozen=True, slots=True)
class ContentField:
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
    given: Any = None if context is None else context.get(CONTENT)
    return given if given is not None else state.current().settings.content


@contextmanager
def content(mode: str) -> Generator[None]:
    """Switch content on or off for the runs that start in this block.

    Args:
        mode: `no_content`, `span_only`, `event_only` or `span_and_event`.

    Raises:
        ValueError: It is none of these.
    """
    with attached(Context({**get_current(), CONTENT: read_content(mode)})):
        yield


def input_attributes(run: Any) -> dict[str, str]:
    """Give what a run is asked, as attributes of its span.

    Args:
        run: The run.
    """
    run.asked = read_fields(run.row.asked, run) or None
    return as_attributes(run.asked) if run.content != EVENT_ONLY and run.asked else {}


def output_attributes(run: Any, outputs: Any) -> dict[str, str]:
    """Give what a run answered, as attributes of its span.

    Args:
        run: The run.
        outputs: What LangChain reported as the result; None: nothing.
    """
    said = input_attributes(run) if run.asked is None else {}  # the input of a stream is known at its end
    found = read_fields(run.row.answered, run, outputs)
    if run.content != SPAN_ONLY and run.row.calls == MODEL_CALLS:
        run.asked = {**(run.asked or {}), **found}  # for the event, which comes last
    return said if run.content == EVENT_ONLY else {**said, **as_attributes(found)}


def event_values(run: Any) -> dict[str, Any]:
    """Give what was said in a run as plain values, if events say it.

    Args:
        run: The run, whose result was written.
    """
    if run.content not in _IN_EVENTS:
        return {}
    limit = state.current().settings.content_limit
    return {name: within(value, limit) for name, value in (run.asked or {}).items()}


def event_attributes(run: Any, table: tuple[ContentField, ...], payload: Any) -> dict[str, str]:
    """Give what an event of a run's span is about, as its attributes; nothing with content off.

    Args:
        run: The run.
        table: The content of the event; its readers get the run and the payload.
        payload: What LangChain or LangGraph told.
    """
    if not table or run.content not in (SPAN_ONLY, SPAN_AND_EVENT):
        return {}
    return as_attributes(read_fields(table, run, payload))


def read_fields(table: tuple[ContentField, ...], run: Any, outputs: Any = None) -> dict[str, Any]:
    """Give what was said, redacted, as plain values; what cannot be read is left out."""
    found: dict[str, Any] = {}
    for row in table:
        value = spans.attempt(f"the content {row.name}", _read, row, run, outputs)
        if value is not None:
            found[row.name] = value
    return found


def _read(row: ContentField, run: Any, outputs: Any) -> Any:
    value = row.read(run, outputs)
    return None if value is None else redacted(value, row.kind)


def as_attributes(said: Mapping[str, Any]) -> dict[str, str]:
    """Give what was said as attributes: a text stays one, everything else is JSON."""
    limit = state.current().settings.content_limit
    return {name: cut_text(value, limit) if isinstance(value, str) else to_json(value, limit)
            for name, value in said.items()}  # fmt: skip
