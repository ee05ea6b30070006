"""What a tool's span says."""

from __future__ import annotations

from opentelemetry.trace import SpanKind

from callspan import semconv
from callspan.kinds import Kind
from callspan.langchain.announcement import ALWAYS, Announcement


def tool_name(said: Announcement) -> object:
    """Give the tool's own name: the run may have another."""
    return said.serialized.get("name") or said.name


TOOL = Kind(
    name="tool",
    word=semconv.EXECUTE_TOOL,
    span_kind=SpanKind.INTERNAL,
    depth=0,
    target=semconv.TOOL_NAME,
    identity=(
        (semconv.OPERATION, lambda said: semconv.EXECUTE_TOOL),
        (semconv.TOOL_NAME, tool_name),
    ),
    start=(*ALWAYS, (semconv.RUN_TYPE, lambda said: "tool")),
)
