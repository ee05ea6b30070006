"""One call, one span: when several instrumentations see the same call, only the outermost one writes a span.

OpenTelemetry's GenAI instrumentations agree on a context key. The outermost one stores a record under it. An inner one
that finds the record creates no span, metric or event, and writes what it knows into the record. callspan takes both
parts. Other instrumentations have keys of their own.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from opentelemetry.context import Context

from callspan import semconv
from callspan.core.usage import NO_TOKENS, TokenCounts, counts_in

_AGREED = "opentelemetry.util.genai.invocation"  # has the records; only who imported it uses them

# By kind of run: the names of the key and of the record.
_RECORDS = {
    "llm": ("CLIENT_INFERENCE_CONTEXT_KEY", "InferenceData"),
    "embedding": ("CLIENT_EMBEDDING_CONTEXT_KEY", "EmbeddingData"),
    "retriever": ("CLIENT_RETRIEVAL_CONTEXT_KEY", "RetrievalData"),
}

_SUPPRESSED = "suppress_language_model_instrumentation"  # the key of OpenLLMetry's instrumentations
_OURS = "callspan"  # our value of it: what others put there is theirs to remove

# Fields that are not exchanged: they are no attributes, each writes its own content, and the outermost names the call.
_NOT_SHARED = frozenset(
    {
        *("capture_content", "upload_completion", "attributes", "metric_attributes", "error_type", "operation_name"),
        *("input_messages", "output_messages", "system_instructions", "tool_definitions", "prompt_variable"),
        *("retrieval_query_text", "retrieval_documents"),
    }
)

# By field: the attribute. A field has the attribute's name with underscores.
_ATTRIBUTES = {
    name.removeprefix("gen_ai.").replace(".", "_"): name
    for name in vars(semconv).values()
    if isinstance(name, str) and name.startswith(("gen_ai.", "server."))
}

_FIELDS = {name: field for field, name in _ATTRIBUTES.items()}


def outer_record(parent: Context, kind: str, above: Any) -> Any:
    """Return another instrumentation's record of the call that a run would be, or None; the one of `above` is ours."""
    agreed: Any = sys.modules.get(_AGREED)
    if agreed is None:
        return None
    key_name, record = _RECORDS[kind]
    found: Any = parent.get(getattr(agreed, key_name, ""))
    if found is None or found is _own(above) or not isinstance(found, getattr(agreed, record)):
        return None
    return found


def mark(context: Context, kind: str, above: Any) -> Any:
    """Mark a run's new context so that inner instrumentations do not create a second span for this call.

    The mark of the run above is cleared. Return the record that inner instrumentations write into, or None.
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


def read_record(record: Any) -> dict[str, Any]:
    """Return what other instrumentations have written into our record, as attributes."""
    found = {
        _ATTRIBUTES[field]: value
        for field, value in vars(record).items()
        if value is not None and field in _ATTRIBUTES and field not in _NOT_SHARED
    }
    return {**record.attributes, **found}


def write_record(record: Any, known: Mapping[str, Any]) -> None:
    """Write attributes into another instrumentation's record: into its fields, and the rest as attributes."""
    for name, value in known.items():
        field = _FIELDS.get(name, "")
        if not hasattr(record, field):
            record.attributes[name] = value
        elif field not in _NOT_SHARED:
            setattr(record, field, value)


def counts(known: Mapping[str, Any], *, has_output: bool = True) -> TokenCounts | None:
    """Return the token counts among attributes, or None; without an output (embeddings) the input is all there is."""
    found = counts_in(known)
    if found == NO_TOKENS:
        return None
    return found if has_output or found.output_tokens is not None else found._replace(output_tokens=0)
