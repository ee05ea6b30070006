"""One call, one bill: of several instrumentations that see the same call only the outermost writes a span of it.

OpenTelemetry's own GenAI instrumentations agree on a key of the context for that: the outermost one puts a record
there, and one further in that finds it makes no span, no metric and no event, but writes what it knows into the
record. We do as they do, on both sides. Others have keys of their own.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from opentelemetry.context import Context

from callspan import semconv
from callspan.core.operations import TokenCounts, count

_AGREED = "opentelemetry.util.genai.invocation"
"""The module that has the records; if nobody has imported it, nobody asks."""

_RECORDS = {
    "llm": ("CLIENT_INFERENCE_CONTEXT_KEY", "InferenceData"),
    "embedding": ("CLIENT_EMBEDDING_CONTEXT_KEY", "EmbeddingData"),
    "retriever": ("CLIENT_RETRIEVAL_CONTEXT_KEY", "RetrievalData"),
}
"""By kind of run: the names of the key and of the record."""

_SUPPRESSED = "suppress_language_model_instrumentation"
"""The key of OpenLLMetry's instrumentations of models and embeddings."""

_OURS = "callspan"
"""Our value of it, which is as true as any: what others put there is theirs to take away."""

# Fields of the records that are no attributes, or not for us to take over or to give: what was said is each one's own
# to write, and what a call is called is the outermost one's.
_NOT_SHARED = frozenset(
    {
        *("capture_content", "upload_completion", "attributes", "metric_attributes", "error_type", "operation_name"),
        *("input_messages", "output_messages", "system_instructions", "tool_definitions", "prompt_variable"),
        *("retrieval_query_text", "retrieval_documents"),
    }
)

_ATTRIBUTES = {
    name.removeprefix("gen_ai.").replace(".", "_"): name
    for name in vars(semconv).values()
    if isinstance(name, str) and name.startswith(("gen_ai.", "server."))
}
"""By field: the attribute. A field is called as its attribute is, with another sign between the words."""

_FIELDS = {name: field for field, name in _ATTRIBUTES.items()}


def outer_record(parent: Context, kind: str, above: Any) -> Any:
    """Give the record of another instrumentation that already watches the call that a run would be, or None.

    Args:
        parent: The context that the run is started in.
        kind: The kind of the run.
        above: The run of that context, if there is one: its own record is ours.
    """
    agreed: Any = sys.modules.get(_AGREED)
    if agreed is None:
        return None
    key_name, record = _RECORDS[kind]
    found: Any = parent.get(getattr(agreed, key_name, ""))
    if found is None or found is _own(above) or not isinstance(found, getattr(agreed, record)):
        return None
    return found


def claim(context: Context, kind: str, above: Any) -> Any:
    """Say in the context of a run's body that its call is watched; what is said of the run above is not of this call.

    Args:
        context: The context, which nobody has seen yet.
        kind: The kind of the run, if it is such a call.
        above: The run above, if there is one.

    Returns:
        The record that instrumentations further in write into, if there may be any.
    """
    if kind in ("llm", "embedding"):
        dict.__setitem__(context, _SUPPRESSED, context.get(_SUPPRESSED) or _OURS)
    elif context.get(_SUPPRESSED) is _OURS:
        dict.__delitem__(context, _SUPPRESSED)
    agreed: Any = sys.modules.get(_AGREED)
    if agreed is None:
        return None
    own, made = _own(above), None
    for other, (key_name, record) in _RECORDS.items():
        key = getattr(agreed, key_name, None)
        if key is None:
            continue
        if other == kind:
            made = getattr(agreed, record)()
            dict.__setitem__(context, key, made)
        elif own is not None and context.get(key) is own:
            dict.__delitem__(context, key)
    return made


def _own(above: Any) -> Any:
    return None if above is None or above.watched else above.shared


def learned(record: Any) -> dict[str, Any]:
    """Give what others have written into our record, as attributes.

    Args:
        record: The record.
    """
    found = {
        _ATTRIBUTES[field]: value
        for field, value in vars(record).items()
        if value is not None and field in _ATTRIBUTES and field not in _NOT_SHARED
    }
    return {**record.attributes, **found}


def tell(record: Any, known: Mapping[str, Any]) -> None:
    """Write what is known of a call into the record of the instrumentation that watches it.

    Args:
        record: The record; it has fields for most, and takes the rest as attributes.
        known: The attributes.
    """
    for name, value in known.items():
        field = _FIELDS.get(name, "")
        if not hasattr(record, field):
            record.attributes[name] = value
        elif field not in _NOT_SHARED:
            setattr(record, field, value)


def counts(known: Mapping[str, Any], *, has_output: bool = True) -> TokenCounts | None:
    """Return the token counts among attributes, or None if there are none.

    Args:
        known: The attributes.
        has_output: Whether the call has output tokens: embeddings have none, so that their input is all there is.
    """
    found = TokenCounts(*(count(known.get(name)) for name in _COUNTED))
    if found == _NO_COUNTS:
        return None
    return found if has_output or found.output_tokens is not None else found._replace(output_tokens=0)


def completed(ours: TokenCounts | None, theirs: TokenCounts | None) -> TokenCounts | None:
    """Return our counts of a call, with those of another instrumentation where we have none.

    Args:
        ours: What LangChain reports.
        theirs: What the other instrumentation of the same call knows.
    """
    if ours is None or theirs is None:
        return ours or theirs
    return TokenCounts(*(other if own is None else own for own, other in zip(ours, theirs, strict=True)))


_NO_COUNTS = TokenCounts()

_COUNTED = (semconv.INPUT_TOKENS, semconv.OUTPUT_TOKENS, semconv.CACHE_READ_TOKENS, semconv.CACHE_WRITE_TOKENS,
            semconv.REASONING_TOKENS)  # fmt: skip
