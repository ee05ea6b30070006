"""Which runs a callback hears: by kind or operation, by name, by tag."""

from __future__ import annotations

from collections.abc import Iterable

from callspan import semconv
from callspan.run import Run

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
        ValueError: One is neither a kind nor an operation.
    """
    for kind in several(kinds):
        if kind not in KINDS and kind not in OPERATIONS:
            raise ValueError(f"kinds={kind!r} is not allowed: {' | '.join((*KINDS, *OPERATIONS))}")


def several(given: Iterable[str]) -> tuple[str, ...]:
    """Give what was given as several: one text is one name, not its letters."""
    return (given,) if isinstance(given, str) else tuple(given)
