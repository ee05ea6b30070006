"""LangChain's messages and tools in the conventions' words: roles, parts and definitions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from inspect import getattr_static
from typing import Any

from callspan.capture.serialize import Message, plain
from callspan.langchain.blocks import invalid_call, nested_call, parts_in, reasoning_in, response, text, tool_call
from callspan.langchain.media import Part, spoken

# By LangChain's type of message: who speaks, in the conventions' words
_ROLES = {"human": "user", "ai": "assistant", "system": "system"}

# The same where the content is no speech, or the program gave a role
_OTHER_ROLES = {**_ROLES, "function": "tool"}

_NO_MORE: Mapping[str, Any] = {}


def chat_message(message: Any) -> Message:
    """Return one message: role, parts and, if it has one, the name of who speaks."""
    if isinstance(message, str):
        return Message(role="user", parts=[text(message)])
    fields = _fields(message)
    kind = str(fields.get("type") or "")
    role = _ROLES.get(kind)
    content = fields.get("content")
    if role is not None and type(content) is str and not _says_more(fields):  # nearly all of them
        said = Message(role=role, parts=parts_in(plain(content)))
    else:
        said = Message(role=_role(fields, kind), parts=_parts(fields, kind))
    name = fields.get("name")
    if isinstance(name, str) and name:
        said["name"] = plain(name)
    return said


def _fields(message: Any) -> Mapping[str, Any]:
    """Return the fields of a message by name; from its own dict, as pydantic is slow for missing names."""
    own: Any = getattr(message, "__dict__", None)
    if type(own) is dict and "content" in own and "type" in own:
        return own
    return {name: getattr(message, name, None) for name in _FIELDS}


_FIELDS = (
    *("type", "role", "name", "content", "id", "tool_call_id", "status"),
    *("tool_calls", "invalid_tool_calls", "additional_kwargs"),
)


def said_message(role: Any, content: Any, more: Mapping[str, Any] = _NO_MORE) -> Message:
    """Return the message that a program wrote as a dict or a pair: OpenAI's or LangChain's words."""
    call = more.get("tool_call_id")
    calls = [nested_call(one) for one in _dicts(plain(more.get("tool_calls")))]
    parts = [response(call, plain(content))] if isinstance(call, str) else content_parts(content)
    return Message(role=plain(_OTHER_ROLES.get(role, role)), parts=[*parts, *(one for one in calls if one is not None)])


def content_parts(content: Any) -> list[Part]:
    """Return the parts of a message's content: a text, or a list of texts and blocks."""
    return parts_in(plain(content))


def _role(fields: Mapping[str, Any], kind: str) -> str:
    """Return the role of a message: the one it was given, else that of its type; a chunk speaks as the whole does."""
    given = fields.get("role")  # ChatMessage
    if isinstance(given, str) and given:
        return str(plain(_OTHER_ROLES.get(given, given)))
    kind = kind.removesuffix("MessageChunk").lower() if kind.endswith("MessageChunk") else kind
    return str(plain(_OTHER_ROLES.get(kind, kind or "user")))


def _parts(fields: Mapping[str, Any], kind: str) -> list[Part]:
    content = plain(fields.get("content"))
    call = fields.get("tool_call_id")
    if isinstance(call, str) or kind.lower().startswith("function"):
        part = response(call, content)
        if plain(fields.get("status")) == "error":
            part["status"] = "error"
        return [part]
    if kind == "remove":
        return [{"type": "remove", "id": plain(fields.get("id"))}]
    parts = parts_in(content)
    if _says_more(fields):
        parts = _with_calls(fields, parts)
    return _joined(parts) if kind.endswith("Chunk") else parts


def _says_more(fields: Mapping[str, Any]) -> bool:
    """Return whether a message has more than its content; objects are not asked whether they are empty."""
    for name in ("tool_calls", "invalid_tool_calls", "additional_kwargs"):
        said = fields.get(name)
        if said is not None and (type(said) not in (list, dict) or said):
            return True
    return False


