"""Tools: which attributes the span of a tool has."""

from __future__ import annotations

from opentelemetry.trace import SpanKind
from opentelemetry.util.types import AttributeValue

from callspan import semconv
from callspan.core.operations import Operation
from callspan.core.run import Run
from callspan.core.spans import TEXT_LIMIT
from callspan.core.text import NAME_LIMIT, safe_name, safe_text, short_texts
from callspan.core.usage import TOOL_CALLS
from callspan.langchain.content import TOOL_ANSWERED, TOOL_ASKED
from callspan.langchain.runs import base_attributes, tool_call_id
from callspan.langchain.skip import tool_output


def _identity(run: Run) -> dict[str, AttributeValue]:
    """Return the attributes of a tool that the sampler sees: its own name, which the run may not have."""
    found: dict[str, AttributeValue] = {semconv.OPERATION: semconv.EXECUTE_TOOL}
    name = run.serialized.get("name")
    if (name := safe_name(name if isinstance(name, str) and name else run.name)) is not None:
        found[semconv.TOOL_NAME] = name
    found[semconv.TOOL_TYPE] = "function"  # LangChain's tools run in this process
    if run.agent is not None:
        found[semconv.AGENT_NAME] = run.agent
    return found


def _attributes(run: Run) -> dict[str, AttributeValue]:
    """Return the attributes of a tool that are known at its start."""
    found = base_attributes(run)
    found[semconv.RUN_TYPE] = "tool"
    call = tool_call_id(run)
    if call is not None:
        found[semconv.TOOL_CALL_ID] = safe_text(str.__str__(call), TEXT_LIMIT)
    text = run.serialized.get("description")
    if type(text) is str:
        found[semconv.TOOL_DESCRIPTION] = short_texts[text] if len(text) <= NAME_LIMIT else safe_text(text, TEXT_LIMIT)
    return found


TOOL = Operation(
    name="tool",
    span_prefix=semconv.EXECUTE_TOOL,
    span_kind=SpanKind.INTERNAL,
    depth=0,
    target=semconv.TOOL_NAME,
    identity=(("*", _identity),),
    start=(("*", _attributes),),
    input_content=TOOL_ASKED,
    output_content=TOOL_ANSWERED,
    calls=TOOL_CALLS,
    made=tool_output,
    operation=semconv.EXECUTE_TOOL,
)
