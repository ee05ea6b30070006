"""Who owns a run: one slot in the run manager's `__dict__`. When nobody holds the manager, the run was abandoned."""

from __future__ import annotations

from collections import deque
from time import time_ns
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from callspan.core.run import Run

SLOT = "_callspan_lease"
"""The key in the run manager's `__dict__`."""

abandoned: deque[tuple[Run, int]] = deque()
"""Runs that lost their owner, and when. They are ended by the next start or end of any run, not here: a finaliser
may run inside a processor's lock."""


class Lease:
    """Owns a run for as long as its run manager lives; users may keep the `Run`, nothing may keep the lease."""

    __slots__ = ("run",)

    def __init__(self, run: Run | None = None) -> None:
        self.run = run

    def __del__(self, _abandon: Any = abandoned.append, _now: Any = time_ns) -> None:
        run = getattr(self, "run", None)  # it may have been interrupted while it was made
        if run is not None and not run.ended:
            _abandon((run, _now()))

    # A run manager is copied and pickled with its `__dict__`; the copy does not own the run.
    def __deepcopy__(self, memo: dict[int, Any]) -> Lease:
        return Lease()

    def __reduce__(self) -> tuple[type[Lease], tuple[()]]:
        return Lease, ()


def leased(owner: Any) -> Run | None:
    """Give the run that this run manager owns."""
    lease = owner.__dict__.get(SLOT)
    return None if lease is None else lease.run
