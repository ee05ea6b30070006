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

from callspan.core.text import encodable
from callspan.local.otlp_http import Refused

_IDS = {"traceId": 32, "spanId": 16, "parentSpanId": 16}


def encoded(export: str) -> bytes:
    """Return an export as protobuf.

    Raises:
        Refused: Something in it is no OTLP.
    """
    message = ExportTraceServiceRequest()
    try:
        ParseDict(json.loads(export, object_pairs_hook=_object), message, ignore_unknown_fields=True)
        return bytes(message.SerializeToString())
    # The last two are what protobuf makes of numbers and texts that are none.
    except (ParseError, ValueError, TypeError, AttributeError, RecursionError, OverflowError, SystemError) as error:
        raise Refused(f"it is no OTLP: {error}") from error


def rejected(answer: bytes) -> tuple[int, str]:
    """Return how many spans an answer rejects, and why."""
    try:
        partial = ExportTraceServiceResponse.FromString(answer).partial_success
    except DecodeError:
        return 0, ""
    return partial.rejected_spans, partial.error_message


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object with ids as protobuf's own JSON has them, base64 where OTLP has hex, and texts in UTF-8."""
    return {encodable(name): _value(name, value) if isinstance(value, str) else value for name, value in pairs}


def _value(name: str, value: str) -> str:
    return base64.b64encode(bytes.fromhex(value)).decode() if len(value) == _IDS.get(name) else encodable(value)
