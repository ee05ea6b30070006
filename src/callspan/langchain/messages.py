"""LangChain's messages in the conventions' words: a message is a role and parts, whatever the provider's dialect."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from callspan.jsontext import plain
from callspan.langchain.media import MEDIA, media

Part = dict[str, Any]

ROLES = {"human": "user", "ai": "assistant", "AIMessageChunk": "assistant", "HumanMessageChunk": "user"}
"""LangChain's types of messages whose roles the conventions call otherwise."""


def role_of(message: Any) -> str:
    """Give the role of a message: the one it was given, else that of its type."""
    given = getattr(message, "role", None)  # ChatMessage
    kind = given if isinstance(given, str) and given else getattr(message, "type", None)
    if not isinstance(kind, str):
        return "user"
    return ROLES.get(kind, kind.removesuffix("MessageChunk").lower() if kind.endswith("MessageChunk") else kind)


def chat_message(message: Any) -> dict[str, Any]:
    """Give one message: role, parts and, if it has one, the name of who speaks."""
    if isinstance(message, str):
        return {"role": "user", "parts": [_text(message)]}
    role = role_of(message)
    call = getattr(message, "tool_call_id", None)
    answers = isinstance(call, str)
    parts = [_response(call, getattr(message, "content", None))] if answers else parts_of(message)
    said: dict[str, Any] = {"role": role, "parts": parts}
    name = getattr(message, "name", None)
    if isinstance(name, str) and name:
        said["name"] = plain(name)
    return said


def parts_of(message: Any) -> list[Part]:
    """Give the parts of a message: what it says, and the tools that it calls."""
    content = getattr(message, "content", message)
    calls = [_tool_call(call) for call in _dicts(getattr(message, "tool_calls", None))]
    calls += [_invalid_call(call) for call in _dicts(getattr(message, "invalid_tool_calls", None))]
    called = {call["id"] for call in calls if call.get("id")}
    more = getattr(message, "additional_kwargs", None)
    more = more if isinstance(more, Mapping) else {}
    parts = [
        *_beside(more),
        *(
            part
            for part in content_parts(content)
            if not (part["type"] == "tool_call" and _is_known(part, called, calls))
        ),
        *calls,
    ]
    if not calls:
        parts += _old_calls(more)
    return parts


def content_parts(content: Any) -> list[Part]:
    """Give the parts of a message's content: a text, or a list of texts and blocks."""
    if isinstance(content, str):
        return [_text(content)] if content else []
    if isinstance(content, Mapping):
        return [_part(content)]
    if not isinstance(content, Iterable):
        return [] if content is None else [_text(plain(content))]
    return [_text(block) if isinstance(block, str) else _part(block) for block in content if block != ""]


def _is_known(part: Part, called: set[Any], calls: Sequence[Part]) -> bool:
    """Tell whether the message's own list of calls has this one too: providers repeat them in the content."""
    return part.get("id") in called if part.get("id") else bool(calls)


def _part(block: Any) -> Part:
    if not isinstance(block, Mapping):
        return _text(plain(block))
    kind = block.get("type")
    reader = _BLOCKS.get(kind) if isinstance(kind, str) else None
    if reader is None and not isinstance(kind, str):  # Bedrock's blocks have one key, and no type
        kind = next((key for key in block if key in _UNTYPED), None)
        reader = _UNTYPED.get(kind) if kind is not None else None
    part = None if reader is None else reader(block)
    return _other(block) if part is None else part


def _text(text: Any) -> Part:
    return {"type": "text", "content": plain(text)}


def _said(block: Mapping[str, Any]) -> Part | None:
    text = block.get("text")
    if isinstance(text, Mapping):  # OpenAI's assistants
        text = text.get("value")
    if not isinstance(text, str):
        return None
    part = _text(text)
    for name in ("annotations", "citations", "title"):
        if block.get(name):
            part[name] = plain(block[name])
    return part


def _reasoning(block: Mapping[str, Any]) -> Part | None:
    for name in ("reasoning", "thinking", "reasoning_content", "reasoningContent", "summary", "content", "text"):
        value = block.get(name)
        text = _joined(value)
        if text is not None and (text or name != "summary"):
            return {"type": "reasoning", "content": plain(text)}
    if "data" in block or "redactedContent" in block or "encrypted_content" in block or "id" in block:
        return {"type": "reasoning", "content": ""}  # the provider keeps it to itself
    return None


def _joined(value: Any) -> str | None:
    """Give the text of what may be a text, an object with one, or a list of those."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return _joined(value.get("text", value.get("reasoningText")))
    if isinstance(value, Sequence):
        return "\n\n".join(text for text in map(_joined, value) if text)
    return None


def _refusal(block: Mapping[str, Any]) -> Part:
    return {"type": "refusal", "content": plain(block.get("refusal") or block.get("text") or "")}


def _tool_call(call: Mapping[str, Any]) -> Part:
    arguments = call.get("args", call.get("arguments", call.get("input")))
    part: Part = {"type": "tool_call", "name": plain(str(call.get("name") or "")), "arguments": plain(arguments)}
    identity = call.get("id") or call.get("call_id") or call.get("toolUseId")
    if isinstance(identity, str) and identity:
        part["id"] = plain(identity)
    return part


def _invalid_call(call: Mapping[str, Any]) -> Part:
    part = _tool_call(call)
    if call.get("error"):
        part["error"] = plain(call["error"])
    return part


def _nested_call(block: Mapping[str, Any]) -> Part | None:
    for name in ("toolUse", "function_call", "function", "functionCall"):
        if isinstance(block.get(name), Mapping):
            return _tool_call({"id": block.get("id"), **block[name]})
    return _tool_call(block) if isinstance(block.get("name"), str) else None


def _old_calls(more: Mapping[str, Any]) -> list[Part]:
    """Give the calls that older integrations leave in the provider's own words."""
    calls = [*_dicts(more.get("tool_calls")), *_dicts([more.get("function_call")])]
    return [part for call in calls if (part := _nested_call(call)) is not None]


