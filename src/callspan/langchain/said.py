"""What was said in a run of each kind, as tables: messages, arguments, results, documents, inputs and outputs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from callspan import semconv
from callspan.capture import Said
from callspan.jsontext import plain
from callspan.langchain.messages import chat_message, content_parts
from callspan.langchain.responses import answer, finish_reasons

# Models


def _asked(run: Any, outputs: Any) -> Any:
    inputs = run.inputs
    return [chat_message(one) for one in ([inputs] if isinstance(inputs, str) else inputs or ())]


def _answered(run: Any, outputs: Any) -> Any:
    """Give one message for each choice; its reason stands in it too, where some readers look for it."""
    said = answer(outputs)
    reasons = finish_reasons(said) or []
    return [
        {**_choice(choice), "finish_reason": reasons[place] if place < len(reasons) else ""}
        for place, choice in enumerate(said.generations)
    ] or None


def _choice(choice: Any) -> dict[str, Any]:
    message = getattr(choice, "message", None)
    if message is not None:
        return chat_message(message)
    return {"role": "assistant", "parts": content_parts(getattr(choice, "text", ""))}


def _parameters(run: Any) -> Mapping[str, Any]:
    said = run.extra.get("invocation_params")
    return said if isinstance(said, Mapping) else {}


def _instructions(run: Any, outputs: Any) -> Any:
    """Give what a request says beside its messages: a system message among them is one of them."""
    said = _parameters(run).get("instructions")
    return content_parts(said) or None if isinstance(said, str) else None


def _tools(run: Any, outputs: Any) -> Any:
    tools: Any = _parameters(run).get("tools") or _parameters(run).get("functions")
    return [_definition(tool) for tool in tools if isinstance(tool, Mapping)] or None if _is_list(tools) else None


def _definition(tool: Mapping[str, Any]) -> dict[str, Any]:
    """Give the definition of a tool: a function in whose words soever, or a tool of the provider's own."""
    spec = next((tool[name] for name in ("function", "toolSpec") if isinstance(tool.get(name), Mapping)), tool)
    schema = spec.get("parameters", spec.get("input_schema", spec.get("inputSchema")))
    if isinstance(schema, Mapping) and isinstance(schema.get("json"), Mapping):
        schema = schema["json"]
    kind = tool.get("type")
    if schema is None and isinstance(kind, str) and kind not in ("function", "custom"):
        return {**plain(dict(tool)), "type": kind, "name": str(tool.get("name") or kind)}
    said: dict[str, Any] = {"type": "function", "name": str(spec.get("name") or "")}
    if isinstance(spec.get("description"), str):
        said["description"] = plain(spec["description"])
    if isinstance(schema, Mapping):
        said["parameters"] = plain(schema)
    return said


# Tools


def _arguments(run: Any, outputs: Any) -> Any:
    given = run.extra.get("inputs")  # without what LangGraph injects
    if isinstance(given, Mapping):
        return plain(dict(given))
    return _object(run.inputs, "input")


