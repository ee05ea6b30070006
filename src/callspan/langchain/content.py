"""The content of runs: any value of a program as JSON, and what a run of each kind is given and returns."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from math import isfinite
from numbers import Real
from typing import Any

from callspan import semconv
from callspan.capture.content import ContentField
from callspan.capture.serialize import UNKNOWN, AlreadyPlain, JsonText, Message, plain
from callspan.core.run import PAUSED
from callspan.langchain.blocks import from_json, response
from callspan.langchain.media import MEDIA, media
from callspan.langchain.messages import chat_message, content_parts, definitions, said_message
from callspan.langchain.responses import Answer, answer, finish_reasons, reason_of

# Classes that are known by their names, themselves or as a base: nothing is imported for them
_SORTS = {
    "BaseMessage": "message",
    "Document": "document",
    "PromptValue": "prompt",
    "Runnable": "runnable",
    "Command": "command",
    "Send": "send",
    "Interrupt": "interrupt",
    "BaseModel": "record",
}


def sort_of(value: Any) -> str | None:
    """Return what a value is; its class is asked, since an instance may answer anything."""
    cls: Any = type(value)
    return _sort(cls)


@lru_cache(maxsize=1024)
def _sort(cls: Any) -> str | None:
    names = [base.__name__ for base in cls.__mro__]
    found = next((_SORTS[name] for name in names if name in _SORTS and name != "BaseModel"), None)
    return "record" if found is None and ("BaseModel" in names or _names_of(cls) is not None) else found


def value_of(value: Any) -> Any:
    """Return any value of a program as JSON can hold it."""
    return plain(value, _known_value)


def _known_value(value: Any) -> Any:  # noqa: PLR0911 - one line for each sort
    if isinstance(value, dict):
        part = media(plain(value)) if value.get("type") in MEDIA else None
        return UNKNOWN if part is None else part
    sort = sort_of(value)
    if sort == "message":
        return AlreadyPlain(chat_message(value))
    if sort == "document":
        return {"content": value.page_content, "metadata": value.metadata}
    if sort == "prompt":
        return AlreadyPlain([chat_message(one) for one in value.to_messages()])
    if sort == "command":
        said = {name: getattr(value, name, None) for name in ("update", "resume", "goto")}
        return {name: one for name, one in said.items() if one is not None and one != ()}
    if sort == "send":
        return {"node": value.node, "arg": value.arg}
    if sort == "interrupt":
        return {"value": value.value, "id": getattr(value, "id", None)}
    return fields_of(value) if sort == "record" else UNKNOWN


def fields_of(record: Any) -> Mapping[str, Any]:
    """Return the fields of a pydantic model, a dataclass or their likes, without asking its code; no private ones."""
    cls: Any = type(record)
    names = _names_of(cls)
    if names is not None:
        return {name: getattr(record, name, None) for name in names}
    said = vars(record)
    try:
        extra = object.__getattribute__(record, "__pydantic_extra__")
    except AttributeError:  # pydantic 1 keeps them among the others
        extra = None
    if isinstance(extra, dict):
        said = {**said, **extra}
    return {name: one for name, one in said.items() if not name.startswith("_")}


@lru_cache(maxsize=1024)
def _names_of(cls: Any) -> tuple[str, ...] | None:
    """Return the names of a class's fields; None if it declares none, as pydantic keeps them in the instance."""
    for place in _FIELDS:
        fields = getattr(cls, place, None)
        if fields is not None and (place != "_fields" or issubclass(cls, tuple)):
            names = [one if isinstance(one, str) else one.name for one in fields]
            return tuple(name for name in names if not name.startswith("_"))
    return None


# Where dataclasses, attrs, msgspec and named tuples declare their fields
_FIELDS = ("__dataclass_fields__", "__attrs_attrs__", "__struct_fields__", "_fields")


def messages_of(value: Any, role: str) -> list[Message] | None:
    """Return the messages of what goes into a root or an agent or comes out of it, or all of it as one message."""
    if value is None or (isinstance(value, str) and not value):
        return None
    said = _messages_in(value)
    if said:
        return [_message(one) for one in said]
    plainly = value_of(value)
    content = plainly if isinstance(plainly, str) else JsonText(plainly)
    return [Message(role=role, parts=[{"type": "text", "content": content}])]


