"""LangChain's messages in the conventions' words: a message is a role and parts, whatever the provider's dialect."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from callspan.jsontext import plain
from callspan.langchain.blocks import Part, invalid_call, nested_call, parts_in, reasoning_in, response, text, tool_call
from callspan.langchain.media import spoken

_ROLES = {"human": "user", "ai": "assistant", "function": "tool"}
"""LangChain's types of messages whose roles the conventions call otherwise."""

_NO_MORE: Mapping[str, Any] = {}


def chat_message(message: Any) -> dict[str, Any]:
    """Give one message: role, parts and, if it has one, the name of who speaks.

    Args:
        message: LangChain's message, or a text.
    """
    if isinstance(message, str):
        return {"role": "user", "parts": [text(message)]}
    kind = str(getattr(message, "type", None) or "")
    said: dict[str, Any] = {"role": _role(message, kind), "parts": _parts(message, kind)}
    name = getattr(message, "name", None)
    if isinstance(name, str) and name:
        said["name"] = plain(name)
    return said


def said_message(role: Any, content: Any, more: Mapping[str, Any] = _NO_MORE) -> dict[str, Any]:
    """Give the message that a program wrote as a dict or a pair: OpenAI's or LangChain's words.

    Args:
        role: Who speaks.
        content: What.
        more: What else stands in the dict.
    """
    call = more.get("tool_call_id")
    calls = [nested_call(one) for one in _dicts(plain(more.get("tool_calls")))]
    parts = [response(call, plain(content))] if isinstance(call, str) else content_parts(content)
    return {"role": plain(_ROLES.get(role, role)), "parts": [*parts, *(one for one in calls if one is not None)]}


def content_parts(content: Any) -> list[Part]:
    """Give the parts of a message's content: a text, or a list of texts and blocks.

    Args:
        content: As the program or the integration made it.
    """
    return parts_in(plain(content))


def _role(message: Any, kind: str) -> str:
    """Give the role of a message: the one it was given, else that of its type; a chunk speaks as the whole does."""
    given = getattr(message, "role", None)  # ChatMessage
    if isinstance(given, str) and given:
        return str(plain(_ROLES.get(given, given)))
    kind = kind.removesuffix("MessageChunk").lower() if kind.endswith("MessageChunk") else kind
    return str(plain(_ROLES.get(kind, kind or "user")))


def _parts(message: Any, kind: str) -> list[Part]:
    content = plain(getattr(message, "content", None))
    call = getattr(message, "tool_call_id", None)
    if isinstance(call, str) or kind.lower().startswith("function"):
        part = response(call, content)
        if getattr(message, "status", None) == "error":
            part["status"] = "error"
        return [part]
    if kind == "remove":
        return [{"type": "remove", "id": plain(getattr(message, "id", None))}]
    parts = _with_calls(message, parts_in(content))
    return _joined(parts) if kind.endswith("Chunk") else parts


def _with_calls(message: Any, said: list[Part]) -> list[Part]:
    """Give the parts of what was said and the tools that are called, each once, where it stands in the content.

    Integrations take calls out of the content and leave them there too, in the provider's own words.
    """
    calls = [tool_call(call) for call in _dicts(plain(getattr(message, "tool_calls", None)))]
    calls += [invalid_call(call) for call in _dicts(plain(getattr(message, "invalid_tool_calls", None)))]
    more: Any = getattr(message, "additional_kwargs", None)
    more = more if isinstance(more, Mapping) else _NO_MORE
    if not calls:
        old = [*_dicts(plain(more.get("tool_calls"))), *_dicts([plain(more.get("function_call"))])]
        calls = [part for call in old if (part := nested_call(call)) is not None]
        if any(part["type"] == "tool_call" for part in said):
            calls = []
    parts = _beside(more, {part["type"] for part in said})
    for part in said:
        if part["type"] != "tool_call" or not calls:
            parts.append(part)
        else:
            place = next((at for at, call in enumerate(calls) if call.get("id") == part.get("id")), None)
            if place is not None:
                parts.append(calls.pop(place))
    return [*parts, *calls]


def _beside(more: Mapping[str, Any], known: set[str]) -> list[Part]:
    """Give what integrations put beside the content, unless it stands in there too."""
    parts: list[Part] = []
    if "reasoning" not in known:
        reasoning = more.get("reasoning_content") or more.get("reasoning")
        thought = reasoning_in(plain(reasoning)) if reasoning else None
        if thought is not None and thought["content"]:
            parts.append(thought)
    if isinstance(more.get("refusal"), str) and more["refusal"] and "refusal" not in known:
        parts.append({"type": "refusal", "content": plain(more["refusal"])})
    if isinstance(more.get("audio"), Mapping):
        parts += spoken(plain(more["audio"]))
    if more.get("tool_outputs"):
        parts += parts_in(plain(more["tool_outputs"]))
    return parts


def _joined(parts: list[Part]) -> list[Part]:
    """Give the parts of a stream as those of a call: texts that follow each other are pieces of one."""
    whole: list[Part] = []
    for part in parts:
        if whole and _is_piece(part) and _is_piece(whole[-1]) and part["type"] == whole[-1]["type"]:
            whole[-1] = {**part, "content": whole[-1]["content"] + part["content"]}
        else:
            whole.append(part)
    return whole


def _is_piece(part: Part) -> bool:
    return part["type"] in _IN_PIECES and part.keys() == {"type", "content"}


_IN_PIECES = ("text", "reasoning", "refusal")


def _dicts(value: Any) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []
