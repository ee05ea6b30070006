"""Values as any reader of JSON takes them: texts that UTF-8 can carry, numbers that are some, trees with a bottom."""

from __future__ import annotations

import json
import math
from typing import Any

from callspan.core.text import encodable

DEEPEST = 64  # how deep a value is shown; what is deeper is left out

_EXACT = 2**53  # whole numbers from here on are not exact for a browser, so they are texts

_LEFT_OUT = "…"


def json_safe(value: Any, depth: int = 0) -> Any:  # noqa: PLR0911 - one line for each type
    """Return a value of JSON, made safe."""
    if isinstance(value, str):
        return encodable(value)
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return value if -_EXACT < value < _EXACT else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if depth > DEEPEST:
        return _LEFT_OUT
    if isinstance(value, dict):
        return {encodable(str(key)): json_safe(one, depth + 1) for key, one in value.items()}
    return [json_safe(one, depth + 1) for one in value] if isinstance(value, (list, tuple)) else str(value)


def finite(value: Any) -> Any:
    """Return a value with OTLP's texts for NaN and the infinities, which JSON has no numbers for."""
    if isinstance(value, dict):
        return {key: finite(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def as_text(value: Any) -> str:
    """Return a value as text: a text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def value_of(value: Any) -> Any:
    """Return the value of an attribute; a text that is JSON of an object or a list is parsed."""
    if not isinstance(value, str) or value[:1] not in ("{", "["):
        return json_safe(value)
    try:
        return json_safe(json.loads(value))
    except (ValueError, RecursionError):
        return encodable(value)
