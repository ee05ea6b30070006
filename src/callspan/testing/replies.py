"""The replies a scripted model or server gives, and how they are streamed and counted."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_PIECE = 8  # characters of a tool call's arguments in one chunk of a stream


@dataclass(frozen=True, slots=True)
class Say:
    """An answer in words.

    Args:
        text: The words.
        finish_reason: Why the model stopped: `stop`; `length` or `content_filter` for an answer that was cut.
    """

    text: str
    finish_reason: str = "stop"


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call of a tool that the model asks for.

    Args:
        name: The tool.
        args: Its arguments.
        id: The id of the call; made up if it is empty.
    """

    name: str
    args: Mapping[str, Any] = field(default_factory=dict[str, Any])
    id: str = ""

    @property
    def arguments(self) -> str:
        """The arguments as JSON."""
        return json.dumps(dict(self.args))


@dataclass(frozen=True, slots=True, init=False)
class CallTools:
    """An answer that asks for tools, all in one turn.

    Args:
        calls: The calls, in the order the model makes them.
        text: The text beside the calls.
    """

    calls: tuple[ToolCall, ...]
    text: str

    def __init__(self, *calls: ToolCall, text: str = "") -> None:
        object.__setattr__(self, "calls", calls)
        object.__setattr__(self, "text", text)


@dataclass(frozen=True, slots=True)
class Fail:
    """A request that the server refuses.

    Args:
        status: The HTTP status.
        message: The text of the error.
        retry: Whether the client is told to try again at once.
    """

    status: int
    message: str
    retry: bool = False

    @property
    def headers(self) -> dict[str, str]:
        """What the OpenAI client reads to know whether it may try again, and how soon."""
        return {"x-should-retry": "true", "retry-after-ms": "1"} if self.retry else {"x-should-retry": "false"}


Reply = Say | CallTools | Fail


def as_reply(given: Any) -> Reply:
    """Return an entry of a script as a reply: a text is an answer, and a call asks for one tool.

    Raises:
        TypeError: It is no reply.
    """
    if isinstance(given, str):
        return Say(given)
    if isinstance(given, ToolCall):
        return CallTools(given)
    if not isinstance(given, (Say, CallTools, Fail)):
        raise TypeError(f"{given!r} is no reply of a server: a text, Say, CallTools, a ToolCall or Fail")
    return given


def words(text: str) -> list[str]:
    """Return the pieces of a streamed text: its words, each with the space before it."""
    return re.findall(r"\s*\S+|\s+$", text)


def pieces(arguments: str) -> list[str]:
    """Return the pieces in which the arguments of a tool call are streamed."""
    return [arguments[start : start + _PIECE] for start in range(0, len(arguments), _PIECE)]


def count_tokens(text: str) -> int:
    """Return a made-up number of tokens that a test can state: one for each four characters begun."""
    return (len(text) + 3) // 4
