"""LangGraph's stores embed in threads and tasks of their own; what they do there belongs to the node that asked."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections import deque
from collections.abc import Callable
from types import ModuleType
from typing import Any
from weakref import ref

from opentelemetry.context import Context, attach, get_current

from callspan.core import state
from callspan.core.context import reset
from callspan.core.frames import Frame
from callspan.core.patching import Patch, Undo, install, undo_all
from callspan.core.wrappers import call_before, wrap_body
from callspan.langchain.unannounced import watch_subclasses

_SLOT = "_callspan_callers"  # the attribute of a store's queue that has the callers' contexts
_LIMIT = 1024  # operations of one store that wait for its task with their context


class _Threads(concurrent.futures.ThreadPoolExecutor):
    """A thread pool whose work is done in the OpenTelemetry context of its submitter."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        here = get_current()
        return super().submit(_within, here, fn, args, kwargs) if here else super().submit(fn, *args, **kwargs)


def _within(context: Context, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    token = attach(context)
    try:
        return function(*args, **kwargs)
    finally:
        reset(token)


def watch_memory(module: ModuleType) -> Undo:
    """Make the store of `langgraph.store.memory` embed its queries in the context of their caller; return the undo."""
    pools: Any = getattr(module, "cf", None)
    if pools is None:
        return lambda: None
    ours: Any = ModuleType(pools.__name__)
    ours.__dict__.update({name: getattr(pools, name) for name in pools.__all__ if name != "ProcessPoolExecutor"})
    ours.ThreadPoolExecutor = _Threads
    vars(module)["cf"] = ours

    def undo() -> None:
        if vars(module).get("cf") is ours:
            vars(module)["cf"] = pools

    return undo


def _task_ensured(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Note from now on the context of each operation that is put into a store's queue; that comes after this call."""
    queue = args[0]._aqueue
    if _SLOT in vars(queue):
        return
    callers: deque[tuple[ref[Any], Any, Context]] = deque(maxlen=_LIMIT)
    put = queue.put_nowait

    def put_nowait(item: Any) -> None:
        if state.is_active() and (here := get_current()):
            callers.append((ref(item[0]), item[1], here))
        put(item)

    queue.put_nowait = put_nowait
    setattr(queue, _SLOT, callers)


class _Batch(Frame):
    """The body of a batch that a store's own task does, in the context of one of its callers."""

    __slots__ = ("caller",)

    def __init__(self, caller: Context) -> None:
        super().__init__()
        self.caller = caller

    def on_enter(self) -> Context | None:
        return self.caller


def _batch_opened(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Frame | None:
    store = args[0]
    callers: Any = getattr(getattr(store, "_aqueue", None), _SLOT, None)
    if not callers or asyncio.current_task() is not store._task:
        return None
    ops = args[1] if len(args) > 1 else kwargs.get("ops", ())
    asked = {id(op) for op in ops} if isinstance(ops, (list, tuple)) else set[int]()
    found = [(op, here) for _, op, here in callers if id(op) in asked]
    # What has been done, or was given up, waits no longer.
    waiting = [one for one in callers if id(one[1]) not in asked and (future := one[0]()) and not future.done()]
    callers.clear()
    callers.extend(waiting)
    best = next((here for op, here in found if _embeds(op)), found[0][1] if found else None)
    return None if best is None else _Batch(best)


def _embeds(op: Any) -> bool:
    """Return whether an operation may have something embedded: a search by a query, or a value that is put."""
    return bool(getattr(op, "query", None) or getattr(op, "value", None))


def watch_batched(module: ModuleType) -> Undo:
    """Make the stores of `langgraph.store.base.batch` do each batch in the context of its caller; return the undo."""
    return undo_all(
        [
            install([Patch(module.__name__, "AsyncBatchedBaseStore._ensure_task", call_before(_task_ensured))]),
            watch_subclasses(module.AsyncBatchedBaseStore, ("abatch",), wrap_body(_batch_opened)),
        ]
    )
