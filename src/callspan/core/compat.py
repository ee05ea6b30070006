"""Attribute names of other tools, written beside ours: one table for each dialect."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from callspan import semconv

Said = Mapping[str, Any]  # the attributes of a span

# Their name (a family's ends with `.*`), and ours or a function that returns the value, or the family.
Row = tuple[str, "str | Callable[[Said], Any]"]

_KINDS = {"prompt": "CHAIN", "parser": "CHAIN", "reranker": "RERANKER"}
_OPENINFERENCE = {
    semconv.CHAT: "LLM",
    semconv.TEXT_COMPLETION: "LLM",
    semconv.EMBEDDINGS: "EMBEDDING",
    semconv.RETRIEVAL: "RETRIEVER",
    semconv.EXECUTE_TOOL: "TOOL",
    semconv.INVOKE_AGENT: "AGENT",
}
_MODELS = (semconv.CHAT, semconv.TEXT_COMPLETION)
_MESSAGES = 16  # written one by one, like documents: an SDK keeps 128 attributes by default

_INPUTS = (semconv.INPUT_MESSAGES, semconv.TOOL_ARGUMENTS, semconv.QUERY_TEXT, semconv.RUN_INPUTS)
_OUTPUTS = (semconv.OUTPUT_MESSAGES, semconv.TOOL_RESULT, semconv.DOCUMENTS, semconv.RUN_OUTPUTS)
_METADATA = semconv.METADATA.removesuffix("{key}")


def _first(*names: str) -> Callable[[Said], Any]:
    def first(said: Said) -> Any:
        return next((said[name] for name in names if name in said), None)

    return first


def _of_models(name: str) -> Callable[[Said], Any]:
    return lambda said: said.get(name) if _is_model(said) else None


def _total(said: Said) -> int | None:
    given, made = said.get(semconv.INPUT_TOKENS), said.get(semconv.OUTPUT_TOKENS)
    return given + made if isinstance(given, int) and isinstance(made, int) else None


def _is_model(said: Said) -> bool:
    return said.get(semconv.OPERATION) in _MODELS


def _model(said: Said) -> Any:
    return _first(semconv.RESPONSE_MODEL, semconv.REQUEST_MODEL)(said) if _is_model(said) else None


def _kind(said: Said) -> str:
    known = _OPENINFERENCE.get(said.get(semconv.OPERATION, ""))
    return known or _KINDS.get(said.get(semconv.RUN_TYPE, ""), "CHAIN")


def _parameters(said: Said) -> str | None:
    """Return the request's parameters as JSON."""
    family = "gen_ai.request."
    found = {name.removeprefix(family): said[name] for name in said if name.startswith(family)}
    found.pop("model", None)
    return json.dumps(found) if found and _is_model(said) else None


def _metadata_in(said: Said) -> dict[str, Any]:
    return {name.removeprefix(_METADATA): value for name, value in said.items() if name.startswith(_METADATA)}


def _metadata(said: Said) -> str | None:
    found = _metadata_in(said)
    return json.dumps(found, ensure_ascii=False) if found else None


def _type_of(names: tuple[str, ...]) -> Callable[[Said], str | None]:
    def media_type(said: Said) -> str | None:
        value = _first(*names)(said)
        if value is None:
            return None
        return "text/plain" if _read(value) is None else "application/json"

    return media_type


def _read(value: Any) -> Any:
    """Read JSON that is an object or a list; None if it is none."""
    if not isinstance(value, str) or not value.startswith(("[", "{")):
        return None
    try:
        return json.loads(value)
    except ValueError:
        return None


def _messages(name: str, prefix: str) -> Callable[[Said], dict[str, Any]]:
    def flat(said: Said) -> dict[str, Any]:
        messages = _read(said.get(name)) if _is_model(said) else None
        if not isinstance(messages, list):
            return {}
        found: dict[str, Any] = {}
        for place, message in enumerate(messages[-_MESSAGES:]):
            if isinstance(message, dict):
                found |= {f"{prefix}.{place}.message.{key}": value for key, value in _message(message)}
        return found

    return flat


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


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _documents(said: Said) -> dict[str, Any]:
    read: Any = _read(said.get(semconv.DOCUMENTS))
    documents: list[Any] = read if isinstance(read, list) else []
    found: dict[str, Any] = {}
    for place, document in enumerate(documents[:_MESSAGES]):
        for key in ("id", "score", "content"):
            if isinstance(document, dict) and isinstance(value := document.get(key), (str, int, float)):
                found[f"retrieval.documents.{place}.document.{key}"] = value
    return found


