"""Lines of trace files, written in a test's own words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SECOND = 1_000_000_000
STARTED = 1_760_000_000 * SECOND


def attribute(name: str, value: Any) -> dict[str, Any]:
    """Give an attribute as OTLP JSON has it."""
    if isinstance(value, bool):
        return {"key": name, "value": {"boolValue": value}}
    if isinstance(value, int):
        return {"key": name, "value": {"intValue": str(value)}}
    if isinstance(value, float):
        return {"key": name, "value": {"doubleValue": value}}
    return {"key": name, "value": {"stringValue": value}}


def span(
    own: int,
    name: str = "chat gpt-5-mini",
    parent: int = 0,
    *,
    trace: int = 1,
    start: float = 0,
    took: float | None = 1,
    failed: bool = False,
    **said: Any,
) -> dict[str, Any]:
    """Give a span; in the names of its attributes `__` stands for a dot.

    Args:
        own: Its id.
        name: Its name.
        parent: The id of its parent; 0 for a root.
        trace: Its trace.
        start: When it started, in seconds.
        took: How long it took, in seconds; None if it did not end.
        failed: Whether its status is ERROR.
        **said: Its attributes.
    """
    began = STARTED + int(start * SECOND)
    found: dict[str, Any] = {
        "traceId": f"{trace:032x}",
        "spanId": f"{own:016x}",
        "name": name,
        "startTimeUnixNano": str(began),
        "attributes": [attribute(key.replace("__", "."), value) for key, value in said.items()],
    }
    if parent:
        found["parentSpanId"] = f"{parent:016x}"
    if took is not None:
        found["endTimeUnixNano"] = str(began + int(took * SECOND))
    if failed:
        found["status"] = {"code": 2}
    return found


def model(
    own: int, parent: int = 0, *, name: str = "gpt-5-mini", tokens: tuple[int, int] | None = (10, 5), **more: Any
):
    """Give a call of a model; its tokens are input and output."""
    said = {"gen_ai__operation__name": "chat", "gen_ai__request__model": name}
    if tokens is not None:
        said |= {"gen_ai__usage__input_tokens": tokens[0], "gen_ai__usage__output_tokens": tokens[1]}
    return span(own, f"chat {name}", parent, **{**said, **more})


def tool(own: int, parent: int = 0, *, name: str = "search", **more: Any):
    """Give a call of a tool."""
    return span(own, f"execute_tool {name}", parent, **{"gen_ai__operation__name": "execute_tool", **more})


def agent(own: int, parent: int = 0, *, name: str = "helper", **more: Any):
    """Give an agent."""
    said = {"gen_ai__operation__name": "invoke_agent", "gen_ai__agent__name": name}
    return span(own, f"invoke_agent {name}", parent, **{**said, **more})


def line(*spans: dict[str, Any], service: str = "shop") -> str:
    """Give spans as one line of a trace file."""
    resource = {"attributes": [attribute("service.name", service)]}
    scopes = [{"scope": {"name": "callspan"}, "spans": list(spans)}]
    return json.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": scopes}]}) + "\n"


def write(path: Path, *spans: dict[str, Any]) -> Path:
    """Write a trace file, a span a line."""
    path.write_text("".join(line(one) for one in spans), encoding="utf-8")
    return path
