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
Reader = Callable[[Block], "Part | None"]

# Only the provider can read it, or LangChain put it there.
_LEFT_OUT = frozenset(
    {"type", "id", "index", "extras", "cache_control", "signature", "encrypted_content", "thoughtSignature"}
)


def parts_in(content: Any) -> list[Part]:
    """Return the parts of a content: a text, a block, or a list of both."""
    if isinstance(content, str):
        return [{"type": "text", "content": content}] if content else []
    if content is None:
        return []
    blocks = content if isinstance(content, list) else [content]
    return [_part(block) for block in blocks if block != ""]


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


def _other(block: Block) -> Part:
    """Return an unknown block under its own type, unless that would promise another shape."""
    kind, inner = block.get("type"), block.get("value")
    if kind == "non_standard" and isinstance(inner, dict):
        return _part(inner)
    part = _rest(block)
    if isinstance(block.get("id"), str):
        part["id"] = block["id"]
    if not isinstance(kind, str) and len(block) == 1:
        kind = next(iter(block))
    return {"type": kind if isinstance(kind, str) and kind and kind not in _SHAPES else "other", **part}


def _rest(block: Block, *known: str) -> dict[str, Any]:
    return {key: value for key, value in block.items() if key not in _LEFT_OUT and key not in known}


def _with_id(part: Part, block: Block, *names: str) -> Part:
    """Add the id that stands under the first of these names."""
    identity = next((block[name] for name in names if block.get(name)), None)
    if isinstance(identity, str):
        part["id"] = identity
    return part


# Texts and reasoning --------------------------------------------------------------------------------------------------


def text(value: Any) -> Part:
    """Return the part of a text."""
    return {"type": "text", "content": plain(value) if isinstance(value, str) else json.dumps(plain(value))}


def _text_block(block: Block) -> Part | None:
    value = block.get("text")
    if isinstance(value, dict):  # OpenAI's assistants, Bedrock's guards
        value = value.get("value", value.get("text"))
    if not isinstance(value, str):
        return None
    return text(value) | {name: block[name] for name in ("annotations", "citations", "title") if block.get(name)}


def reasoning_in(value: Any) -> Part | None:
    """Return the reasoning in a text, or in what holds one under one of many names."""
    if isinstance(value, str):
        return {"type": "reasoning", "content": value}
    if not isinstance(value, dict):
        return None
    for name in ("reasoning", "thinking", "reasoning_content", "reasoningContent", "content", "summary", "text"):
        if found := _text_in(value.get(name), "\n\n" if name == "summary" else ""):
            return {"type": "reasoning", "content": found}
    return {"type": "reasoning", "content": ""}  # the provider keeps it to itself


def _text_in(value: Any, between: str = "") -> str:
    """Return the text of what may be a text, an object with one, or a list of those."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return _text_in(value.get("text", value.get("reasoningText")), between)
    if isinstance(value, list):
        return between.join(found for one in value if (found := _text_in(one, between)))
    return ""


def _refusal(block: Block) -> Part:
    return {"type": "refusal", "content": _text_in(block.get("refusal") or block.get("text"))}


def _compaction(block: Block) -> Part:
    return {"type": "compaction", "content": _text_in(block.get("content")) or None}


# Calls of tools, and their results ------------------------------------------------------------------------------------


def tool_call(call: Block) -> Part:
    """Return a tool call, whose arguments may be an object or JSON."""
    found = next((call[name] for name in ("args", "arguments", "input", "action") if call.get(name) is not None), None)
    part = {"type": "tool_call", "name": str(call.get("name") or ""), "arguments": _arguments(found, call)}
    return _with_id(part, call, "call_id", "toolUseId", "id")


def _arguments(found: Any, block: Block) -> Any:
    """Return arguments as an object, if they are one; those of a stream's block may stand beside it, as JSON."""
    if not found and isinstance(block.get("partial_json"), str):
        found = block["partial_json"]
    return from_json(found, found) if isinstance(found, str) else found


def from_json(value: str, otherwise: Any) -> Any:
    """Return what a text holds as JSON, or something else if it holds none."""
    try:
        return plain(json.loads(value))
    except (ValueError, RecursionError):
        return otherwise


def invalid_call(call: Block) -> Part:
    """Return a call whose arguments could not be read, and why."""
    part = tool_call(call)
    if call.get("error"):
        part["error"] = call["error"]
    return part


def nested_call(block: Block) -> Part | None:
    """Return a call in a provider's own words, which may stand under a key of its own."""
    for name in ("toolUse", "function_call", "function", "functionCall"):
        if isinstance(block.get(name), dict):
            return tool_call({"id": block.get("id"), **block[name]})
    return tool_call(block) if isinstance(block.get("name"), str) else None


