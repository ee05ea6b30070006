"""What was said in a run of each kind, as tables: messages, arguments, results, documents, inputs and outputs."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from numbers import Real
from typing import Any

from callspan import semconv
from callspan.capture.content import ContentField
from callspan.capture.serialize import Message, plain
from callspan.core.run import PAUSED
from callspan.langchain.blocks import from_json, response
from callspan.langchain.definitions import definitions
from callspan.langchain.messages import chat_message, content_parts
from callspan.langchain.responses import Answer, answer, finish_reasons, reason_of
from callspan.langchain.values import last_of, messages_of, sort_of, value_of

# Models


def _asked(run: Any, outputs: Any) -> Any:
    inputs = run.inputs
    return [chat_message(one) for one in ([inputs] if isinstance(inputs, str) else inputs or ())]


def _answered(run: Any, outputs: Any) -> Any:
    """Give one message for each choice; its reason stands in it too, where some readers look for it."""
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


def _parameters(run: Any) -> Mapping[str, Any]:
    said = run.extra.get("invocation_params")
    return said if isinstance(said, Mapping) else {}


def _instructions(run: Any, outputs: Any) -> Any:
    """Give what a request says beside its messages: a system message among them is one of them."""
    said = _parameters(run).get("instructions")
    return content_parts(said) or None if isinstance(said, str) else None


def _tools(run: Any, outputs: Any) -> Any:
    said = _parameters(run)
    return definitions(said.get("tools") or said.get("functions"))


# Tools


def _arguments(run: Any, outputs: Any) -> Any:
    given = run.extra.get("inputs")  # without what LangGraph injects
    if not isinstance(given, Mapping):
        given = from_json(run.inputs, run.inputs) if isinstance(run.inputs, str) else run.inputs
    said = value_of(given)
    return said if isinstance(said, dict) else {"input": said}


def _result(run: Any, outputs: Any) -> Any:
    """Give what a tool gave back: an object, its parts, or its text as it is.

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


_OF_TOOLS = ("text", "image_url", "image", "json", "search_result", "custom_tool_call_output", "document", "file")
"""Types of blocks that LangChain takes for the content of a tool's message."""


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
        "metadata": value_of(metadata),
    }


# Chains, graphs and their nodes


def _inputs(run: Any, outputs: Any) -> Any:
    return None if _is_deferred(run.inputs) else value_of(run.inputs)


def _is_deferred(given: Any) -> bool:
    """Tell whether this is what a stream is announced with, before it has its input."""
    if type(given) is dict and len(given) == 1:  # what is in it may not like to be compared
        given = given.get("input", given)
    return given is None or (isinstance(given, str) and not given)


def _sent(run: Any, outputs: Any) -> Any:
    """Give what a node is sent alone: the state that others get is what the nodes before them changed."""
    path = run.metadata.get("langgraph_path")
    return _inputs(run, outputs) if _is_list(path) and path and path[0] == "__pregel_push" else None


def _outputs(run: Any, outputs: Any) -> Any:
    return None if outputs is None else value_of(outputs)


def _first_input(run: Any, outputs: Any) -> Any:
    """Give what a root or an agent is asked: its messages, or what it gets as one message."""
    return None if _is_deferred(run.inputs) else messages_of(run.inputs, "user")


def _final_output(run: Any, outputs: Any) -> Any:
    """Give what a root or an agent answers: the last message, or what it gives back as one."""
    changed = _changed(run.inputs, outputs)
    if changed is outputs and run.outcome == PAUSED and isinstance(run.inputs, Mapping):
        return None  # it waits, and has changed nothing yet
    said = messages_of(changed, "assistant")
    return [Message(said[-1], finish_reason=reason_of(last_of(changed)) or "")] if said else None


def _changed(inputs: Any, outputs: Any) -> Any:
    """Give what a graph changed of its state: the rest went in as it came out."""
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
    ContentField(semconv.INPUT_MESSAGES, "input_messages", _asked),
    ContentField(semconv.SYSTEM_INSTRUCTIONS, "system_instructions", _instructions),
    ContentField(semconv.TOOL_DEFINITIONS, "tool_definitions", _tools),
)
MODEL_ANSWERED = (ContentField(semconv.OUTPUT_MESSAGES, "output_messages", _answered),)
TOOL_ASKED = (ContentField(semconv.TOOL_ARGUMENTS, "tool_arguments", _arguments),)
TOOL_ANSWERED = (ContentField(semconv.TOOL_RESULT, "tool_result", _result),)
RETRIEVER_ASKED = (ContentField(semconv.QUERY_TEXT, "query", lambda run, outputs: plain(run.inputs)),)
RETRIEVER_ANSWERED = (ContentField(semconv.DOCUMENTS, "documents", _documents),)
ROOT_ASKED = (ContentField(semconv.INPUT_MESSAGES, "input_messages", _first_input),)
ROOT_ANSWERED = (ContentField(semconv.OUTPUT_MESSAGES, "output_messages", _final_output),)
CHAIN_ASKED = (ContentField(semconv.RUN_INPUTS, "inputs", _inputs),)
CHAIN_ANSWERED = (ContentField(semconv.RUN_OUTPUTS, "outputs", _outputs),)
NODE_ANSWERED = (ContentField(semconv.RUN_INPUTS, "inputs", _sent), *CHAIN_ANSWERED)
"""A node's input too is known at its end only: a trace policy announces it twice, and the second one is to be shown."""
