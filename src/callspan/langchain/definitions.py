"""The tools that a model is told of, in whose words soever, as the conventions define them."""

from __future__ import annotations

from collections.abc import Iterator
from inspect import getattr_static
from typing import Any

from callspan.capture.serialize import plain

Definition = dict[str, Any]


def definitions(tools: Any) -> list[Definition] | None:
    """Give the definitions of tools, or None if there are none.

    Args:
        tools: What a request says: provider-shaped dicts, or whatever a custom model takes.
    """
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
    """Give a function, or a tool of the provider's own."""
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
    """Give what a tool that is bound as an object, a class or a function calls itself."""
    names = (getattr_static(tool, name, None) for name in ("name", "__name__"))
    name = next((one for one in names if isinstance(one, str)), None)
    if name is None:
        name = type.__getattribute__(tool if isinstance(tool, type) else type(tool), "__name__")
    said: Definition = {"type": "function", "name": plain(name)}
    if isinstance(words := getattr_static(tool, "description", None), str):
        said["description"] = plain(words)
    return said
