"""Blocks of a message's content as the conventions' parts: LangChain's own types, and those of the providers.

What is read here went through `serialize.plain`: it has an end, and no types but JSON's.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from callspan.capture.serialize import plain
from callspan.langchain.media import MEDIA, Part, media

Block = Mapping[str, Any]


def tool_call(call: Block) -> Part:
    """Give a call of a tool, whose arguments may be an object or JSON."""
    found = next((call[name] for name in ("args", "arguments", "input", "action") if call.get(name) is not None), None)
    part: Part = {"type": "tool_call", "name": str(call.get("name") or ""), "arguments": _arguments(found, call)}
    identity = next((call[name] for name in ("call_id", "toolUseId", "id") if call.get(name)), None)
    if isinstance(identity, str):
        part["id"] = identity
    return part


def _arguments(found: Any, block: Block) -> Any:
    """Give arguments as an object, if they are one; those of a stream's block may stand beside it, as JSON."""
    if not found and isinstance(block.get("partial_json"), str):
        found = block["partial_json"]
    if isinstance(found, str):
        found = from_json(found, found)
    return found


def from_json(said: str, otherwise: Any) -> Any:
    """Give what a text holds as JSON, or something else if it holds none."""
    try:
        return plain(json.loads(said))
    except (ValueError, RecursionError):
        return otherwise


def invalid_call(call: Block) -> Part:
    """Give a call whose arguments could not be read, and why."""
    part = tool_call(call)
    if call.get("error"):
        part["error"] = call["error"]
    return part


def nested_call(block: Block) -> Part | None:
    """Give a call in a provider's own words, which may stand under a key of its own."""
    for name in ("toolUse", "function_call", "function", "functionCall"):
        if isinstance(block.get(name), dict):
            return tool_call({"id": block.get("id"), **block[name]})
    return tool_call(block) if isinstance(block.get("name"), str) else None


def own_call(block: Block) -> Part:
    """Give a call of a tool that the provider defines and the program executes: its name is that of the block."""
    return tool_call({"name": str(block["type"]).removesuffix("_call"), **block})


def server_call(block: Block) -> Part:
    """Give a call of a tool that the provider executes."""
    kind = str(block.get("type") or next(iter(block)))
    name = str(block.get("name") or kind.removesuffix("_call"))
    said = rest(block, "name", "args", "input", "arguments", "partial_json")
    given = next((key for key in ("args", "input", "arguments") if key in block), None)
    if given is not None:
        said["arguments"] = _arguments(block[given], block)
    return _with_id({"type": "server_tool_call", "name": name, "server_tool_call": {"type": name, **said}}, block)


def server_result(block: Block) -> Part:
    """Give what such a tool answered."""
    kind = str(block.get("type") or next(iter(block)))
    said = rest(block, "tool_call_id", "tool_use_id")
    return _with_id(
        {"type": "server_tool_call_response", "server_tool_call_response": {"type": kind, **said}},
        block,
    )


def _with_id(part: Part, block: Block) -> Part:
    identity = next((block[name] for name in ("tool_call_id", "tool_use_id", "id") if block.get(name)), None)
    if isinstance(identity, str):
        part["id"] = identity
    return part


def rest(block: Block, *known: str) -> dict[str, Any]:
    """Give what else a block says; what only the provider can read, or LangChain put there, is left out."""
    return {key: one for key, one in block.items() if key not in _NOT_SAID and key not in known}


_NOT_SAID = frozenset(
    {"type", "id", "index", "extras", "cache_control", "signature", "encrypted_content", "thoughtSignature"}
)


Reader = Callable[[Block], "Part | None"]


def parts_in(content: Any) -> list[Part]:
    """Give the parts of a content: a text, a block, or a list of both."""
    if isinstance(content, str):
        return [{"type": "text", "content": content}] if content else []
    if content is None:
        return []
    blocks = content if isinstance(content, list) else [content]
    return [_part(block) for block in blocks if block != ""]


def text(said: Any) -> Part:
    """Give the part of a text."""
    return {"type": "text", "content": plain(said) if isinstance(said, str) else json.dumps(plain(said))}


def _part(block: Any) -> Part:
    if not isinstance(block, dict):
        return text(block)
    kind = block.get("type")
    if isinstance(kind, str):
        reader = _BLOCKS.get(kind) or (_UNTYPED.get(kind) if kind in block else None)  # LangChain may add the type
    else:  # Bedrock's blocks and Gemini's have one key, and no type
        reader = next((_UNTYPED[key] for key in block if key in _UNTYPED), None)
    part = None if reader is None else reader(block)
    return _other(block) if part is None else part


def _said(block: Block) -> Part | None:
    words = block.get("text")
    if isinstance(words, dict):  # OpenAI's assistants, Bedrock's guards
        words = words.get("value", words.get("text"))
    if not isinstance(words, str):
        return None
    part = text(words)
    for name in ("annotations", "citations", "title"):
        if block.get(name):
            part[name] = block[name]
    return part


