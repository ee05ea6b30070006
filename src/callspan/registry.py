"""The runs that are open, found by their id where the context was lost."""

from __future__ import annotations

import os
import weakref
from typing import TYPE_CHECKING, Any

from opentelemetry.context import Context, create_key

from callspan import lease

if TYPE_CHECKING:
    from callspan.run import Run

RUN = create_key("callspan-run")
"""Context key: the run whose body we are in."""

_newest: dict[Any, weakref.ref[Run]] = {}  # by the run's id; users may use an id again while it is in use
_shadowed: dict[int, weakref.ref[Run]] = {}  # by identity: open runs whose id a newer one has too


def add(run: Run) -> None:
    """Put a run that has started into the table."""
    older = _newest.setdefault(run.id, run.ref)  # one look-up: the hash of a UUID is a call
    if older is not run.ref:
        if (shadowed := older()) is not None:
            _shadowed[id(shadowed)] = older
        _newest[run.id] = run.ref


def forget(run: Run) -> None:
    """Take a run that has ended out of the table."""
    if not _shadowed:
        _newest.pop(run.id, None)
        return
    if _newest.get(run.id) is run.ref:
        del _newest[run.id]
    _shadowed.pop(id(run), None)


def find(run_id: Any) -> Run | None:
    """Give the open run with this id: the newest, if an id is used more than once."""
    ref = _newest.get(run_id)
    return None if ref is None else ref()


def place(parent_id: Any, current: Context) -> Context:
    """Find the context that a run with this LangChain parent belongs to.

    It is the current one, unless the parent is known and its body is not around us: neither the run we are in
    nor one above it.
    """
    if parent_id is None:
        return current
    here: Any = current.get(RUN)
    if here is not None and (here.id is parent_id or here.id == parent_id or parent_id in here.ancestors):
        return current
    known = find(parent_id)
    return current if known is None or known.context is None else known.context


def open_now() -> list[Run]:
    """List the runs that have started and not ended, oldest first; among them those that were abandoned."""
    found = (ref() for ref in [*_newest.values(), *_shadowed.values()])
    return sorted((run for run in found if run is not None and not run.ended), key=lambda run: run.started)


def _forget_all() -> None:
    """In a forked child: the open runs are the parent's, which ends them."""
    lease.abandoned.clear()
    for ref in [*_newest.values(), *_shadowed.values()]:
        if (run := ref()) is not None:
            run.ended, run.context = True, None
    _newest.clear()
    _shadowed.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
