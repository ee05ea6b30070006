"""The bodies of OpenAI's API: chat completions, whole and streamed, embeddings and errors."""

from __future__ import annotations

import base64
import json
import math
import re
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from callspan.testing.replies import CallTools, Say, count_tokens, pieces, words

_SERVER_ERROR = 500
# OpenAI's own names; every other status below 500 is an `invalid_request_error`
_ERROR_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
_DIMENSIONS = 256


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply to one request for a chat completion.

    Args:
        number: The place of the answer among the server's answers; ids are made of it.
        body: The request.
        reply: The script's reply to it.
    """

    number: int
    body: Mapping[str, Any]
    reply: Say | CallTools

    def completion(self) -> dict[str, Any]:
        """Return the body of a whole `chat.completion`."""
        message: dict[str, Any] = {"role": "assistant", "content": self.reply.text or None, "refusal": None}
        if calls := self._calls():
            message["tool_calls"] = calls
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": self._finish_reason()}
        return self._envelope("chat.completion", choice) | {"usage": self._usage()}

    def chunks(self) -> Iterator[dict[str, Any]]:
        """Return the bodies of the chunks of a stream, the last with the usage if the request asks for it."""
        options = self.body.get("stream_options")
        has_usage = isinstance(options, dict) and bool(options.get("include_usage"))
        extra = {"usage": None} if has_usage else {}
        for delta, reason in (*((delta, None) for delta in self._deltas()), ({}, self._finish_reason())):
            choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
            yield self._envelope("chat.completion.chunk", choice) | extra
        if has_usage:
            yield self._envelope("chat.completion.chunk") | {"usage": self._usage()}

    def _deltas(self) -> Iterator[dict[str, Any]]:
        yield {"role": "assistant", "content": "", "refusal": None}
        for word in words(self.reply.text):
            yield {"content": word}
        for index, call in enumerate(self._calls()):
            # Like OpenAI: id and name come once, then the arguments in pieces, which the index assigns to their call
            name, arguments = call["function"]["name"], call["function"]["arguments"]
            yield {"tool_calls": [{"index": index, **call, "function": {"name": name, "arguments": ""}}]}
            for piece in pieces(arguments):
                yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}

    def _calls(self) -> list[dict[str, Any]]:
        calls = self.reply.calls if isinstance(self.reply, CallTools) else ()
        return [
            {
                "id": call.id or f"call_{self.number}_{index}",
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for index, call in enumerate(calls)
        ]

    def _finish_reason(self) -> str:
        return self.reply.finish_reason if isinstance(self.reply, Say) else "tool_calls"

    def _usage(self) -> dict[str, Any]:
        """Return made-up counts that are always the same: half of the prompt was cached, a third of the output thought.

        The details are parts of the totals, as in OpenAI's own counts.
        """
        prompt = count_tokens(json.dumps([self.body.get("messages", []), self.body.get("tools", [])]))
        written = count_tokens(self.reply.text + "".join(json.dumps(call["function"]) for call in self._calls()))
        reasoning = written // 2
        return {
            "prompt_tokens": prompt,
            "completion_tokens": written + reasoning,
            "total_tokens": prompt + written + reasoning,
            "prompt_tokens_details": {"cached_tokens": prompt // 2, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": reasoning,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        }

    def _envelope(self, kind: str, *choices: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "id": f"chatcmpl-{self.number}",
            "object": kind,
            "created": 1_700_000_000 + self.number,
            # OpenAI answers with a dated model of the family that was asked for: the two names differ
            "model": f"{self.body.get('model', 'unknown')}-scripted",
            "system_fingerprint": "fp_scripted",
            "service_tier": "default",
            "choices": choices,
        }


def echo(body: Mapping[str, Any]) -> Say:
    """Return the text of a request's last user message as the answer."""
    asked = [message for message in body["messages"] if message.get("role") == "user"]
    content = asked[-1].get("content") if asked else ""
    if isinstance(content, list):
        content = "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return Say(content if isinstance(content, str) else "")


def error_body(status: int, message: str) -> dict[str, Any]:
    """Return the body of an error."""
    kind = _ERROR_TYPES.get(status, "server_error" if status >= _SERVER_ERROR else "invalid_request_error")
    return {"error": {"message": message, "type": kind, "param": None, "code": None}}


def embeddings(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answer to a request for embeddings.

    Raises:
        ValueError: The request is malformed.
    """
    texts = _texts(body.get("input"))
    dimensions = body.get("dimensions") or _DIMENSIONS
    if not isinstance(dimensions, int) or dimensions < 1:
        raise ValueError(f"'dimensions' is not a positive number: {dimensions!r}")
    packed = body.get("encoding_format") == "base64"
    vectors = [_vector(text, dimensions) for text in texts]
    tokens = sum(count_tokens(text) for text in texts)
    return {
        "object": "list",
        "data": [
            {"object": "embedding", "index": index, "embedding": _packed(vector) if packed else vector}
            for index, vector in enumerate(vectors)
        ],
        "model": body.get("model", "unknown"),
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


def _texts(given: object) -> list[str]:
    """Return the texts of an input: a text, a list of texts, a text's tokens, or a list of such tokens."""
    if isinstance(given, str):
        return [given]
    if not isinstance(given, list) or not given:
        raise ValueError("'input' is neither a text nor a list of texts or tokens")
    if all(isinstance(item, int) for item in given):
        return _texts([given])
    if not all(isinstance(item, str | list) for item in given):
        raise ValueError("'input' is neither a text nor a list of texts or tokens")
    return [item if isinstance(item, str) else " ".join(map(str, item)) for item in given]


def _vector(text: str, dimensions: int) -> list[float]:
    """Return a vector of length one: each word adds to one dimension, so texts that share words are near."""
    vector = [0.0] * dimensions
    for word in re.findall(r"\w+", text.lower()):
        # Not `hash()`: Python salts it anew in every process
        vector[zlib.crc32(word.encode("utf-8", "surrogatepass")) % dimensions] += 1.0
    length = math.hypot(*vector)
    if length == 0:
        # A text without a word still needs a direction: cosine similarity divides by the length
        vector[0] = length = 1.0
    return [value / length for value in vector]


def _packed(vector: list[float]) -> str:
    """Return a vector as the client unpacks it: 32-bit floats, little-endian, base64."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode("ascii")
