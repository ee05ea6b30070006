"""Attribute names of other tools, written beside ours: one table for each dialect."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from callspan import semconv

Attributes = Mapping[str, Any]  # the attributes of a span
Reader = Callable[[Attributes], Any]

# Their name, and ours or a function that returns the value. A family's name ends with `.*`, its function returns a dict
Row = tuple[str, str | Reader]

_MODELS = (semconv.CHAT, semconv.TEXT_COMPLETION)
_ITEMS = 16  # messages and documents that are written one by one: an SDK keeps 128 attributes by default

_INPUTS = (semconv.INPUT_MESSAGES, semconv.TOOL_ARGUMENTS, semconv.QUERY_TEXT, semconv.RUN_INPUTS)
_OUTPUTS = (semconv.OUTPUT_MESSAGES, semconv.TOOL_RESULT, semconv.DOCUMENTS, semconv.RUN_OUTPUTS)
_METADATA = semconv.METADATA.removesuffix("{key}")
_PARAMETERS = "gen_ai.request."

# By operation, then by run type: OpenInference's kind of span; all others are chains
_KINDS = {
    semconv.CHAT: "LLM",
    semconv.TEXT_COMPLETION: "LLM",
    semconv.EMBEDDINGS: "EMBEDDING",
    semconv.RETRIEVAL: "RETRIEVER",
    semconv.EXECUTE_TOOL: "TOOL",
    semconv.INVOKE_AGENT: "AGENT",
}
_SYSTEMS = {"azure.ai.openai": "az.ai.openai", "azure.ai.inference": "az.ai.inference", "x_ai": "xai"}


def _first(*names: str) -> Reader:
    return lambda given: next((given[name] for name in names if name in given), None)


def _of_models(reader: str | Reader) -> Reader:
    """Return a reader that finds a value on the spans of models only."""

    def read(given: Attributes) -> Any:
        if given.get(semconv.OPERATION) not in _MODELS:
            return None
        return given.get(reader) if isinstance(reader, str) else reader(given)

    return read


def _kind(given: Attributes) -> str:
    other = "RERANKER" if given.get(semconv.RUN_TYPE) == "reranker" else "CHAIN"
    return _KINDS.get(given.get(semconv.OPERATION, ""), other)


def _system(given: Attributes) -> Any:
    provider = given.get(semconv.PROVIDER)
    return _SYSTEMS.get(provider, provider) if isinstance(provider, str) else None


def _total_tokens(given: Attributes) -> int | None:
    read, written = given.get(semconv.INPUT_TOKENS), given.get(semconv.OUTPUT_TOKENS)
    return read + written if isinstance(read, int) and isinstance(written, int) else None


def _family(given: Attributes, prefix: str, theirs: str = "") -> dict[str, Any]:
    """Return the attributes whose names begin with `prefix`, by their names."""
    return {theirs + name.removeprefix(prefix): value for name, value in given.items() if name.startswith(prefix)}


def _parameters(given: Attributes) -> str | None:
    found = _family(given, _PARAMETERS)
    found.pop("model", None)
    return json.dumps(found) if found else None


def _metadata(given: Attributes) -> str | None:
    found = _family(given, _METADATA)
    return _text(found) if found else None


def _media_type(*names: str) -> Reader:
    """Return a reader of the media type of the first of these attributes."""

    def read(given: Attributes) -> str | None:
        value = _first(*names)(given)
        return None if value is None else "text/plain" if _from_json(value) is None else "application/json"

    return read


def _from_json(value: Any) -> Any:
    """Return the object or list that a text holds as JSON, or None."""
    if not isinstance(value, str) or not value.startswith(("[", "{")):
        return None
    try:
        return json.loads(value)
    except ValueError:
        return None


def _dicts(value: Any, part: slice) -> list[tuple[int, dict[str, Any]]]:
    """Return the objects in a part of a JSON list, with their places."""
    found = _from_json(value)
    items: list[Any] = found[part] if isinstance(found, list) else []
    return [(place, item) for place, item in enumerate(items) if isinstance(item, dict)]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _messages(name: str, prefix: str) -> Reader:
    """Return a reader of the last messages of a model."""
    return _of_models(
        lambda given: {
            f"{prefix}.{place}.message.{key}": value
            for place, message in _dicts(given.get(name), slice(-_ITEMS, None))
            for key, value in _message(message)
        }
    )


def _message(message: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    yield "role", str(message.get("role", ""))
    parts, texts, calls = message.get("parts"), [], 0
    for part in parts if isinstance(parts, list) else ():
        kind = part.get("type") if isinstance(part, dict) else None
        if kind == "text":
            texts.append(str(part.get("content", "")))
        elif kind == "tool_call_response":
            texts.append(_text(part.get("response")))
            yield "tool_call_id", str(part.get("id") or "")
        elif kind == "tool_call":
            call = f"tool_calls.{calls}.tool_call"
            yield f"{call}.id", str(part.get("id") or "")
            yield f"{call}.function.name", str(part.get("name", ""))
            yield f"{call}.function.arguments", _text(part.get("arguments"))
            calls += 1
    if texts:
        yield "content", "\n".join(texts)


def _documents(given: Attributes) -> dict[str, Any]:
    return {
        f"retrieval.documents.{place}.document.{key}": value
        for place, document in _dicts(given.get(semconv.DOCUMENTS), slice(_ITEMS))
        for key in ("id", "score", "content")
        if isinstance(value := document.get(key), (str, int, float))
    }


def _tags(given: Attributes) -> str | None:
    return ", ".join(given.get(semconv.RUN_TAGS) or ()) or None


def _run_type(given: Attributes) -> Any:
    kind = given.get(semconv.RUN_TYPE)
    return "retriever" if kind == "reranker" else kind


OPENINFERENCE: tuple[Row, ...] = (  # Arize's conventions
    ("openinference.span.kind", _kind),
    ("llm.provider", _of_models(semconv.PROVIDER)),
    ("llm.system", _of_models(semconv.PROVIDER)),
    ("llm.model_name", _of_models(_first(semconv.RESPONSE_MODEL, semconv.REQUEST_MODEL))),
    ("llm.invocation_parameters", _of_models(_parameters)),
    ("llm.token_count.prompt", _of_models(semconv.INPUT_TOKENS)),
    ("llm.token_count.completion", _of_models(semconv.OUTPUT_TOKENS)),
    ("llm.token_count.total", _of_models(_total_tokens)),
    ("llm.token_count.prompt_details.cache_read", semconv.CACHE_READ_TOKENS),
    ("llm.token_count.prompt_details.cache_write", semconv.CACHE_WRITE_TOKENS),
    ("llm.token_count.prompt_details.audio", semconv.AUDIO_INPUT_TOKENS),
    ("llm.token_count.completion_details.reasoning", semconv.REASONING_TOKENS),
    ("llm.token_count.completion_details.audio", semconv.AUDIO_OUTPUT_TOKENS),
    ("llm.input_messages.*", _messages(semconv.INPUT_MESSAGES, "llm.input_messages")),
    ("llm.output_messages.*", _messages(semconv.OUTPUT_MESSAGES, "llm.output_messages")),
    ("embedding.model_name", lambda given: given.get(semconv.REQUEST_MODEL) if _kind(given) == "EMBEDDING" else None),
    ("tool.name", semconv.TOOL_NAME),
    ("tool.description", semconv.TOOL_DESCRIPTION),
    ("tool.id", semconv.TOOL_CALL_ID),
    ("agent.name", semconv.AGENT_NAME),
    ("retrieval.documents.*", _documents),
    ("reranker.model_name", semconv.RERANK_MODEL),
    ("reranker.top_k", semconv.RERANK_TOP_N),
    ("session.id", semconv.CONVERSATION_ID),
    ("tag.tags", semconv.RUN_TAGS),
    ("metadata", _metadata),
    ("input.value", _first(*_INPUTS)),
    ("input.mime_type", _media_type(*_INPUTS)),
    ("output.value", _first(*_OUTPUTS)),
    ("output.mime_type", _media_type(*_OUTPUTS)),
)

LANGSMITH: tuple[Row, ...] = (  # what LangSmith's OTLP endpoint reads
    ("langsmith.span.kind", _run_type),
    ("langsmith.trace.session_id", _first(semconv.CONVERSATION_ID, semconv.SESSION_ID)),
    ("langsmith.metadata.thread_id", semconv.CONVERSATION_ID),
    ("langsmith.metadata.user_id", semconv.USER_ID),
    ("langsmith.metadata.*", lambda given: _family(given, _METADATA, "langsmith.metadata.")),
    ("langsmith.span.tags", _tags),
    ("gen_ai.system", semconv.PROVIDER),
    ("gen_ai.usage.total_tokens", _total_tokens),
    ("gen_ai.prompt", _first(*_INPUTS)),
    ("gen_ai.completion", _first(*_OUTPUTS)),
)

LEGACY: tuple[Row, ...] = (  # old names of the GenAI conventions that backends still read
    ("gen_ai.system", _system),
    ("gen_ai.usage.prompt_tokens", semconv.INPUT_TOKENS),
    ("gen_ai.usage.completion_tokens", semconv.OUTPUT_TOKENS),
    ("gen_ai.usage.total_tokens", _total_tokens),
    ("gen_ai.usage.cache_creation.input_tokens", semconv.CACHE_WRITE_TOKENS),
    ("gen_ai.openai.request.seed", lambda given: given.get(semconv.SEED) if _system(given) == "openai" else None),
    ("gen_ai.openai.request.service_tier", semconv.OPENAI_REQUEST_SERVICE_TIER),
    ("gen_ai.openai.response.service_tier", semconv.OPENAI_RESPONSE_SERVICE_TIER),
    ("gen_ai.openai.response.system_fingerprint", semconv.OPENAI_SYSTEM_FINGERPRINT),
    ("gen_ai.prompt", semconv.INPUT_MESSAGES),
    ("gen_ai.completion", semconv.OUTPUT_MESSAGES),
)

TABLES: dict[str, tuple[Row, ...]] = {"openinference": OPENINFERENCE, "langsmith": LANGSMITH, "legacy": LEGACY}


def translated(given: Attributes, dialects: tuple[str, ...]) -> dict[str, Any]:
    """Return a span's attributes under the names of these dialects, without names that the span has already."""
    found: dict[str, Any] = {}
    for dialect in dialects:
        for name, reader in TABLES[dialect]:
            value = given.get(reader) if isinstance(reader, str) else reader(given)
            if isinstance(value, dict):
                found.update(value)
            elif value is not None:
                found.setdefault(name, value)
    return {name: value for name, value in found.items() if name not in given}
