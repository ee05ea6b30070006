"""What of an exception is recorded: its type always, its text only as far as it is the program's own."""

from __future__ import annotations

import traceback
from collections import deque
from types import CodeType, TracebackType
from typing import Any

from callspan import semconv
from callspan.capture.secrets import without_secrets
from callspan.core import state
from callspan.core.text import ERROR_LIMIT, cut, encodable, safe_name

STACK_LIMIT = 16_384  # characters of a stack trace; the innermost frames are kept
_READ = 65_536  # characters of a text that are looked at; what is cut off later is the half of a secret at its end
_FRAMES = 100  # how many of them are looked at

# Their text quotes what a model or a user wrote.
_QUOTING = frozenset(
    {
        *("OutputParserException", "StructuredOutputError", "StructuredOutputValidationError", "GraphBubbleUp"),
        *("MultipleStructuredOutputsError", "ToolInvocationError", "InvalidUpdateError"),
        *("JSONDecodeError", "UnicodeDecodeError", "UnicodeEncodeError"),
    }
)

TOOL_ERROR = "tool_error"  # `error.type` of a tool that answered with an error: MCP's conventions have the name


class ToolError(Exception):
    """`run.error` of a tool that answered with an error instead of raising one.

    LangChain never raises it. Its text is the answer, which is content.
    """


_CHAIN = 8  # how many causes of an error are looked at: a chain may be endless

# Which exception this is, without holding it: its identity and the instruction that raised it
Origin = tuple[int, CodeType | None, int]


def error_type(error: BaseException) -> str:
    """Return `error.type`: the class by its full name, a builtin by its bare one."""
    cls = type(error)
    if cls is ToolError:
        return TOOL_ERROR
    module = cls.__module__
    name = cls.__qualname__ if module in ("builtins", None) else f"{module}.{cls.__qualname__}"
    return safe_name(name) or cls.__name__


def origin(error: BaseException) -> Origin:
    """Return what tells this exception from another one that is later stored at the same address."""
    innermost = error.__traceback__
    while innermost is not None and innermost.tb_next is not None:
        innermost = innermost.tb_next
    if innermost is None:
        return id(error), None, 0
    return id(error), innermost.tb_frame.f_code, innermost.tb_lasti


def error_text(error: BaseException) -> str:
    """Return the text of an error that may be recorded: cut, without secrets; "" if it quotes a model or a user.

    Errors of pydantic are recorded without their input.
    """
    if _quotes(error):
        return ""
    if _is_validation(error):
        return _validation_text(error)
    return cut(_without_secrets(cut(str(error), _READ)), ERROR_LIMIT)


def answer_text(written: object) -> str:
    """Return the text of a tool's answer for a status, from the attribute that has it; empty with content off."""
    return cut(_without_secrets(cut(written, _READ)), ERROR_LIMIT) if isinstance(written, str) else ""


def _without_secrets(text: str) -> str:
    return without_secrets(encodable(text), state.denied_keys())


def _quotes(error: BaseException) -> bool:
    """Return whether its text may quote: it is such an error, or repeats the text of one that it answers to."""
    if type(error) is ToolError or _names(error) & _QUOTING:
        return True
    text = str(error)
    inner = error.__cause__ or error.__context__
    for _ in range(_CHAIN):
        if inner is None:
            return False
        if (type(inner) is ToolError or _names(inner) & _QUOTING or _is_validation(inner)) and _repeats(text, inner):
            return True
        inner = inner.__cause__ or inner.__context__
    return False


def _repeats(text: str, inner: BaseException) -> bool:
    return any(one and one in text for one in (str(inner), *map(str, inner.args)))


def _is_validation(error: BaseException) -> bool:
    return "ValidationError" in _names(error) and hasattr(error, "errors")


def _names(error: BaseException) -> set[str]:
    return {cls.__name__ for cls in type(error).__mro__}


def _validation_text(error: Any) -> str:
    """Return the types of the faults alone: their places and messages may quote the input's keys and values."""
    types = [str(fault.get("type", "?")) for fault in error.errors()]
    title = getattr(error, "title", None) or type(error).__name__
    plural = "" if len(types) == 1 else "s"
    return _without_secrets(cut(f"{len(types)} validation error{plural} for {title}: {', '.join(types)}", ERROR_LIMIT))


def exception_event(error: BaseException, text: str) -> dict[str, str]:
    """Return the attributes of the `exception` event: type, text and where it was raised."""
    last_line = f"{error_type(error)}: {text}" if text else error_type(error)
    event = {
        semconv.EXCEPTION_TYPE: error_type(error),
        semconv.EXCEPTION_STACKTRACE: f"{_stack(error.__traceback__)}{last_line}\n",
    }
    if text:
        event[semconv.EXCEPTION_MESSAGE] = text
    return event


def _stack(trace: TracebackType | None) -> str:
    """Return the innermost frames alone: an exception that is raised again and again has ever more of them.

    The texts of chained exceptions are not for a span.
    """
    innermost: deque[TracebackType] = deque(maxlen=_FRAMES)
    depth = 0
    while trace is not None:
        innermost.append(trace)
        depth += 1
        trace = trace.tb_next
    lines = traceback.format_tb(innermost[0]) if innermost else []
    size, kept = 0, len(lines)
    while kept and size + len(lines[kept - 1]) <= STACK_LIMIT:
        kept -= 1
        size += len(lines[kept])
    outer = depth - len(innermost) + kept
    missing = f"  ... {outer} outer frames\n" if outer else ""
    return _without_secrets(f"Traceback (most recent call last):\n{missing}{''.join(lines[kept:])}")
