"""How many tokens a piece of a streamed answer is, as long as the model has not said it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_CHARACTERS = 4
"""Of one token, as a rule of thumb; a piece is at least one."""


def said_in_chunk(token: Any, chunk: Any) -> int:
    """Estimate the tokens of a chunk.

    Args:
        token: Its text, or a list of content blocks.
        chunk: LangChain's chunk, or None.
    """
    text = token if isinstance(token, str) else "".join(_texts(token))
    message: Any = getattr(chunk, "message", None)
    for call in getattr(message, "tool_call_chunks", None) or ():
        text += str(call.get("args") or "")
    return _tokens(text)


def said_in_event(event: Any) -> int:
    """Estimate the tokens of an event of a stream of the newer protocol.

    Args:
        event: The event.
    """
    if not isinstance(event, Mapping) or event.get("event") != "content-block-delta":
        return 0
    inside = event.get("delta") or event.get("content_block")
    return _tokens("".join(_texts([inside])))


def _texts(blocks: Any) -> list[str]:
    if not isinstance(blocks, (list, tuple)):
        return []
    dicts = [one for one in blocks if isinstance(one, Mapping)]
    found = [one for one in blocks if isinstance(one, str)]
    return found + [said for one in dicts for name in _SAID if isinstance(said := one.get(name), str)]


_SAID = ("text", "reasoning", "thinking", "args")
"""Keys of a block under which a model says something."""


def _tokens(text: str) -> int:
    return max(1, len(text) // _CHARACTERS) if text else 0
