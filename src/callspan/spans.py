"""What is written on a span: names and values made safe, errors, and the SDK's own calls guarded."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from opentelemetry.context import Context
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span,
    Status,
    StatusCode,
    format_span_id,
    get_current_span,
)
from opentelemetry.util.types import AttributeValue

from callspan import errors, semconv, telemetry
from callspan.kinds import Cause, Table
from callspan.text import NAME_LIMIT, encodable, safe_name, safe_text

TEXT_LIMIT = 65_536
"""Characters of one attribute that is no content."""

_Value = TypeVar("_Value")

_ITEMS = 128
"""Texts of one attribute that is a list."""

_INT_RANGE = range(-(2**63), 2**63)


def attribute_value(value: object) -> AttributeValue | None:
    """Give the value as an attribute can hold it, or None if it cannot.

    What OpenTelemetry would refuse costs a log line per attribute, and what its encoder refuses costs the
    attribute silently; so it is left out here. Objects are never printed: their `repr` is the user's code.
    """
    if isinstance(value, str):
        return encodable(value[:TEXT_LIMIT])
    if isinstance(value, (list, tuple)):
        return [encodable(item[:TEXT_LIMIT]) for item in value[:_ITEMS] if isinstance(item, str)] or None
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        plain = int.__int__(value)  # an enum's own comparisons are the user's, and slow in a range
        return plain if plain in _INT_RANGE else None
    if isinstance(value, float):
        return float.__float__(value)
    return None


def attributes_of(given: object) -> dict[str, AttributeValue]:
    """Give those of a program's own attributes that a span can hold; it may have given anything at all."""
    if not isinstance(given, Mapping):
        return {}
    return {
        name: value
        for key, one in given.items()
        if (name := safe_name(key)) is not None and (value := attribute_value(one)) is not None
    }


def read(table: Table, subject: Any) -> dict[str, AttributeValue]:
    """Read a table of attributes; one that cannot be read is left out, the others stand."""
    values: dict[str, AttributeValue] = {}
    for name, reader in table:
        if isinstance(reader, str):
            values[name] = reader
            continue
        try:
            value = reader(subject)
            if value is None:
                continue
            if type(value) is str and value.isascii() and len(value) <= NAME_LIMIT:  # nearly all of them
                values[name] = value
            elif type(value) is dict:
                values.update(_family(value))
            elif (safe := attribute_value(_without_secrets(value))) is not None:
                values[name] = safe
        except Exception as error:  # noqa: BLE001 - the user's objects: it costs the attribute
            telemetry.failed(f"the attribute {name}", error)
    return values


def _without_secrets(value: object) -> object:
    """Give what the program itself wrote without secrets; what has a reader of its own was read so."""
    if isinstance(value, str):
        return safe_text(value, TEXT_LIMIT)
    if isinstance(value, (list, tuple)):
        return [safe_text(one, TEXT_LIMIT) for one in value[:_ITEMS] if isinstance(one, str)]
    return value


def _family(said: Mapping[str, object]) -> dict[str, AttributeValue]:
    values: dict[str, AttributeValue] = {}
    for name, value in said.items():
        if type(value) is float or (type(value) is int and value in _INT_RANGE):  # nearly all of them
            values[name] = value
        elif value is not None and (safe := attribute_value(value)) is not None:
            values[name] = safe
    return values


def attempt(what: str, ours: Callable[..., _Value], *args: Any) -> _Value | None:
    """Call what looks at the users' objects; None if it fails, and the run goes on without.

    Args:
        what: What it gives, for the log.
        ours: The function.
        *args: Its arguments.
    """
    try:
        return ours(*args)
    except Exception as error:  # noqa: BLE001 - the user's objects: it costs what they would have told
        telemetry.failed(what, error)
        return None


def hidden_span(parent: Context) -> Span:
    """Give a span that is not recorded and passes the context of the nearest recorded one on."""
    return NonRecordingSpan(get_current_span(parent).get_span_context())


def links(causes: Sequence[Cause]) -> list[Link]:
    """Give the links that say why a run was made."""
    return [Link(cause.span, {semconv.LINK_CAUSE: cause.name.rpartition(".")[2]}) for cause in causes]


def cause_attributes(cause: Cause) -> dict[str, AttributeValue]:
    """Give the attributes that say the same: some stores lose what a link says."""
    return {cause.name: format_span_id(cause.span.span_id), **cause.attributes}


def write_failure(span: Span, error: BaseException, text: str) -> None:
    """Say that the call failed: `error.type` and the status.

    Args:
        span: The span that failed.
        error: The exception.
        text: What may be written of its text.
    """
    span.set_attribute(semconv.ERROR_TYPE, errors.error_type(error))
    span.set_status(Status(StatusCode.ERROR, text or None))
