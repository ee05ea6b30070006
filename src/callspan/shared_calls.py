"""One call, one bill: other instrumentations that see the same call inside our run say nothing of it.

OpenTelemetry's own GenAI instrumentations agree on a key of the context for that: the outer one puts a record there,
and an inner one that finds it makes no span, no metric and no event. Others have keys of their own.
"""

from __future__ import annotations

import sys
from typing import Any

from opentelemetry.context import Context

_AGREED = "opentelemetry.util.genai.invocation"
"""The module that has the records; if nobody has imported it, nobody asks."""

_RECORDS = {
    "llm": ("CLIENT_INFERENCE_CONTEXT_KEY", "InferenceData"),
    "embedding": ("CLIENT_EMBEDDING_CONTEXT_KEY", "EmbeddingData"),
    "retriever": ("CLIENT_RETRIEVAL_CONTEXT_KEY", "RetrievalData"),
}
"""By kind of run: the names of the key and of the record."""

KINDS = frozenset(_RECORDS)
"""The kinds of runs that are calls of a provider's."""

_SUPPRESSED = "suppress_language_model_instrumentation"
"""The key of OpenLLMetry's instrumentations of models."""


def claim(context: Context, kind: str) -> None:
    """Say in the context of a run's body that its call is watched; a run of another kind in it is a call of its own.

    Args:
        context: The context, which nobody has seen yet.
        kind: The kind of the run.
    """
    if kind == "llm":
        dict.__setitem__(context, _SUPPRESSED, True)
    elif _SUPPRESSED in context:
        dict.__delitem__(context, _SUPPRESSED)
    agreed: Any = sys.modules.get(_AGREED)
    if agreed is None:
        return
    for other, (key_name, record) in _RECORDS.items():
        key = getattr(agreed, key_name, None)
        if key is None:
            continue
        if other == kind:
            dict.__setitem__(context, key, getattr(agreed, record)())
        elif key in context and other == "llm":
            dict.__delitem__(context, key)
