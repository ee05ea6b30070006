"""How a run ended: control flow that arrives as an exception is no failure."""

from __future__ import annotations

from asyncio import CancelledError

from callspan.core.run import CANCELLED, CLOSED, ERROR, OK, PAUSED

COMMAND, DRAINED = "command", "drained"

_PYTHON: tuple[tuple[type[BaseException], str], ...] = (
    (GeneratorExit, CLOSED),
    (CancelledError, CANCELLED),
    (KeyboardInterrupt, CANCELLED),
    (SystemExit, CANCELLED),
)

# LangGraph's signals, by name: it may not be imported before the user does.
_LANGGRAPH = {"GraphInterrupt": PAUSED, "ParentCommand": COMMAND, "GraphDrained": DRAINED}


def outcome_of(error: BaseException | None) -> str:
    """Give the outcome of a run that ended with this exception, or with none."""
    if error is None:
        return OK
    for cls, outcome in _PYTHON:
        if issubclass(type(error), cls):  # `isinstance` may run the exception's own code
            return outcome
    for base in type(error).__mro__:
        if base.__name__ in _LANGGRAPH and base.__module__.partition(".")[0] == "langgraph":
            return _LANGGRAPH[base.__name__]
    return ERROR