def _response(identity: Any, content: Any) -> Part:
    """Give what a tool answered: its text, or the parts of it."""
    if not isinstance(content, str):
        parts = content_parts(content)
        content = parts[0]["content"] if len(parts) == 1 and parts[0]["type"] == "text" else parts
    part: Part = {"type": "tool_call_response", "response": plain(content)}
    if isinstance(identity, str) and identity:
        part["id"] = plain(identity)
    return part


def _result(block: Mapping[str, Any]) -> Part:
    inner = block.get("toolResult")
    block = inner if isinstance(inner, Mapping) else block
    identity = block.get("tool_use_id") or block.get("call_id") or block.get("tool_call_id") or block.get("toolUseId")
    return _response(identity, block.get("content", block.get("output")))


def _server_call(block: Mapping[str, Any]) -> Part:
    kind = str(block["type"])
    name = block.get("name") or kind.removesuffix("_call")
    known = ("type", "id", "name", "index", "extras")
    said = {key: plain(value) for key, value in block.items() if key not in known}
    part: Part = {
        "type": "server_tool_call",
        "name": plain(str(name)),
        "server_tool_call": {"type": plain(str(name)), **{_safe(key): value for key, value in said.items()}},
    }
    if isinstance(block.get("id"), str):
        part["id"] = plain(block["id"])
    return part


def _server_result(block: Mapping[str, Any]) -> Part:
    kind = str(block["type"])
    known = ("type", "id", "tool_call_id", "tool_use_id", "index", "extras")
    said = {key: plain(value) for key, value in block.items() if key not in known}
    part: Part = {
        "type": "server_tool_call_response",
        "server_tool_call_response": {"type": kind, **{_safe(key): value for key, value in said.items()}},
    }
    identity = block.get("tool_call_id") or block.get("tool_use_id") or block.get("id")
    if isinstance(identity, str):
        part["id"] = plain(identity)
    return part


def _safe(key: Any) -> str:
    return "kind" if key == "type" else str(plain(key))


def _other(block: Mapping[Any, Any]) -> Part:
    """Give a block that nobody knows: under its own type, unless that would promise another shape."""
    value = block.get("value") if block.get("type") == "non_standard" else None
    inner: Mapping[Any, Any] = value if isinstance(value, Mapping) else block
    if inner is not block:
        return _part(inner)
    kind = block.get("type")
    said = {str(plain(key)): plain(one) for key, one in block.items() if key not in ("type", "index")}
    name = kind if isinstance(kind, str) and kind and kind not in _SHAPES else "other"
    return {**said, "type": plain(name)}


def _beside(more: Mapping[str, Any]) -> list[Part]:
    """Give what integrations put beside the content: reasoning and refusals."""
    parts: list[Part] = []
    reasoning = _joined(more.get("reasoning_content")) or _joined_summary(more.get("reasoning"))
    if reasoning:
        parts.append({"type": "reasoning", "content": plain(reasoning)})
    if isinstance(more.get("refusal"), str) and more["refusal"]:
        parts.append(_refusal(more))
    return parts


def _joined_summary(reasoning: Any) -> str | None:
    return _joined(reasoning.get("summary")) if isinstance(reasoning, Mapping) else _joined(reasoning)


def _dicts(value: Any) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, (list, tuple)) else []


Reader = Callable[[Mapping[str, Any]], "Part | None"]

_BLOCKS: dict[str, Reader] = {
    **dict.fromkeys(("text", "input_text", "output_text", "text-plain", "text_delta"), _said),
    **dict.fromkeys(("reasoning", "thinking", "reasoning_content", "redacted_thinking"), _reasoning),
    "refusal": _refusal,
    **dict.fromkeys(("tool_call", "tool_use", "function_call", "function", "input_json_delta"), _nested_call),
    "invalid_tool_call": _invalid_call,
    **dict.fromkeys(("tool_result", "function_call_output"), _result),
    **dict.fromkeys(
        (
            *("server_tool_call", "server_tool_use", "web_search_call", "file_search_call", "code_interpreter_call"),
            *("image_generation_call", "computer_call", "mcp_call", "mcp_list_tools", "mcp_approval_request"),
            *("local_shell_call", "custom_tool_call", "mcp_tool_use", "executable_code", "tool_search_call"),
        ),
        _server_call,
    ),
    **dict.fromkeys(
        (
            *("server_tool_result", "web_search_tool_result", "web_fetch_tool_result", "code_execution_tool_result"),
            *("bash_code_execution_tool_result", "text_editor_code_execution_tool_result", "mcp_tool_result"),
            *("code_execution_result", "tool_search_output"),
        ),
        _server_result,
    ),
    **dict.fromkeys(MEDIA, media),
}
"""How a block of each type is read: LangChain's own types, and those of the providers."""

_UNTYPED: dict[str, Reader] = {
    "text": _said,
    "toolUse": _nested_call,
    "toolResult": _result,
    **dict.fromkeys(("reasoningContent", "reasoning_content"), _reasoning),
    **dict.fromkeys(("image", "document", "video", "audio", "inlineData", "fileData"), media),
}
"""Blocks of Bedrock's and Google's, by their only key."""

_SHAPES = frozenset(
    {
        *("text", "reasoning", "tool_call", "tool_call_response", "server_tool_call", "server_tool_call_response"),
        *("blob", "uri", "file", "compaction"),
    }
)
"""Types of parts whose shape the conventions fix."""