def last_of(value: Any) -> Any:
    """Return the last message of what comes out of a root or an agent, as it is; None if it has none."""
    said = _messages_in(value)
    return said[-1] if said else None


def _messages_in(value: Any) -> list[Any]:
    found: Any = value
    if isinstance(value, dict):
        found = value.get("messages")
    elif sort_of(value) == "record":
        found = fields_of(value).get("messages")
    if sort_of(found) == "prompt":
        found = found.to_messages()
    said = list(found) if isinstance(found, list) else [found]
    return said if all(_is_message(one) for one in said) else []


def _is_message(value: Any) -> bool:
    if isinstance(value, dict):
        role = value.get("role")
        return "content" in value and (isinstance(role, str) or value.get("type") in _SPEAKERS)
    if isinstance(value, tuple):
        return len(value) == 2 and isinstance(value[0], str) and value[0] in _SPEAKERS  # noqa: PLR2004 - role, text
    return sort_of(value) == "message"


_SPEAKERS = frozenset({"human", "user", "ai", "assistant", "system", "developer", "tool", "function", "placeholder"})


def _message(value: Any) -> Message:
    if isinstance(value, dict):
        return said_message(value.get("role", value.get("type")), value["content"], value)
    if isinstance(value, tuple):
        return said_message(value[0], value[1])
    return chat_message(value)


# Models -----------------------------------------------------------------------------------------------------------


def _input_messages(run: Any, outputs: Any) -> Any:
    inputs = run.inputs
    return [chat_message(one) for one in ([inputs] if isinstance(inputs, str) else inputs or ())]


def _output_messages(run: Any, outputs: Any) -> Any:
    """Return one message for each choice; its reason stands in it too, where some readers look for it."""
    said = run.answer if isinstance(run.answer, Answer) else answer(outputs)
    reasons = finish_reasons(said) or []
    return [
        Message(_choice(choice), finish_reason=reasons[place] if place < len(reasons) else "")
        for place, choice in enumerate(said.generations)
    ] or None


def _choice(choice: Any) -> Message:
    message = getattr(choice, "message", None)
    if message is not None:
        return chat_message(message)
    return Message(role="assistant", parts=content_parts(getattr(choice, "text", "")))


def _request_parameters(run: Any) -> Mapping[str, Any]:
    said = run.extra.get("invocation_params")
    return said if isinstance(said, Mapping) else {}


def _instructions(run: Any, outputs: Any) -> Any:
    """Return the instructions of a request beside its messages; a system message is one of the messages."""
    said = _request_parameters(run).get("instructions")
    return content_parts(said) or None if isinstance(said, str) else None


def _tools(run: Any, outputs: Any) -> Any:
    said = _request_parameters(run)
    return definitions(said.get("tools") or said.get("functions"))


# Tools ------------------------------------------------------------------------------------------------------------


def _arguments(run: Any, outputs: Any) -> Any:
    given = run.extra.get("inputs")  # without what LangGraph injects
    if not isinstance(given, Mapping):
        given = from_json(run.inputs, run.inputs) if isinstance(run.inputs, str) else run.inputs
    said = value_of(given)
    return said if isinstance(said, dict) else {"input": said}


def _result(run: Any, outputs: Any) -> Any:
    """Return the result of a tool: an object, its parts, or its text as it is.

    Blocks and objects are the same where LangChain has made a message of them, as a model called the tool.
    """
    if outputs is None:
        return None
    said = plain(outputs.content) if sort_of(outputs) == "message" else outputs
    if isinstance(said, str) and said.lstrip().startswith("{"):
        held = from_json(said, None)
        said = held if isinstance(held, dict) else said
    said = response(None, plain(said))["response"] if _is_blocks(said) else value_of(said)
    return said if isinstance(said, (dict, str)) else {"result": said}


def _is_blocks(said: Any) -> bool:
    """Return whether these are blocks of a message: texts alone are a list of the tool's own."""
    if not _is_list(said) or not any(isinstance(one, dict) for one in said):
        return False
    return all(isinstance(one, str) or (isinstance(one, dict) and one.get("type") in _OF_TOOLS) for one in said)


# Types of blocks that LangChain takes for the content of a tool's message
_OF_TOOLS = ("text", "image_url", "image", "json", "search_result", "custom_tool_call_output", "document", "file")


# Retrievers -------------------------------------------------------------------------------------------------------


def _documents(run: Any, outputs: Any) -> Any:
    return [_document(one, place) for place, one in enumerate(outputs)] if _is_list(outputs) else None


def _document(document: Any, place: int) -> dict[str, Any]:
    """Return a document; a reader drops all of them if one has no id or no score."""
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
        "metadata": value_of(metadata),
    }


# Chains, graphs and their nodes -----------------------------------------------------------------------------------


def _inputs(run: Any, outputs: Any) -> Any:
    return None if _is_deferred(run.inputs) else value_of(run.inputs)


def _is_deferred(given: Any) -> bool:
    """Return whether this is what a stream is announced with, before it has its input."""
    if type(given) is dict and len(given) == 1:  # what is in it may not like to be compared
        given = given.get("input", given)
    return given is None or (isinstance(given, str) and not given)


def _sent(run: Any, outputs: Any) -> Any:
    """Return what a node is sent alone: the state that others get is what the nodes before them changed."""
    path = run.metadata.get("langgraph_path")
    return _inputs(run, outputs) if _is_list(path) and path and path[0] == "__pregel_push" else None


def _outputs(run: Any, outputs: Any) -> Any:
    return None if outputs is None else value_of(outputs)


def _first_input(run: Any, outputs: Any) -> Any:
    """Return the messages that a root or an agent is given, or its input as one message."""
    return None if _is_deferred(run.inputs) else messages_of(run.inputs, "user")


def _final_output(run: Any, outputs: Any) -> Any:
    """Return the last message of a root or an agent, or its output as one message."""
    changed = _changed(run.inputs, outputs)
    if changed is outputs and run.outcome == PAUSED and isinstance(run.inputs, Mapping):
        return None  # it waits, and has changed nothing yet
    said = messages_of(changed, "assistant")
    return [Message(said[-1], finish_reason=reason_of(last_of(changed)) or "")] if said else None


def _changed(inputs: Any, outputs: Any) -> Any:
    """Return what a graph changed of its state: the rest went in as it came out."""
    if not isinstance(inputs, Mapping) or not isinstance(outputs, Mapping):
        return outputs
    changed = {key: value for key, value in outputs.items() if key not in inputs or not _is_same(inputs[key], value)}
    return changed or outputs


def _is_same(before: Any, after: Any) -> bool:
    return before is after or (type(before) is type(after) and type(before) in _SIMPLE and before == after)


_SIMPLE = (str, int, float, bool)


def _is_list(value: Any) -> bool:
    return isinstance(value, (list, tuple))


def _is_number(value: Any) -> bool:
    return not isinstance(value, bool) and isinstance(value, Real) and isfinite(value)


MODEL_ASKED = (
    ContentField(semconv.INPUT_MESSAGES, "input_messages", _input_messages),
    ContentField(semconv.SYSTEM_INSTRUCTIONS, "system_instructions", _instructions),
    ContentField(semconv.TOOL_DEFINITIONS, "tool_definitions", _tools),
)
MODEL_ANSWERED = (ContentField(semconv.OUTPUT_MESSAGES, "output_messages", _output_messages),)
TOOL_ASKED = (ContentField(semconv.TOOL_ARGUMENTS, "tool_arguments", _arguments),)
TOOL_ANSWERED = (ContentField(semconv.TOOL_RESULT, "tool_result", _result),)
RETRIEVER_ASKED = (ContentField(semconv.QUERY_TEXT, "query", lambda run, outputs: plain(run.inputs)),)
RETRIEVER_ANSWERED = (ContentField(semconv.DOCUMENTS, "documents", _documents),)
ROOT_ASKED = (ContentField(semconv.INPUT_MESSAGES, "input_messages", _first_input),)
ROOT_ANSWERED = (ContentField(semconv.OUTPUT_MESSAGES, "output_messages", _final_output),)
CHAIN_ASKED = (ContentField(semconv.RUN_INPUTS, "inputs", _inputs),)
CHAIN_ANSWERED = (ContentField(semconv.RUN_OUTPUTS, "outputs", _outputs),)
# A node's input too is known at its end only: a trace policy announces it twice, and the second one is to be shown
NODE_ANSWERED = (ContentField(semconv.RUN_INPUTS, "inputs", _sent), *CHAIN_ANSWERED)
