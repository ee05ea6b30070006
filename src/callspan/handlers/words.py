"""The words that go into a call and come out of it, whatever LangChain keeps them in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from callspan.core.run import Run

_DEEPEST = 12
"""How deep words are looked for; a list may hold itself."""

_FIELDS = ("content", "page_content", "tool_calls", "artifact", "update", "goto")
"""Where objects of LangChain's keep what was said."""


def words_asked(run: Run) -> str:
    """Return the words that go in, line by line.

    Args:
        run: The run.
    """
    given = run.extra.get("inputs") if run.kind == "tool" else None
    return "\n".join(_words(given or run.inputs))


def words_answered(run: Run) -> str:
    """Return the words that come out, line by line.

    Args:
        run: The run, which has its result.
    """
    generations = getattr(run.outputs, "generations", None)
    if generations is None:
        return "\n".join(_words(run.outputs))
    choices = [choice for line in generations for choice in (line if isinstance(line, list) else [line])]
    return "\n".join(_words([getattr(one, "message", None) or getattr(one, "text", "") for one in choices]))


def _words(value: Any, depth: int = 0) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield str(value)
    elif depth < _DEEPEST and isinstance(value, Mapping):
        for key, one in value.items():
            yield from _words(key, depth + 1)
            yield from _words(one, depth + 1)
    elif depth < _DEEPEST and isinstance(value, (list, tuple, set)):
        for one in value:
            yield from _words(one, depth + 1)
    elif depth < _DEEPEST and value is not None:
        for name in _FIELDS:
            yield from _words(getattr(value, name, None), depth + 1)
