"""Calls of tools in messages, in whose words soever: the program's own, and those that the provider executes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from callspan.capture.serialize import plain
from callspan.langchain.media import Part

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
