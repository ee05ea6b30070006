"""What is written on a span: names and values made safe, errors, and the SDK's own calls guarded."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from numbers import Integral, Real
from typing import Any, TypeVar

from opentelemetry.context import Context
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span,
    Status,
    StatusCode,
    Tracer,
    format_span_id,
    get_current_span,
)
from opentelemetry.util.types import AttributeValue

from callspan import semconv
from callspan.core import errors, state
from callspan.core.keys import SPAN
from callspan.core.operations import Reader, SpanLink, Table
from callspan.core.text import NAME_LIMIT, safe_id, safe_name, safe_text, short_ids, short_texts

TEXT_LIMIT = 65_536
"""Characters of one attribute that is no content."""

_Value = TypeVar("_Value")

_ITEMS = 128
"""Texts of one attribute that is a list."""

_INT_RANGE = range(-(2**63), 2**63)


def attribute_value(value: object) -> AttributeValue | None:
    """Return the value as an attribute can hold it, without keys of known shapes, or None if it cannot.

    What OpenTelemetry would refuse costs a log line per attribute, and what its encoder refuses costs the
    attribute silently; so it is left out here. Objects are never printed: their `repr` is the user's code.
    """
    return _held(value, _own_text)


def _own_text(text: str) -> str:
    """Return a text that the program or another instrumentation chose to write: ids and e-mail addresses stay."""
    return safe_id(str.__str__(text)[:TEXT_LIMIT])


def _held(value: object, safe: Callable[[str], str]) -> AttributeValue | None:
    if isinstance(value, str):
        return safe(value)
    if isinstance(value, (list, tuple)):
        return [safe(item) for item in value[:_ITEMS] if isinstance(item, str)] or None
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        plain = int.__int__(value)  # an enum's own comparisons are the user's, and slow in a range
        return plain if plain in _INT_RANGE else None
    if isinstance(value, float):
        return float.__float__(value)
    return _number(value)


def _number(value: object) -> int | float | None:
    """Return a number of another library (numpy's) as Python's own, or None if the value is no such number."""
    if isinstance(value, Integral):
        return attribute_int(int(value))
    return float(value) if isinstance(value, Real) else None


def attribute_int(value: int) -> int | None:
    """Return a whole number, or None if OpenTelemetry's protocol has no room for it."""
    return value if value in _INT_RANGE else None


def attributes_of(given: object) -> dict[str, AttributeValue]:
    """Return those of a program's own attributes that a span can hold; it may have given anything at all."""
    if not isinstance(given, Mapping):
        return {}
    return {
        name: value
        for key, one in given.items()
        if (name := safe_name(key)) is not None and (value := attribute_value(one)) is not None
    }


_IDS = (semconv.RUN_ID, semconv.CONVERSATION_ID)
"""Attributes whose readers have made the value safe: in an id an e-mail address stays."""


_row_by_row: dict[Any, Table] = {}


def at_once(reader: Reader, *rows: tuple[str, Reader | str]) -> Table:
    """Return a table whose reader returns all attributes at once, made safe.

    Only if it raises the rows are read, so that an object that cannot be read costs one attribute.
    """
    _row_by_row[reader] = rows
    return (("*", reader),)


def read(table: Table, subject: Any, values: dict[str, AttributeValue] | None = None) -> dict[str, AttributeValue]:
    """Read a table of attributes into a dict; one that cannot be read is left out, the others stand."""
    if values is None:
        values = {}
    reader: Any
    for name, reader in table:
        try:
            if name == "*":  # several attributes, made safe already
                if known := reader(subject):
                    values.update(known)
                continue
            value = reader if isinstance(reader, str) else reader(subject)
            if value is None:
                continue
            if type(value) is str and len(value) <= NAME_LIMIT:  # nearly all of them
                values[name] = value if name in _IDS else short_texts[value]
            elif type(value) is dict:
                values.update(safe_attributes(value))
            elif (safe := _held(value, _safe_text)) is not None:
                values[name] = safe
        except Exception as error:  # noqa: BLE001 - the user's objects: it costs the attribute
            if reader in _row_by_row:
                read(_row_by_row[reader], subject, values)
            else:
                state.log_own_failure(f"the attribute {name}", error)
    return values


def attribute_texts(texts: Sequence[object]) -> AttributeValue | None:
    """Return the texts in a list as an attribute can hold them, or None if there is none."""
    return _held(list(texts), _safe_text)


def _safe_text(text: str) -> str:
    return safe_text(str.__str__(text), TEXT_LIMIT)  # a subclass may have methods of its own


def safe_attributes(given: Mapping[str, object]) -> dict[str, AttributeValue]:
    """Return the values as attributes can hold them, without secrets; what they cannot hold is left out."""
    values: dict[str, AttributeValue] = {}
    for name, value in given.items():
        if type(value) is float or (type(value) is int and value in _INT_RANGE):  # nearly all of them
            values[name] = value
        elif value is None:
            continue
        else:
            is_graphs = name.startswith("langgraph.")  # a node may be called `auth`, and `auth:1f0c…` is its task
            if type(value) is str and len(value) <= NAME_LIMIT:
                values[name] = short_ids[value] if is_graphs else short_texts[value]
            elif (safe := _held(value, _own_text if is_graphs else _safe_text)) is not None:
                values[name] = safe
    return values


def attempt(what: str, ours: Callable[..., _Value], *args: Any) -> _Value | None:
    """Call what looks at the users' objects; None if it fails, and the run goes on without."""
    try:
        return ours(*args)
    except Exception as error:  # noqa: BLE001 - the user's objects: they cost only what they would have returned
        state.log_own_failure(what, error)
        return None


def end_half_started(started: int, error: BaseException) -> None:
    """End the span that the SDK was starting when an exception came: only the SDK's own frames still have it.

    Args:
        started: The time it was started with, in nanoseconds since the epoch.
        error: The exception.
    """
    trace = error.__traceback__
    while trace is not None:
        frame = trace.tb_frame
        if str(frame.f_globals.get("__name__")).startswith("opentelemetry."):
            for value in list(frame.f_locals.values()):
                if isinstance(value, Span) and getattr(value, "start_time", None) == started and value.is_recording():
                    value.end()
        trace = trace.tb_next


def is_dropped(tracer: Tracer, parent: Context) -> bool:
    """Return whether the SDK's own samplers drop any span that starts here, whatever its name and attributes are."""
    sampler: Any = getattr(tracer, "sampler", None)
    if type(sampler).__module__ != _SAMPLERS:
        return False
    span: Any = parent.get(SPAN)
    above = None if span is None else span.get_span_context()
    if above is None or not above.is_valid:
        return "root" in _dropping(sampler)
    where = "remote" if above.is_remote else "local"
    return f"{where}_parent_{'sampled' if above.trace_flags.sampled else 'not_sampled'}" in _dropping(sampler)


_SAMPLERS = "opentelemetry.sdk.trace.sampling"
_PARENTS = (
    *("root", "remote_parent_sampled", "remote_parent_not_sampled"),
    *("local_parent_sampled", "local_parent_not_sampled"),
)


@lru_cache(maxsize=16)
def _dropping(sampler: Any) -> frozenset[str]:
    """Return below which parents one of the SDK's samplers drops all spans."""
    by_parent = type(sampler).__name__ == "ParentBased"
    delegates = {name: getattr(sampler, f"_{name}", None) if by_parent else sampler for name in _PARENTS}
    return frozenset(name for name, one in delegates.items() if _drops_all(one))


def _drops_all(sampler: Any) -> bool:
    cls: Any = type(sampler)
    is_static = cls.__name__ == "StaticSampler" and cls.__module__ == _SAMPLERS
    return is_static and not sampler._decision.is_recording()


def hidden_span(parent: Context) -> Span:
    """Return a span that is not recorded and passes the context of the nearest recorded one on."""
    return NonRecordingSpan(get_current_span(parent).get_span_context())


def links(causes: Sequence[SpanLink]) -> list[Link]:
    """Return the links that say why a run was made."""
    return [Link(cause.span, {semconv.LINK_CAUSE: cause.name.rpartition(".")[2]}) for cause in causes]


def cause_attributes(cause: SpanLink) -> dict[str, AttributeValue]:
    """Return the attributes that say the same: some stores lose what a link says."""
    return {cause.name: format_span_id(cause.span.span_id), **cause.attributes}


def write_failure(span: Span, error: BaseException, text: str) -> None:
    """Write that the call failed: `error.type` and the status."""
    span.set_attribute(semconv.ERROR_TYPE, errors.error_type(error))
    span.set_status(Status(StatusCode.ERROR, text or None))
