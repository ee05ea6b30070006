"""Session, user and other attributes of a block, which are written on every span in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from time import time_ns

from opentelemetry import baggage
from opentelemetry.context import Context
from opentelemetry.util.types import AttributeValue

from callspan import semconv
from callspan.core.keys import IDENTITY
from callspan.core.text import NAME_LIMIT, cut, safe_id

# Sent to other processes too, as OpenTelemetry's baggage under the names of the attributes
TRAVELLING = (semconv.SESSION_ID, semconv.USER_ID)


@dataclass(frozen=True, slots=True, eq=False)
class Identity:
    """A block's attributes for its spans, labels for its metrics, and start time (nanoseconds since 1970)."""

    attributes: Mapping[str, AttributeValue]
    labels: Mapping[str, AttributeValue] = field(default_factory=dict[str, AttributeValue])
    since: int = field(default_factory=time_ns)

    @property
    def session(self) -> str | None:
        """The id of the session, if there is one."""
        value = self.attributes.get(semconv.SESSION_ID)
        return value if isinstance(value, str) else None


def of(context: Context) -> Identity | None:
    """Return the identity in a context: of a block of this process, or of the process that the context comes from."""
    if not context:
        return None
    here = context.get(IDENTITY)
    if isinstance(here, Identity):
        return here
    carried = baggage.get_all(context)
    if not carried:
        return None
    came = {name: value for name in TRAVELLING if (value := as_id(carried.get(name))) is not None}
    return Identity(came) if came else None


def as_id(given: object) -> str | None:
    """Return a text or a whole number as an id that is safe on spans, or None if it is neither."""
    text = str(given) if type(given) is int else given
    return safe_id(cut(str.__str__(text), NAME_LIMIT)) if isinstance(text, str) and text else None


def at_home(context: Context) -> Context:
    """Return the context without the baggage that would send session and user to other processes."""
    for name in baggage.get_all(context).keys() & TRAVELLING:
        context = baggage.remove_baggage(name, context)
    return context
