"""Tokens and cost, by model, session and root run."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from threading import RLock
from types import MappingProxyType
from typing import Any

from callspan.callback.callback import Callback
from callspan.core.run import Run
from callspan.core.usage import BILLED, UsageRecord
from callspan.handlers.arguments import whole
from callspan.handlers.billing import billed, price_of, root_id, session_of
from callspan.handlers.sums import Sum

UNKNOWN = "unknown"
"""Stands for the model of calls that do not say it."""


@dataclass(frozen=True, slots=True)
class Used:
    """What was used up to one moment; nothing changes it any more.

    Args:
        total: Of all calls.
        models: By model: the one that answered, or else the one that was asked.
        sessions: By the id of the session; calls outside of one are in `total` only.
        roots: By the id of the outermost run.
    """

    total: Sum
    models: Mapping[str, Sum]
    sessions: Mapping[str, Sum]
    roots: Mapping[Any, Sum]


class Usage(Callback):
    """Adds up tokens and cost of the models' calls that it hears.

    Each call counts once: not again in a model that hands on what another one answered. What LangChain's cache answers
    costs nothing.

    Args:
        prices: What calls cost: `builtin` (the package genai-prices), a JSON file, or `off`; by default as the setting
            `prices` says.
        keep: How many models, sessions and roots are kept, of each; beyond, those that were used longest ago are
            forgotten. `total` has everything.

    Raises:
        ValueError: There are no such prices, or `keep` is not positive.
    """

    kinds = BILLED

    def __init__(self, *, prices: str | None = None, keep: int = 1000) -> None:
        self._keep = whole("keep", keep)
        self._price = price_of(prices)
        self._lock = RLock()
        self._clear()

    def _clear(self) -> None:
        self._total = Sum()
        self._models: OrderedDict[str, Sum] = OrderedDict()
        self._sessions: OrderedDict[str, Sum] = OrderedDict()
        self._roots: OrderedDict[Any, Sum] = OrderedDict()

    def on_run_end(self, run: Run) -> None:
        record = billed(self, run)
        if record is not None:
            self._add(run, record, record.cost(self._price))

    def on_run_error(self, run: Run) -> None:
        self.on_run_end(run)

    def _add(self, run: Run, record: UsageRecord, cost: float | None) -> None:
        model = record.models[0] if record.models else UNKNOWN
        session, root = session_of(run), root_id(run)
        with self._lock:
            self._total = self._total.plus(record, cost)
            self._put(self._models, model, record, cost)
            self._put(self._roots, root, record, cost)
            if session is not None:
                self._put(self._sessions, session, record, cost)

    def _put(self, sums: OrderedDict[Any, Sum], key: Hashable, record: UsageRecord, cost: float | None) -> None:
        sums[key] = sums.get(key, _EMPTY).plus(record, cost)
        sums.move_to_end(key)
        if len(sums) > self._keep:
            sums.popitem(last=False)

    @property
    def total(self) -> Sum:
        """What all calls add up to."""
        return self._total

    def of_model(self, name: str) -> Sum:
        """Return what the calls of a model add up to."""
        return self._models.get(name, _EMPTY)

    def of_session(self, id: str) -> Sum:  # noqa: A002 - the conventions' word
        """Return what the calls of a session add up to."""
        return self._sessions.get(id, _EMPTY)

    def of_root(self, run: Run) -> Sum:
        """Return what the calls add up to that have ended in the outermost run around a run."""
        return self._roots.get(root_id(run), _EMPTY)

    def snapshot(self) -> Used:
        """Return all sums as they are now."""
        with self._lock:
            return self._read()

    def reset(self) -> Used:
        """Begin anew from nothing, and give the sums as they were: no call is lost or counted twice in between."""
        with self._lock:
            used = self._read()
            self._clear()
        return used

    def _read(self) -> Used:
        sums = (self._models, self._sessions, self._roots)
        models, sessions, roots = (MappingProxyType(dict(each)) for each in sums)
        return Used(self._total, models, sessions, roots)


_EMPTY = Sum()
