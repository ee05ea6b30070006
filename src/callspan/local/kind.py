"""What a span is, and its name: by its operation, else by what LangChain calls its run, else by the span's name."""

from __future__ import annotations

from typing import Any

from callspan import semconv
from callspan.local.otlp import RawSpan

# By `gen_ai.operation.name`, of today and of before
_OPERATIONS = {
    **dict.fromkeys(("chat", "text_completion", "generate_content", "completion"), "llm"),
    "execute_tool": "tool",
    **dict.fromkeys(("invoke_agent", "create_agent"), "agent"),
    "invoke_workflow": "workflow",
    "retrieval": "retriever",
    **dict.fromkeys(("embeddings", "embedding"), "embedding"),
}

# By `langchain.run.type`
_TYPES = {
    **dict.fromkeys(("llm", "chat_model"), "llm"),
    **{name: name for name in ("tool", "retriever", "embedding")},
    **dict.fromkeys(("chain", "prompt", "parser", "reranker"), "chain"),
}

# By what OpenInference and OpenLLMetry call a span's kind
_OTHERS = {
    **{name: name for name in ("llm", "tool", "agent", "retriever", "embedding", "chain", "workflow")},
    **dict.fromkeys(("task", "reranker", "guardrail", "evaluator", "prompt"), "chain"),
}

OTHERS_NAMES = ("openinference.span.kind", "traceloop.span.kind")

_WORDS = {**_OPERATIONS, "chain": "chain", "node": "node", "rerank": "chain"}  # by the first word of a name

HTTP = ("http.request.method", "http.method")


def kind_of(span: RawSpan) -> str:
    """Return what a span is.

    Returns:
        `llm`, `tool`, `agent`, `workflow`, `node`, `retriever`, `embedding`, `chain`, `http` or `other`.
    """
    said = span.attributes
    found = _known(_OPERATIONS, said.get(semconv.OPERATION))
    if found is None:
        found = _known(_TYPES, said.get(semconv.RUN_TYPE))
        word = span.name.partition(" ")[0]
        if found == "chain" and (semconv.GRAPH_NODE in said or word == "node"):
            return "node"
        if found is None and any(name in said for name in HTTP):
            return "http"
        if found is None:
            found = _others(said) or _WORDS.get(word)
    return found or "other"


def _others(said: dict[str, Any]) -> str | None:
    names = (said.get(name) for name in OTHERS_NAMES)
    return next((_OTHERS.get(name.lower()) for name in names if isinstance(name, str)), None)


def _known(table: dict[str, str], value: Any) -> str | None:
    return table.get(value) if isinstance(value, str) else None


def is_operation(word: str) -> bool:
    """Return whether a word is one for what a span is, as names of spans begin with."""
    return word in _OPERATIONS or word in ("chain", "node", "rerank")


# By kind: the attributes that name what was called
_NAMED_BY = {
    "llm": (semconv.REQUEST_MODEL, semconv.RESPONSE_MODEL),
    "embedding": (semconv.REQUEST_MODEL, semconv.RESPONSE_MODEL),
    "tool": (semconv.TOOL_NAME,),
    "retriever": (semconv.DATA_SOURCE_ID,),
    "agent": (semconv.AGENT_NAME,),
    "workflow": (semconv.WORKFLOW_NAME,),
}


def name_of(raw: RawSpan, kind: str) -> str:
    """Return the name of what a span called: the same in the tree, on the page and in `stats`."""
    if kind in ("http", "other"):
        return raw.name
    for attribute in (*_NAMED_BY.get(kind, ()), semconv.RUN_NAME):
        if isinstance(text := raw.attributes.get(attribute), str) and text:
            return text
    word, _, rest = raw.name.partition(" ")
    return rest if rest and is_operation(word) else raw.name