def reasoning_in(said: Any) -> Part | None:
    """Give what a model thought: a text, or what holds one under one of many names."""
    if isinstance(said, str):
        return {"type": "reasoning", "content": said}
    if not isinstance(said, dict):
        return None
    for name in ("reasoning", "thinking", "reasoning_content", "reasoningContent", "content", "summary", "text"):
        if words := _words(said.get(name), "\n\n" if name == "summary" else ""):
            return {"type": "reasoning", "content": words}
    return {"type": "reasoning", "content": ""}  # the provider keeps it to itself


def _words(value: Any, between: str) -> str:
    """Give the text of what may be a text, an object with one, or a list of those."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return _words(value.get("text", value.get("reasoningText")), between)
    if isinstance(value, list):
        return between.join(words for one in value if (words := _words(one, between)))
    return ""


def _refusal(block: Block) -> Part:
    return {"type": "refusal", "content": _words(block.get("refusal") or block.get("text"), "")}


def _compaction(block: Block) -> Part:
    return {"type": "compaction", "content": _words(block.get("content"), "") or None}


def response(identity: Any, content: Any) -> Part:
    """Give what a tool answered: its text as it is, or the parts of it."""
    part: Part = {"type": "tool_call_response", "response": _answer(content)}
    if isinstance(identity, str) and identity:
        part["id"] = plain(identity)
    return part


def _answer(content: Any) -> Any:
    if not isinstance(content, list):
        return content
    if len(content) == 1 and isinstance(content[0], dict) and "json" in content[0]:  # Bedrock's
        return content[0]["json"]
    parts = parts_in(content)
    return parts[0]["content"] if len(parts) == 1 and parts[0].keys() == {"type", "content"} else parts


def _result(block: Block) -> Part:
    inner = next(
        (block[name] for name in ("toolResult", "functionResponse") if isinstance(block.get(name), dict)), block
    )
    identity = next((inner[name] for name in _CALLS if inner.get(name)), None)
    said = next((inner[name] for name in ("content", "output", "response") if inner.get(name) is not None), None)
    return response(identity, said)


_CALLS = ("tool_use_id", "call_id", "tool_call_id", "toolUseId", "id")


def _other(block: Block) -> Part:
    """Give a block that nobody knows: under its own type, unless that would promise another shape."""
    inner = block.get("value") if block.get("type") == "non_standard" else None
    if isinstance(inner, dict):
        return _part(inner)
    kind = block.get("type")
    said = rest(block)
    if isinstance(block.get("id"), str):
        said["id"] = block["id"]
    if not isinstance(kind, str) and len(block) == 1:
        kind = next(iter(block))
    return {"type": kind if isinstance(kind, str) and kind and kind not in _SHAPES else "other", **said}


_BLOCKS: dict[str, Reader] = {
    **dict.fromkeys(("text", "input_text", "output_text", "text-plain", "text_delta", "guard_content"), _said),
    **dict.fromkeys(("reasoning", "thinking", "reasoning_content", "redacted_thinking"), reasoning_in),
    "refusal": _refusal,
    "compaction": _compaction,
    **dict.fromkeys(
        ("tool_call", "tool_call_chunk", "tool_use", "function_call", "function", "custom_tool_call"), nested_call
    ),
    **dict.fromkeys(("computer_call", "local_shell_call", "shell_call", "apply_patch_call"), own_call),
    "invalid_tool_call": invalid_call,
    **dict.fromkeys(
        ("tool_result", "function_call_output", "custom_tool_call_output", "computer_call_output"), _result
    ),
    **dict.fromkeys(
        (
            *("server_tool_call", "server_tool_call_chunk", "server_tool_use", "web_search_call", "file_search_call"),
            *("code_interpreter_call", "image_generation_call", "mcp_call", "mcp_list_tools", "mcp_tool_use"),
            *("executable_code", "tool_search_call"),
        ),
        server_call,
    ),
    **dict.fromkeys(
        (
            *("server_tool_result", "web_search_tool_result", "web_fetch_tool_result", "code_execution_tool_result"),
            *("bash_code_execution_tool_result", "text_editor_code_execution_tool_result", "mcp_tool_result"),
            *("code_execution_result", "tool_search_output", "tool_search_tool_result"),
        ),
        server_result,
    ),
    **dict.fromkeys(MEDIA, media),
}
"""How a block of each type is read: LangChain's own types, and those of the providers."""

_UNTYPED: dict[str, Reader] = {
    "text": _said,
    **dict.fromkeys(("toolUse", "functionCall", "function_call"), nested_call),
    **dict.fromkeys(("toolResult", "functionResponse"), _result),
    "executableCode": server_call,
    "codeExecutionResult": server_result,
    **dict.fromkeys(("reasoningContent", "reasoning_content"), reasoning_in),
    "guardContent": lambda block: _said(block["guardContent"]) if isinstance(block["guardContent"], dict) else None,
    **dict.fromkeys(
        ("image", "document", "video", "audio", "inlineData", "inline_data", "fileData", "file_data", "image_url"),
        media,
    ),
}
"""Blocks of Bedrock's and Google's, by their only key."""

_SHAPES = frozenset(
    {
        *("text", "reasoning", "tool_call", "tool_call_response", "server_tool_call", "server_tool_call_response"),
        *("blob", "uri", "file", "compaction"),
    }
)
"""Types of parts whose shape the conventions fix."""