def _own_call(block: Block) -> Part:
    """Return a call of a tool that the provider defines and the program executes: its name is that of the block."""
    return tool_call({"name": str(block["type"]).removesuffix("_call"), **block})


def _server_call(block: Block) -> Part:
    """Return a call of a tool that the provider executes."""
    kind = str(block.get("type") or next(iter(block)))
    name = str(block.get("name") or kind.removesuffix("_call"))
    call = {"type": name, **_rest(block, "name", "args", "input", "arguments", "partial_json")}
    given = next((key for key in ("args", "input", "arguments") if key in block), None)
    if given is not None:
        call["arguments"] = _arguments(block[given], block)
    return _with_id({"type": "server_tool_call", "name": name, "server_tool_call": call}, block, *_SERVER_IDS)


def _server_result(block: Block) -> Part:
    kind = str(block.get("type") or next(iter(block)))
    result = {"type": kind, **_rest(block, "tool_call_id", "tool_use_id")}
    part = {"type": "server_tool_call_response", "server_tool_call_response": result}
    return _with_id(part, block, *_SERVER_IDS)


_SERVER_IDS = ("tool_call_id", "tool_use_id", "id")


def response(identity: Any, content: Any) -> Part:
    """Return a tool's result: its text as it is, or its parts."""
    part: Part = {"type": "tool_call_response", "response": _result_in(content)}
    if isinstance(identity, str) and identity:
        part["id"] = plain(identity)
    return part


def _result_in(content: Any) -> Any:
    if not isinstance(content, list):
        return content
    if len(content) == 1 and isinstance(content[0], dict) and "json" in content[0]:  # Bedrock's
        return content[0]["json"]
    parts = parts_in(content)
    return parts[0]["content"] if len(parts) == 1 and parts[0].keys() == {"type", "content"} else parts


def _result(block: Block) -> Part:
    nested = (block.get(name) for name in ("toolResult", "functionResponse"))
    inner = next((value for value in nested if isinstance(value, dict)), block)
    ids = ("tool_use_id", "call_id", "tool_call_id", "toolUseId", "id")
    identity = next((inner[name] for name in ids if inner.get(name)), None)
    result = next((inner[name] for name in ("content", "output", "response") if inner.get(name) is not None), None)
    return response(identity, result)


# How a block of each type is read: LangChain's own types, and those of the providers ----------------------------------


def _by_type(*rows: tuple[Reader, str]) -> dict[str, Reader]:
    return {name: reader for reader, names in rows for name in names.split()}


def _guard(block: Block) -> Part | None:
    inner = block["guardContent"]
    return _text_block(inner) if isinstance(inner, dict) else None


_BLOCKS = _by_type(
    (_text_block, "text input_text output_text text-plain text_delta guard_content"),
    (reasoning_in, "reasoning thinking reasoning_content redacted_thinking"),
    (_refusal, "refusal"),
    (_compaction, "compaction"),
    (nested_call, "tool_call tool_call_chunk tool_use function_call function custom_tool_call"),
    (_own_call, "computer_call local_shell_call shell_call apply_patch_call"),
    (invalid_call, "invalid_tool_call"),
    (_result, "tool_result function_call_output custom_tool_call_output computer_call_output"),
    (_server_call, "server_tool_call server_tool_call_chunk server_tool_use web_search_call file_search_call"),
    (_server_call, "code_interpreter_call image_generation_call mcp_call mcp_list_tools mcp_tool_use"),
    (_server_call, "executable_code tool_search_call"),
    (_server_result, "server_tool_result web_search_tool_result web_fetch_tool_result code_execution_tool_result"),
    (_server_result, "bash_code_execution_tool_result text_editor_code_execution_tool_result mcp_tool_result"),
    (_server_result, "code_execution_result tool_search_output tool_search_tool_result"),
    (media, " ".join(MEDIA)),
)

# Blocks of Bedrock's and Google's, by their only key.
_UNTYPED = _by_type(
    (_text_block, "text"),
    (nested_call, "toolUse functionCall function_call"),
    (_result, "toolResult functionResponse"),
    (_server_call, "executableCode"),
    (_server_result, "codeExecutionResult"),
    (reasoning_in, "reasoningContent reasoning_content"),
    (_guard, "guardContent"),
    (media, "image document video audio inlineData inline_data fileData file_data image_url"),
)

# Types of parts whose shape the conventions fix.
_SHAPES = frozenset(
    (
        *("text", "reasoning", "tool_call", "tool_call_response", "server_tool_call", "server_tool_call_response"),
        *("blob", "uri", "file", "compaction"),
    )
)
