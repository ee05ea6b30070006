"""What the scripted server says: a script's replies, as a chat completion or as a stream of its chunks."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from callspan.testing.openai_tokens import prompt_tokens, usage

# OpenAI's own names; every other status of a request that went wrong is an `invalid_request_error`.
_SERVER_ERROR = 500
_ERROR_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
_ARGUMENT_PIECE = 8


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
    """One call that the model asks for.

    Args:
        name: The tool.
        args: Its arguments.
        id: The id of the call; the server makes one when it is empty.
    """

    name: str
    args: Mapping[str, Any] = field(default_factory=dict[str, Any])
    id: str = ""


@dataclass(frozen=True, slots=True, init=False)
class CallTools:
    """An answer that asks for tools, all in one turn.

    Args:
        calls: The calls, in the order the model makes them.
        text: Words said beside the calls.
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
        retry: Whether the client is told to try again, and at once: by itself it would wait in between.
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
    """Return a reply as one; a text says itself, and a call asks for one tool.

    Args:
        given: What a script has.

    Raises:
        TypeError: It is none.
    """
    if isinstance(given, str):
        return Say(given)
    if isinstance(given, ToolCall):
        return CallTools(given)
    if not isinstance(given, (Say, CallTools, Fail)):
        raise TypeError(f"{given!r} is no reply of a server: a text, Say, CallTools, a ToolCall or Fail")
    return given


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply to one request, ready to be written whole or as a stream.

    Args:
        number: Which answer of the server this is; it makes the ids.
        body: The request.
        reply: What the script says to it.
    """

    number: int
    body: Mapping[str, Any]
    reply: Say | CallTools

    def completion(self) -> dict[str, Any]:
        """Write it whole: the body of a `chat.completion`."""
        message: dict[str, Any] = {"role": "assistant", "content": self.reply.text or None, "refusal": None}
        if calls := self._calls():
            message["tool_calls"] = calls
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": self._finish_reason()}
        return self._envelope("chat.completion", [choice]) | {"usage": self._usage()}

    def chunks(self) -> Iterator[dict[str, Any]]:
        """Write it bit by bit: the bodies of the chunks, the last with the usage if that was asked for."""
        options = self.body.get("stream_options")
        usage_wanted = isinstance(options, dict) and bool(options.get("include_usage"))
        extra = {"usage": None} if usage_wanted else {}
        for delta in self._deltas():
            yield self._chunk([self._streamed(delta, None)]) | extra
        yield self._chunk([self._streamed({}, self._finish_reason())]) | extra
        if usage_wanted:
            yield self._chunk([]) | {"usage": self._usage()}

    def _deltas(self) -> Iterator[dict[str, Any]]:
        yield {"role": "assistant", "content": "", "refusal": None}
        for word in re.findall(r"\s*\S+|\s+$", self.reply.text):
            yield {"content": word}
        for index, call in enumerate(self._calls()):
            # As OpenAI does it: id and name come once, then the arguments in pieces, told apart by the index.
            name, arguments = call["function"]["name"], call["function"]["arguments"]
            yield _tool_delta(index, call | {"function": {"name": name, "arguments": ""}})
            for start in range(0, len(arguments), _ARGUMENT_PIECE):
                yield _tool_delta(index, {"function": {"arguments": arguments[start : start + _ARGUMENT_PIECE]}})

    def _calls(self) -> list[dict[str, Any]]:
        calls = self.reply.calls if isinstance(self.reply, CallTools) else ()
        return [
            {
                "id": call.id or f"call_{self.number}_{index}",
                "type": "function",
                "function": {"name": call.name, "arguments": json.dumps(dict(call.args))},
            }
            for index, call in enumerate(calls)
        ]

    def _finish_reason(self) -> str:
        return self.reply.finish_reason if isinstance(self.reply, Say) else "tool_calls"

    def _usage(self) -> dict[str, Any]:
        said = self.reply.text + "".join(json.dumps(call["function"]) for call in self._calls())
        return usage(prompt_tokens(self.body), said)

    def _chunk(self, choices: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        return self._envelope("chat.completion.chunk", choices)

    def _streamed(self, delta: Mapping[str, Any], finish_reason: str | None) -> dict[str, Any]:
        return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}

    def _envelope(self, kind: str, choices: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        return {
            "id": f"chatcmpl-{self.number}",
            "object": kind,
            "created": 1_700_000_000 + self.number,
            # OpenAI answers with a dated model of the family that was asked for: the two names differ.
            "model": f"{self.body.get('model', 'unknown')}-scripted",
            "system_fingerprint": "fp_scripted",
            "service_tier": "default",
            "choices": choices,
        }


def _tool_delta(index: int, call: Mapping[str, Any]) -> dict[str, Any]:
    return {"tool_calls": [{"index": index, **call}]}


def echo(body: Mapping[str, Any]) -> Say:
    """Write what the last user message said.

    Args:
        body: The request.
    """
    said = [message for message in body["messages"] if message.get("role") == "user"]
    return Say(message_text(said[-1]) if said else "")


def message_text(message: Mapping[str, Any]) -> str:
    """Return the text of a message, whose content is a string or a list of parts.

    Args:
        message: The message, as the client sent it.
    """
    content = message.get("content")
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def error_body(status: int, message: str) -> dict[str, Any]:
    """Build the body of an error as OpenAI words it.

    Args:
        status: The HTTP status.
        message: The text of the error.
    """
    kind = _ERROR_TYPES.get(status, "server_error" if status >= _SERVER_ERROR else "invalid_request_error")
    return {"error": {"message": message, "type": kind, "param": None, "code": None}}