def _object(value: Any, name: str) -> dict[str, Any]:
    """Give an object: what a text holds as JSON, or the value under a name."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return {name: plain(value)}
    said = plain(value)
    return said if isinstance(said, dict) else {name: said}


def _result(run: Any, outputs: Any) -> Any:
    """Give what a tool gave back: an object, or its text as it is."""
    if type(outputs).__name__ == "Command":
        return _changes(outputs)
    content = getattr(outputs, "content", outputs)
    if content is None:
        return None
    if isinstance(content, str):
        try:
            value = json.loads(content)
        except ValueError:
            return plain(content)
        return plain(value) if isinstance(value, Mapping) else plain(content)
    said = value_of(content)
    return said if isinstance(said, dict) else {"result": said}


# Retrievers


def _documents(run: Any, outputs: Any) -> Any:
    return [_document(one, place) for place, one in enumerate(outputs)] if _is_list(outputs) else None


def _document(document: Any, place: int) -> dict[str, Any]:
    """Give a document; a reader drops all of them if one has no id or no score."""
    metadata = getattr(document, "metadata", None)
    metadata = metadata if isinstance(metadata, Mapping) else {}
    identity = getattr(document, "id", None) or metadata.get("id") or metadata.get("source")
    score = next(
        (metadata[name] for name in ("score", "relevance_score", "_score") if _is_number(metadata.get(name))), 0.0
    )
    return {
        "id": str(plain(identity)) if identity is not None else str(place),
        "score": float(score),
        "content": plain(getattr(document, "page_content", None)),
        "metadata": plain(dict(metadata)),
    }


# Chains, graphs and their nodes


def value_of(value: Any) -> Any:
    """Give any value of a program: messages and documents as such, everything else as JSON can hold it."""
    return plain(value, _known)


def _known(value: Any) -> Any:
    if hasattr(value, "content") and hasattr(value, "additional_kwargs"):
        return chat_message(value)
    if hasattr(value, "page_content"):
        return {"content": plain(value.page_content), "metadata": plain(getattr(value, "metadata", None))}
    if hasattr(value, "to_messages"):
        return [chat_message(one) for one in value.to_messages()]
    if type(value).__name__ == "Command" and hasattr(value, "goto"):
        return _changes(value)
    return None


def _changes(command: Any) -> dict[str, Any]:
    said = {name: value_of(getattr(command, name, None)) for name in ("update", "resume", "goto")}
    return {name: value for name, value in said.items() if value not in (None, [], ())}


def _inputs(run: Any, outputs: Any) -> Any:
    return None if _is_deferred(run.inputs) else value_of(run.inputs)


def _is_deferred(given: Any) -> bool:
    """Tell whether this is what a stream is announced with, before it has its input."""
    return given is None or (isinstance(given, (str, dict)) and given in ("", {"input": ""}))


def _sent(run: Any, outputs: Any) -> Any:
    """Give what a node is sent alone: the state that others get is what the nodes before them changed."""
    path = run.metadata.get("langgraph_path")
    return _inputs(run, outputs) if _is_list(path) and path and path[0] == "__pregel_push" else None


def _outputs(run: Any, outputs: Any) -> Any:
    return None if outputs is None else value_of(outputs)


def _first_input(run: Any, outputs: Any) -> Any:
    """Give what a root or an agent is asked: its messages, or what it gets as one message."""
    return None if _is_deferred(run.inputs) else _messages(run.inputs, "user")


def _final_output(run: Any, outputs: Any) -> Any:
    """Give what a root or an agent answers: the last message, or what it gives back as one."""
    said = _messages(_changed(run.inputs, outputs), "assistant")
    return None if not said else [{"finish_reason": "", **said[-1]}]


def _changed(inputs: Any, outputs: Any) -> Any:
    """Give what a graph changed of its state: the rest went in as it came out."""
    if not isinstance(inputs, Mapping) or not isinstance(outputs, Mapping):
        return outputs
    changed = {key: value for key, value in outputs.items() if key not in inputs or inputs[key] is not value}
    return changed or outputs


def _messages(value: Any, role: str) -> list[dict[str, Any]] | None:
    if value is None or value == "":
        return None
    found: Any = value.get("messages") if isinstance(value, Mapping) else value
    if hasattr(found, "to_messages"):
        found = found.to_messages()
    if hasattr(found, "content") and hasattr(found, "additional_kwargs"):
        found = [found]
    if _is_list(found) and found and all(_is_message(one) for one in found):
        return [_message(one) for one in found]
    said = value_of(value)
    text = said if isinstance(said, str) else json.dumps(said, ensure_ascii=False)
    return [{"role": role, "parts": [{"type": "text", "content": text}]}]


def _is_message(value: Any) -> bool:
    if isinstance(value, Mapping):
        return isinstance(value.get("role"), str) and "content" in value
    return (hasattr(value, "content") and hasattr(value, "additional_kwargs")) or _is_pair(value)


def _is_pair(value: Any) -> bool:
    return isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], str)  # noqa: PLR2004 - role, text


def _message(value: Any) -> dict[str, Any]:
    if isinstance(value, Mapping):
        return {"role": plain(value["role"]), "parts": content_parts(value["content"])}
    if isinstance(value, tuple):
        return {"role": {"human": "user", "ai": "assistant"}.get(value[0], value[0]), "parts": content_parts(value[1])}
    return chat_message(value)


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes, bytearray))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


MODEL_ASKED = (
    Said(semconv.INPUT_MESSAGES, "input_messages", _asked),
    Said(semconv.SYSTEM_INSTRUCTIONS, "system_instructions", _instructions),
    Said(semconv.TOOL_DEFINITIONS, "tool_definitions", _tools),
)
MODEL_ANSWERED = (Said(semconv.OUTPUT_MESSAGES, "output_messages", _answered),)
TOOL_ASKED = (Said(semconv.TOOL_ARGUMENTS, "tool_arguments", _arguments),)
TOOL_ANSWERED = (Said(semconv.TOOL_RESULT, "tool_result", _result),)
RETRIEVER_ASKED = (Said(semconv.QUERY_TEXT, "query", lambda run, outputs: plain(run.inputs)),)
RETRIEVER_ANSWERED = (Said(semconv.DOCUMENTS, "documents", _documents),)
ROOT_ASKED = (Said(semconv.INPUT_MESSAGES, "input_messages", _first_input),)
ROOT_ANSWERED = (Said(semconv.OUTPUT_MESSAGES, "output_messages", _final_output),)
CHAIN_ASKED = (Said(semconv.RUN_INPUTS, "inputs", _inputs),)
NODE_ASKED = (Said(semconv.RUN_INPUTS, "inputs", _sent),)
CHAIN_ANSWERED = (Said(semconv.RUN_OUTPUTS, "outputs", _outputs),)
