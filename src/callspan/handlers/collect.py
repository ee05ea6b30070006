"""The finished root runs of a block, as records."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from threading import RLock
from typing import Any

from opentelemetry.trace import SpanContext

from callspan.callback.callback import Callback
from callspan.core import errors, spans
from callspan.core.run import Run
from callspan.handlers.arguments import whole
from callspan.handlers.billing import billed, price_of
from callspan.handlers.sums import Sum


@dataclass(frozen=True, slots=True)
class Collected:
    """One root run that has ended.

    Args:
        id: LangChain's id of it.
        name: Its name.
        kind: What it was.
        inputs: Its input, LangChain's own object.
        outputs: Its result, LangChain's own object; None if it has none.
        outcome: How it ended.
        error_type: What it failed with: the class of the exception, by its full name.
        error_text: What the exception says, as far as that may be written.
        usage: What the calls of models in it add up to.
        started_at: When it began, in UTC.
        duration: How long it took, in seconds.
        tags: Its tags.
        metadata: Its metadata.
        span_context: The ids of its trace and span.
    """

    id: Any
    name: str
    kind: str
    inputs: Any
    outputs: Any
    outcome: str
    error_type: str | None
    error_text: str | None
    usage: Sum
    started_at: datetime
    duration: float
    tags: Sequence[str]
    metadata: Mapping[str, Any]
    span_context: SpanContext


class Collect(Callback):
    """Keeps the root runs that it hears, once they have ended: those around which it hears no other one.

    The exception of a failed run is not kept, for it holds whatever was in use where it was raised.

    Args:
        keep: How many are kept; beyond, the oldest ones are forgotten.
        prices: What calls cost: `builtin`, a JSON file, or `off`; by default as the setting `prices` says.

    Raises:
        ValueError: `keep` is not positive, or there are no such prices.
    """

    def __init__(self, *, keep: int = 1000, prices: str | None = None) -> None:
        self._runs: deque[Collected] = deque(maxlen=whole("keep", keep))
        self._price = price_of(prices)
        self._lock = RLock()

    def on_run_start(self, run: Run) -> None:
        above = run.parent
        outer = None if above is None else above.state.get(self)
        run.state[self] = outer or _Open(run.id)

    def on_run_end(self, run: Run) -> None:
        opened: _Open | None = run.state.pop(self, None)
        if opened is None:
            return
        found = billed(self, run)
        if found is not None:
            cost = found.cost(self._price)
            with self._lock:
                opened.sum = opened.sum.plus(found, cost)
        if opened.root is run.id:
            self._runs.append(_collected(run, opened.sum))

    def on_run_error(self, run: Run) -> None:
        self.on_run_end(run)

    @property
    def runs(self) -> tuple[Collected, ...]:
        """The root runs that have ended, in the order of their ends."""
        return tuple(self._runs)

    def clear(self) -> tuple[Collected, ...]:
        """Forget the runs, and give them."""
        taken: list[Collected] = []
        while self._runs:
            try:
                taken.append(self._runs.popleft())
            except IndexError:  # another thread was faster
                break
        return tuple(taken)


class _Open:
    """A root run that is open, and what was used in it.

    Args:
        root: Its id, the very object.
    """

    __slots__ = ("root", "sum")

    def __init__(self, root: Any) -> None:
        self.root = root
        self.sum = Sum()


def _collected(run: Run, used: Sum) -> Collected:
    error = run.error
    said = None if error is None else spans.attempt("the text of an error", errors.error_text, error)
    return Collected(
        id=run.id,
        name=run.name,
        kind=run.kind,
        inputs=run.inputs,
        outputs=run.outputs,
        outcome=run.outcome or "",
        error_type=None if error is None else errors.error_type(error),
        error_text=said,
        usage=used,
        started_at=run.started_at,
        duration=run.duration or 0.0,
        tags=tuple(run.tags),
        metadata=dict(run.metadata),
        span_context=run.span.get_span_context(),
    )
