"""What a tool's span says."""

from __future__ import annotations

from operator import attrgetter

from opentelemetry.trace import SpanKind

from callspan import semconv
from callspan.core.operations import TOOL_CALLS, Kind
from callspan.core.spans import TEXT_LIMIT
from callspan.core.text import safe_name, safe_text
from callspan.langchain.announcement import ALWAYS, Announcement, tool_call_id
from callspan.langchain.said import TOOL_ANSWERED, TOOL_ASKED
from callspan.langchain.skip import tool_output


def tool_name(said: Announcement) -> object:
    """Give the tool's own name: the run may have another."""
    return safe_name(said.serialized.get("name") or said.name)


def _description(said: Announcement) -> object:
    text = said.serialized.get("description")
    return safe_text(text, TEXT_LIMIT) if isinstance(text, str) else None


TOOL = Kind(
    name="tool",
    word=semconv.EXECUTE_TOOL,
    span_kind=SpanKind.INTERNAL,
    depth=0,
    target=semconv.TOOL_NAME,
    identity=(
        (semconv.OPERATION, semconv.EXECUTE_TOOL),
        (semconv.TOOL_NAME, tool_name),
        (semconv.TOOL_TYPE, "function"),  # LangChain's tools run in this process
        (semconv.AGENT_NAME, attrgetter("agent")),
    ),
    start=(
        *ALWAYS,
        (semconv.RUN_TYPE, "tool"),
        (semconv.TOOL_CALL_ID, tool_call_id),
        (semconv.TOOL_DESCRIPTION, _description),
    ),
    asked=TOOL_ASKED,
    answered=TOOL_ANSWERED,
    calls=TOOL_CALLS,
    made=tool_output,
    operation=semconv.EXECUTE_TOOL,
)
