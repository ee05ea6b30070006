"""OTLP JSON as protobuf, for servers that take nothing else; needs the messages of the extra `otlp`."""

from __future__ import annotations

import base64
import json
from typing import Any

from google.protobuf.json_format import ParseDict, ParseError  # type: ignore[import-untyped]
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from callspan.local.otlp_http import Refused

_IDS = {"traceId": 32, "spanId": 16, "parentSpanId": 16}


def encoded(export: dict[str, Any]) -> bytes:
    """Give an export as protobuf.

    Args:
        export: An export request, as OTLP JSON.

    Raises:
        Refused: Something in it is no OTLP.
    """
    try:
        message = ExportTraceServiceRequest()
        ParseDict(_with_bytes(export), message, ignore_unknown_fields=True)
        return bytes(message.SerializeToString())
    except (ParseError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise Refused(f"it is no OTLP: {error}") from error


def rejected(answer: bytes) -> tuple[int, str]:
    """Give how many spans an answer rejects, and why.

    Args:
        answer: The answer's body.
    """
    try:
        partial = ExportTraceServiceResponse.FromString(answer).partial_success
    except DecodeError:
        return 0, ""
    return partial.rejected_spans, partial.error_message


def _with_bytes(export: dict[str, Any]) -> dict[str, Any]:
    """Give a copy in which ids are as protobuf's own JSON has them, base64 where OTLP has hex, and texts are UTF-8."""
    text = json.dumps(export, ensure_ascii=False).encode("utf-8", "replace")
    told: dict[str, Any] = json.loads(text, object_pairs_hook=_object)
    return told


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return {
        name: base64.b64encode(bytes.fromhex(value)).decode()
        if isinstance(value, str) and len(value) == _IDS.get(name)
        else value
        for name, value in pairs
    }
