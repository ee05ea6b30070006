"""What LangChain said when it announced a run, and what every span says of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from callspan import semconv
from callspan.kinds import Table


class Announcement:
    """One run as its callback manager announced it. LangChain's own objects: read, never changed.

    Args:
        manager: The callback manager that was told.
        run_manager: What it returned for this run.
        serialized: LangChain's description of the object, or None.
        inputs: The input: messages, a prompt, a query, anything.
        extra: The other keywords of the start event.
        fallback: The name of a run that has none.
    """

    __slots__ = ("extra", "inputs", "key", "metadata", "name", "parent_id", "run_id", "serialized", "subject",
                 "tags", "top")  # fmt: skip

    def __init__(
        self,
        manager: Any,
        run_manager: Any,
        serialized: Any,
        inputs: Any,
        extra: Mapping[str, Any],
        fallback: str,
    ) -> None:
        self.serialized = serialized if isinstance(serialized, Mapping) else {}
        self.inputs = inputs
        self.extra = extra
        self.run_id: Any = run_manager.run_id
        self.parent_id: Any = manager.parent_run_id
        self.key = id(manager.inheritable_handlers)
        self.metadata: Mapping[str, Any] = run_manager.metadata or {}
        self.tags: Sequence[str] = run_manager.tags or ()
        self.name = self._name() or fallback
        self.subject: Any = None  # the object whose frame opened the run, where that frame is known
        self.top = False  # whether no run of ours is above it

    def _name(self) -> str | None:
        name = self.extra.get("name")
        if name is None:
            name = self.serialized.get("name")
        if name is None:
            path = self.serialized.get("id")
            name = path[-1] if isinstance(path, (list, tuple)) and path else None
        return name if isinstance(name, str) else None


def checkpoint_ns(said: Announcement) -> Any:
    """Give the graph's checkpoint namespace around the run: `node:task|node:task`."""
    return said.metadata.get("langgraph_checkpoint_ns")


def _task_id(said: Announcement) -> str | None:
    ns = checkpoint_ns(said)
    return ns.rpartition("|")[2].rpartition(":")[2] or None if isinstance(ns, str) else None


ALWAYS: Table = (
    (semconv.RUN_ID, lambda said: str(said.run_id)),
    (semconv.RUN_NAME, lambda said: said.name),
    (semconv.RUN_TAGS, lambda said: said.tags),
    (semconv.GRAPH_STEP, lambda said: said.metadata.get("langgraph_step")),
    (semconv.GRAPH_CHECKPOINT_NS, checkpoint_ns),
    (semconv.GRAPH_TASK_ID, _task_id),
)
"""What a span says whatever its kind."""
