"""OpenTelemetry context keys that several files share."""

from __future__ import annotations

from opentelemetry import baggage
from opentelemetry.context import Context, create_key
from opentelemetry.trace import INVALID_SPAN, set_span_in_context

CONTENT = create_key("callspan-content")  # where the content of messages is written, as the block around says
RUN = create_key("callspan-run")  # the run whose body the caller is in
WAITING_FRAME = create_key("callspan-waiting")  # the frame that is about to start a run; never in a run's own context
STARTING_RUN = create_key("callspan-pending")  # the run whose span the SDK is starting, for span processors
SCOPED_CALLBACKS = create_key("callspan-block")  # the callbacks of the `with callspan.callbacks(...)` blocks
IDENTITY = create_key("callspan-identity")  # session, user and labels; follows whatever the span follows
ENDED_PARENT = create_key("callspan-ended-parent")  # keeps the stand-in of an ended parent alive in its children

# OpenTelemetry's keys of the current span and of the baggage, which are not public.
(SPAN,) = set_span_in_context(INVALID_SPAN, Context())
(BAGGAGE,) = baggage.set_baggage("name", "value", Context())
