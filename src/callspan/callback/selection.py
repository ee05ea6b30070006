"""Which runs a callback hears: by kind or operation, by name, by tag."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from callspan import semconv
from callspan.core.run import Run

KINDS = ("llm", "chain", "tool", "retriever", "embedding")

OPERATIONS = {
    semconv.CHAT: "llm",
    semconv.TEXT_COMPLETION: "llm",
    "generate_content": "llm",
    semconv.EMBEDDINGS: "embedding",
    semconv.EXECUTE_TOOL: "tool",
    semconv.RETRIEVAL: "retriever",
    semconv.INVOKE_AGENT: "chain",
    semconv.INVOKE_WORKFLOW: "chain",
}
"""The conventions' operations, each with the kind of run that it is."""


def is_selected(run: Run, kinds: Iterable[str], names: Iterable[str], tags: Iterable[str]) -> bool:
    """Tell whether a run is among those; an empty selection selects all."""
    return (
        (not kinds or run.kind in (wanted := several(kinds)) or run.operation in wanted)
        and (not names or run.name in several(names))
        and (not tags or any(tag in several(tags) for tag in run.tags))
    )


def check_kinds(kinds: Iterable[str]) -> None:
    """Check the names of kinds.

    Raises:
        TypeError: They are no texts.
        ValueError: One is neither a kind nor an operation.
    """
    for kind in texts("kinds", kinds):
        if kind not in KINDS and kind not in OPERATIONS:
            raise ValueError(f"kinds={kind!r} is not allowed: {' | '.join((*KINDS, *OPERATIONS))}")


def check_selection(kinds: Iterable[str] | None, names: Iterable[str] | None, tags: Iterable[str] | None) -> None:
    """Check what selects runs; None selects all.

    Raises:
        TypeError: One of them is no text, and not several.
        ValueError: A kind is neither a kind nor an operation.
    """
    check_kinds(kinds or ())
    texts("names", names or ())
    texts("tags", tags or ())


def several(given: Iterable[str]) -> tuple[str, ...]:
    """Give what was given as several: one text is one name, not its letters."""
    return (given,) if isinstance(given, str) else tuple(given)


def texts(word: str, given: Any) -> tuple[str, ...]:
    """Return the texts that a keyword was given, one or several.

    Args:
        word: The keyword.
        given: Its value.

    Raises:
        TypeError: It is neither a text nor several.
    """
    found: tuple[Any, ...] = (given,)
    if isinstance(given, Iterable) and not isinstance(given, (str, bytes, Mapping)):
        found = tuple(given)
    for one in found:
        if not isinstance(one, str):
            raise TypeError(f"{word}={given!r} is not allowed: a text, or several")
    return found