OPENINFERENCE: tuple[Row, ...] = (  # Arize's conventions
    ("openinference.span.kind", _kind),
    ("llm.provider", _of_models(semconv.PROVIDER)),
    ("llm.system", _of_models(semconv.PROVIDER)),
    ("llm.model_name", _model),
    ("llm.invocation_parameters", _parameters),
    ("llm.token_count.prompt", _of_models(semconv.INPUT_TOKENS)),
    ("llm.token_count.completion", _of_models(semconv.OUTPUT_TOKENS)),
    ("llm.token_count.total", lambda said: _total(said) if _is_model(said) else None),
    ("llm.token_count.prompt_details.cache_read", semconv.CACHE_READ_TOKENS),
    ("llm.token_count.prompt_details.cache_write", semconv.CACHE_WRITE_TOKENS),
    ("llm.token_count.prompt_details.audio", semconv.AUDIO_INPUT_TOKENS),
    ("llm.token_count.completion_details.reasoning", semconv.REASONING_TOKENS),
    ("llm.token_count.completion_details.audio", semconv.AUDIO_OUTPUT_TOKENS),
    ("llm.input_messages.*", _messages(semconv.INPUT_MESSAGES, "llm.input_messages")),
    ("llm.output_messages.*", _messages(semconv.OUTPUT_MESSAGES, "llm.output_messages")),
    ("embedding.model_name", lambda said: None if _kind(said) != "EMBEDDING" else said.get(semconv.REQUEST_MODEL)),
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
    ("input.mime_type", _type_of(_INPUTS)),
    ("output.value", _first(*_OUTPUTS)),
    ("output.mime_type", _type_of(_OUTPUTS)),
)


def _metadata_of_langsmith(said: Said) -> dict[str, Any]:
    return {f"langsmith.metadata.{key}": value for key, value in _metadata_in(said).items()}


def _tags(said: Said) -> str | None:
    tags = said.get(semconv.RUN_TAGS)
    return ", ".join(tags) if tags else None


def _run_type(said: Said) -> Any:
    kind = said.get(semconv.RUN_TYPE)
    return "retriever" if kind == "reranker" else kind


LANGSMITH: tuple[Row, ...] = (  # what LangSmith's OTLP endpoint reads
    ("langsmith.span.kind", _run_type),
    ("langsmith.trace.session_id", _first(semconv.CONVERSATION_ID, semconv.SESSION_ID)),
    ("langsmith.metadata.thread_id", semconv.CONVERSATION_ID),
    ("langsmith.metadata.user_id", semconv.USER_ID),
    ("langsmith.metadata.*", _metadata_of_langsmith),
    ("langsmith.span.tags", _tags),
    ("gen_ai.system", semconv.PROVIDER),
    ("gen_ai.usage.total_tokens", _total),
    ("gen_ai.prompt", _first(*_INPUTS)),
    ("gen_ai.completion", _first(*_OUTPUTS)),
)

_SYSTEMS = {"azure.ai.openai": "az.ai.openai", "azure.ai.inference": "az.ai.inference", "x_ai": "xai"}


def _system(said: Said) -> Any:
    provider = said.get(semconv.PROVIDER)
    return _SYSTEMS.get(provider, provider) if isinstance(provider, str) else None


LEGACY: tuple[Row, ...] = (  # old names of the GenAI conventions that backends still read
    ("gen_ai.system", _system),
    ("gen_ai.usage.prompt_tokens", semconv.INPUT_TOKENS),
    ("gen_ai.usage.completion_tokens", semconv.OUTPUT_TOKENS),
    ("gen_ai.usage.total_tokens", _total),
    ("gen_ai.usage.cache_creation.input_tokens", semconv.CACHE_WRITE_TOKENS),
    ("gen_ai.openai.request.seed", lambda said: said.get(semconv.SEED) if _system(said) == "openai" else None),
    ("gen_ai.openai.request.service_tier", semconv.OPENAI_REQUEST_SERVICE_TIER),
    ("gen_ai.openai.response.service_tier", semconv.OPENAI_RESPONSE_SERVICE_TIER),
    ("gen_ai.openai.response.system_fingerprint", semconv.OPENAI_SYSTEM_FINGERPRINT),
    ("gen_ai.prompt", semconv.INPUT_MESSAGES),
    ("gen_ai.completion", semconv.OUTPUT_MESSAGES),
)

TABLES: dict[str, tuple[Row, ...]] = {"openinference": OPENINFERENCE, "langsmith": LANGSMITH, "legacy": LEGACY}


def translated(said: Said, dialects: tuple[str, ...]) -> dict[str, Any]:
    """Return the attributes of a span by the names of these dialects, without names that it has already."""
    found: dict[str, Any] = {}
    for dialect in dialects:
        for name, reader in TABLES[dialect]:
            value = said.get(reader) if isinstance(reader, str) else reader(said)
            if isinstance(value, dict):
                found.update(value)
            elif value is not None:
                found.setdefault(name, value)
    return {name: value for name, value in found.items() if name not in said}