def _with_calls(fields: Mapping[str, Any], said: list[Part]) -> list[Part]:
    """Return the parts of the content and the tool calls, each once, where it stands in the content.

    Integrations take calls out of the content and leave them there too, in the provider's own words.
    """
    calls = [tool_call(call) for call in _dicts(plain(fields.get("tool_calls")))]
    calls += [invalid_call(call) for call in _dicts(plain(fields.get("invalid_tool_calls")))]
    more: Any = fields.get("additional_kwargs")
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
    """Return what integrations put beside the content, unless it stands in there too."""
    parts: list[Part] = []
    said = {name: plain(more.get(name)) for name in ("reasoning_content", "reasoning", "refusal", "audio")}
    if "reasoning" not in known:
        thought = reasoning_in(said["reasoning_content"] or said["reasoning"])
        if thought is not None and thought["content"]:
            parts.append(thought)
    if isinstance(said["refusal"], str) and said["refusal"] and "refusal" not in known:
        parts.append({"type": "refusal", "content": said["refusal"]})
    if isinstance(said["audio"], dict):
        parts += spoken(said["audio"])
    return parts + parts_in(plain(more.get("tool_outputs")))


def _joined(parts: list[Part]) -> list[Part]:
    """Return the parts of a stream as those of a call: texts that follow each other are pieces of one."""
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


Definition = dict[str, Any]


def definitions(tools: Any) -> list[Definition] | None:
    """Return the definitions of tools, or None if there are none."""
    if not isinstance(tools, (list, tuple)):
        return None
    return [one for tool in tools for one in _definitions(tool)] or None


def _definitions(tool: Any) -> Iterator[Definition]:
    if not isinstance(tool, dict):
        yield _of_object(tool)
        return
    said = plain(tool)
    declared = said.get("function_declarations", said.get("functionDeclarations"))  # Gemini's: many in one
    if isinstance(declared, list):
        yield from (_function(one) for one in declared if isinstance(one, dict))
    else:
        yield _of_dict(said)


def _of_dict(tool: Definition) -> Definition:
    """Return a function, or a tool of the provider's own."""
    for name in ("function", "toolSpec"):
        if isinstance(tool.get(name), dict):
            return _function(tool[name])
    kind = tool.get("type")
    if isinstance(kind, str) and kind not in ("function", "custom") and not _schema(tool):
        return {**tool, "name": str(tool.get("name") or kind)}
    if kind == "custom" and not _schema(tool):  # OpenAI's: its input is a text
        spec = tool["custom"] if isinstance(tool.get("custom"), dict) else tool
        return {**spec, "type": "custom", "name": str(spec.get("name") or "")}
    if "name" not in tool and not isinstance(kind, str) and len(tool) == 1:  # {"google_search": {}}, {"cachePoint": …}
        (name,) = tool
        return {"type": name if name != "function" else "other", "name": name, **_settings(tool[name])}
    return _function(tool)


def _settings(said: Any) -> Definition:
    return {key: one for key, one in said.items() if key not in ("type", "name")} if isinstance(said, dict) else {}


def _function(spec: Definition) -> Definition:
    said: Definition = {"type": "function", "name": str(spec.get("name") or spec.get("title") or "")}
    if isinstance(spec.get("description"), str):
        said["description"] = spec["description"]
    if isinstance(schema := _schema(spec), dict):
        said["parameters"] = schema
    return said


def _schema(spec: Definition) -> Any:
    schema = next((spec[name] for name in _SCHEMAS if spec.get(name) is not None), None)
    if isinstance(schema, dict) and isinstance(schema.get("json"), dict):
        return schema["json"]  # Bedrock's
    return schema


_SCHEMAS = ("parameters", "parametersJsonSchema", "parameters_json_schema", "input_schema", "inputSchema", "properties")


def _of_object(tool: Any) -> Definition:
    """Return what a tool that is bound as an object, a class or a function calls itself."""
    names = (getattr_static(tool, name, None) for name in ("name", "__name__"))
    name = next((one for one in names if isinstance(one, str)), None)
    if name is None:
        name = type.__getattribute__(tool if isinstance(tool, type) else type(tool), "__name__")
    said: Definition = {"type": "function", "name": plain(name)}
    if isinstance(words := getattr_static(tool, "description", None), str):
        said["description"] = plain(words)
    return said
