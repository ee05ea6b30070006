"""All that a trace file says of each span, in one form whoever wrote it: this project's exporter or Jaeger."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

BADGER_BYTES = 64_000
"""How many bytes a text may have in Badger, the rest being for its key; more makes Jaeger refuse the span."""

# All that Badger has of a link but its ends.
_BADGER_LINK = {"opentracing.ref_type": ("stringValue", "follows_from")}


def spans_in_full(trace_file: Path, trace_id: str | None = None) -> dict[str, dict[str, Any]]:
    """Read spans by their ids, each with its resource and its scope.

    What makes no difference is taken away: the order of attributes, and whether what is empty is written.

    Args:
        trace_file: OTLP JSON lines.
        trace_id: The trace whose spans are wanted; all if not given.
    """
    with trace_file.open(encoding="utf-8") as lines:
        return {
            span["spanId"]: span
            for line in lines
            for span in _spans(json.loads(line))
            if trace_id in (None, span["traceId"])
        }


def as_badger_keeps(span: Mapping[str, Any]) -> dict[str, Any]:
    """Take from a span what is lost when Jaeger keeps it in Badger.

    Links and scopes lose their attributes, lists become texts of JSON, and long texts have been cut by the Collector.
    The flags are lost too; they only say whether the parent was in another process.

    Args:
        span: As `spans_in_full` gives it.
    """
    return {key: value for key, value in span.items() if key != "flags"} | {
        "attributes": _as_badger_keeps(span["attributes"]),
        "events": [event | {"attributes": _as_badger_keeps(event["attributes"])} for event in span["events"]],
        "links": [
            {"traceId": link["traceId"], "spanId": link["spanId"], "attributes": _BADGER_LINK} for link in span["links"]
        ],
        "scope": (*span["scope"][:2], {}),
    }


def _spans(export: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for resource in export["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            told = scope.get("scope", {})
            around = {
                "resource": _attributes(resource.get("resource", {})),
                "scope": (told.get("name", ""), told.get("version", ""), _attributes(told)),
            }
            for span in scope["spans"]:
                yield (
                    _item(span)
                    | around
                    | {key: [_item(one) for one in span.get(key, ())] for key in ("events", "links")}
                )


def _item(item: Mapping[str, Any]) -> dict[str, Any]:
    """Read a span, an event or a link: what it says, and its attributes by their keys."""
    said = {key: value for key, value in item.items() if value and key != "attributes"}
    return said | {"attributes": _attributes(item)}


def _attributes(owner: Mapping[str, Any]) -> dict[str, Any]:
    return {pair["key"]: _value(pair["value"]) for pair in owner.get("attributes", ())}


def _value(value: Mapping[str, Any]) -> tuple[str, Any]:
    """Read a value with its type, as 1 and 1.0 are equal."""
    [(kind, content)] = value.items()
    if kind == "arrayValue":
        return kind, [_value(item) for item in content.get("values", ())]
    return kind, content


def _as_badger_keeps(attributes: Mapping[str, tuple[str, Any]]) -> dict[str, tuple[str, Any]]:
    return {key: _badger_value(*value) for key, value in attributes.items()}


def _badger_value(kind: str, content: Any) -> tuple[str, Any]:
    if kind == "arrayValue":
        items = [int(item) if of == "intValue" else item for of, item in content]
        return "stringValue", json.dumps(items, ensure_ascii=False, separators=(",", ":"))
    if kind == "stringValue":
        return kind, content.encode()[:BADGER_BYTES].decode(errors="ignore")
    return kind, content
