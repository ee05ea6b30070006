"""How a run ended: control flow that arrives as an exception is no failure, and some failures raise no exception."""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Iterable, Iterator
from traceback import walk_tb
from typing import Any

from opentelemetry.context import get_current

from callspan.core.errors import ToolError
from callspan.core.frames import Frame
from callspan.core.keys import RUN
from callspan.core.registry import open_now
from callspan.core.report import write_exception
from callspan.core.run import CANCELLED, CLOSED, ERROR, OK, PAUSED, Run
from callspan.langchain.blocks import from_json
from callspan.langchain.chains import NODE
from callspan.langchain.content import fields_of, sort_of
from callspan.langchain.links import remember_for_links
from callspan.langchain.runs import suppressed, task_id, tool_call_id

COMMAND, DRAINED = "command", "drained"

_PYTHON: tuple[tuple[type[BaseException], str], ...] = (
    (GeneratorExit, CLOSED),
    (CancelledError, CANCELLED),
    (KeyboardInterrupt, CANCELLED),
    (SystemExit, CANCELLED),
)

# LangGraph's signals, by name: it may not be imported before the user does.
_LANGGRAPH = {"GraphInterrupt": PAUSED, "ParentCommand": COMMAND, "GraphDrained": DRAINED}

# The tool that classic agents call in the place of one that does not exist.
UNKNOWN_TOOL = "invalid_tool"

_MCP_FLAG = "isError"
_LATEST = 64  # messages of a list that are looked at, from its end: a command may hand over a whole conversation
_DEPTH = 5  # how deep messages stand in what a tool returns: a command, its update, a channel's value, a list


def outcome_of(error: BaseException | None) -> str:
    """Return the outcome of a run that ended with this exception, or with none."""
    if error is None:
        return OK
    for cls, outcome in _PYTHON:
        if issubclass(type(error), cls):  # `isinstance` may run the exception's own code
            return outcome
    for base in type(error).__mro__:
        if base.__name__ in _LANGGRAPH and base.__module__.partition(".")[0] == "langgraph":
            return _LANGGRAPH[base.__name__]
    return ERROR


def handled(args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
    """Remember that a tool turned its exception into an answer: only a `ToolMessage` would show it later."""
    current = get_current()
    run: Any = current.get(RUN)
    if run is not None and run.row.name == "tool" and not run.ended and not suppressed(current):
        run.error = ToolError(_text(result))


def error_of(run: Run, outputs: Any) -> ToolError | None:
    """Return the error with which a tool answered, or None."""
    if run.rare is not None and run.skipped is not None:
        return None  # a refusal by a callback
    if type(run.error) is ToolError:
        return run.error
    if run.name == UNKNOWN_TOOL and type(run.subject).__name__ == "InvalidTool":
        return ToolError(_text(outputs))
    if type(outputs) in (str, int, float, bool, type(None)):
        return None
    if sort_of(outputs) == "message":  # of nearly all tools that a model calls
        return _error_in_message(outputs)
    return next(_errors_in(outputs, tool_call_id(run), _DEPTH), None)


def _error_in_message(message: Any) -> ToolError | None:
    content, artifact = message.content, getattr(message, "artifact", None)
    if (
        getattr(message, "status", None) == "error"
        or (artifact is not None and _is_mcp_error(artifact))
        or (type(content) is str and _MCP_FLAG in content and _is_mcp_text(content))
    ):
        return ToolError(_text(content))
    return None


def _errors_in(value: Any, call: str | None, depth: int, *, is_update: bool = False) -> Iterator[ToolError]:
    """Yield the errors in what a tool returned: messages and commands, alone or in lists, and results of MCP.

    Messages in a command's update of the graph's state may answer other calls than this one.
    """
    sort = sort_of(value)
    inner: Iterable[Any] = ()
    if sort == "message":
        if not is_update or call is None or getattr(value, "tool_call_id", None) == call:
            error = _error_in_message(value)
            yield from () if error is None else (error,)
    elif sort == "command":
        is_update, inner = True, (value.update,)
    elif is_update and isinstance(value, dict):
        inner = value.values()
    elif is_update and sort == "record":
        inner = fields_of(value).values()
    elif isinstance(value, (list, tuple)):
        inner = [one for one in value[-_LATEST:] if is_update or sort_of(one) in ("message", "command")]
    elif not is_update and _is_mcp_error(value):
        yield ToolError(_text(value["content"] if type(value) is dict else getattr(value, "content", None)))
    for one in inner if depth else ():
        yield from _errors_in(one, call, depth - 1, is_update=is_update)


class TimedAttempt(Frame):
    """Surrounds one attempt at a node that has a time limit: beyond it LangGraph cancels the node and raises here."""

    __slots__ = ("task",)

    def __init__(self, task: Any) -> None:
        super().__init__()
        self.task: str | None = getattr(task, "id", None)

    def on_exit(self, error: BaseException | None) -> None:
        """Note on the node's run that its time was up; it ends when its body does."""
        if error is None or type(error).__name__ != "NodeTimeoutError":
            return
        runs = [run for run in open_now() if run.row is NODE and run.error is None and task_id(run) == self.task]
        if runs:
            _give_up(runs[-1], error)


def timed_attempt(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Frame:
    """Return the frame of one attempt at a node."""
    return TimedAttempt(args[0] if args else kwargs.get("task"))


def step_timed_out(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Note on the nodes that a graph is about to cancel that the time of their step was up."""
    error = args[2] if len(args) == 4 else None  # noqa: PLR2004 - the object, then class, exception and traceback
    if not isinstance(error, TimeoutError) or _is_raised_in_node(error):
        return
    graph: Any = get_current().get(RUN)
    for run in open_now():
        if run.row is NODE and run.parent is graph and run.error is None:
            _give_up(run, error)


def _is_raised_in_node(error: BaseException) -> bool:
    names = {frame.f_code.co_name for frame, _ in walk_tb(error.__traceback__)}
    return "atick" not in names or "arun_with_retry" in names


def _give_up(run: Run, error: BaseException) -> None:
    """Note why a graph cancels a node, and let a retry that begins before the body is over find the failure."""
    remember_for_links(run, ERROR, None)
    write_exception(run, error)
    run.error = error


def given_up(run: Run) -> BaseException | None:
    """Return the time-out for which a graph gave this run up, or None."""
    return run.error if run.row is NODE else None


def _is_mcp_error(value: Any) -> bool:
    """Return whether this is a result of MCP's `tools/call` that says `isError`, as an object or as its JSON."""
    if type(value) is dict:  # nothing else of a program's is looked into
        return value.get(_MCP_FLAG) is True and "content" in value
    return type(value).__name__ == "CallToolResult" and getattr(value, _MCP_FLAG, None) is True


def _is_mcp_text(content: str) -> bool:
    """Return whether a message has such a result as its text: as JSON, or as Python prints the object."""
    if content.startswith("{"):
        return _is_mcp_error(from_json(content, None))
    return content.startswith("meta=") and content.endswith(f"{_MCP_FLAG}=True")


def _text(content: Any) -> str:
    """Return the text of an answer: itself, or that of its blocks."""
    if isinstance(content, str):
        return content
    texts: list[str] = []
    for block in content if isinstance(content, (list, tuple)) else ():
        text = block.get("text") if isinstance(block, dict) else getattr(block, "text", block)
        if isinstance(text, str):
            texts.append(text)
    return "\n".join(texts)
