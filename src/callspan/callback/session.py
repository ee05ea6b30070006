"""The `session` block, which says whose calls are made in it, and what writes that on the spans of others."""

from __future__ import annotations

import weakref
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any

from opentelemetry import baggage, trace
from opentelemetry.context import Context, get_current
from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.util.types import AttributeValue

from callspan import semconv
from callspan.core import identity, spans, state
from callspan.core.context import attached
from callspan.core.identity import TRAVELLING, Identity
from callspan.core.keys import IDENTITY


@contextmanager
def session(
    id: str | int,  # noqa: A002 - the conventions' word
    *,
    user: str | int | None = None,
    labels: Mapping[str, AttributeValue] | None = None,
    **attributes: AttributeValue,
) -> Generator[None]:
    """Write whose calls are made in this block on every span in it: those of runs, and all others.

    It follows whatever the spans follow: into threads, tasks and generators that are started in the block, and with
    OpenTelemetry's propagation into other processes. A block inside a block overrides what it sets itself, and keeps
    the rest.

    Args:
        id: The session, `session.id`.
        user: The user, `user.id`.
        labels: Attributes for metrics too: names and values of which there are few.
        **attributes: More attributes, by their names.

    Raises:
        ValueError: The id or the user is no text, or an empty one; labels are no mapping; an attribute is one of these.
    """
    given: Any = labels
    if given is not None and not isinstance(given, Mapping):
        raise ValueError(f"labels={labels!r} is not allowed: names and their values, as a dict")
    if own := attributes.keys() & set(TRAVELLING):
        raise ValueError(f"{min(own)} is not allowed among the attributes: it is given as `id` or `user`")
    ids = {semconv.SESSION_ID: _id(id, "id")}
    if user is not None:
        ids[semconv.USER_ID] = _id(user, "user")
    here = get_current()
    outer = identity.of(here) or Identity({})
    marks = spans.attributes_of(labels)
    who = Identity({**outer.attributes, **marks, **spans.attributes_of(attributes), **ids}, {**outer.labels, **marks})
    identify()
    inside = Context({**here, IDENTITY: who})
    for name in TRAVELLING:
        if name in who.attributes:
            inside = baggage.set_baggage(name, who.attributes[name], inside)
    with attached(inside):
        yield


def _id(given: object, what: str) -> str:
    found = identity.as_id(given)
    if found is None:
        raise ValueError(f"{what}={given!r} is no id: a text that is not empty, or a number")
    return found


class Identify(SpanProcessor):
    """Writes session and user on each span that starts, unless it has them itself."""

    def on_start(self, span: Any, parent_context: Context | None = None) -> None:
        """Write them on the span. Those of runs have them already; one that belongs elsewhere is not the caller's."""
        scope = getattr(span, "instrumentation_scope", None)
        if scope is not None and scope.name == "callspan":
            return
        current = get_current()
        who = identity.of(current if parent_context is None else parent_context) or identity.of(current)
        if who is None or not span.is_recording():
            return
        known = span.attributes or {}
        span.set_attributes({name: value for name, value in who.attributes.items() if name not in known})


_added: weakref.WeakKeyDictionary[Any, set[type[SpanProcessor]]] = weakref.WeakKeyDictionary()  # by provider


def add_to_providers(processor: type[SpanProcessor]) -> None:
    """Add a processor to the provider in force and the global one, if they are the SDK's, once for each."""
    for provider in (trace.get_tracer_provider(), state.provider()):
        add = getattr(provider, "add_span_processor", None)
        if add is not None and processor not in (known := _added.setdefault(provider, set())):
            known.add(processor)
            add(processor())


def identify() -> None:
    """Write session and user on the spans of other instrumentations too, from now on."""
    add_to_providers(Identify)
