"""Which calls a callback is to count, each once, and who they belong to."""

from __future__ import annotations

from collections.abc import Iterator
from os import PathLike
from typing import Any

from callspan import semconv
from callspan.core import identity, spans, state
from callspan.core.prices import Price, price_from
from callspan.core.report import record_of
from callspan.core.run import STOPPED, Run
from callspan.core.usage import BILLED, UsageRecord


def price_of(given: str | None) -> Price | None:
    """Return what tells what calls cost.

    Args:
        given: `off`, `builtin` or a file; None: the setting `prices` counts, which is looked up at each call.

    Raises:
        ValueError: It is none of them.
        PricesError: There are no such prices.
    """
    if given is not None:
        where: Any = given
        if not isinstance(where, (str, PathLike)):
            raise ValueError(f"prices={given!r} is not allowed: builtin | off | a JSON file")
    own = None if given is None else price_from(given)
    if given is not None and own is None:
        return None

    def price(*call: Any) -> float | None:
        known = own or (state.active().settings.prices if state.is_active() else None)
        return None if known is None else spans.attempt("a price", known, *call)

    return price


def models_around(run: Run) -> Iterator[Run]:
    """Return the models' calls that a run is inside of, innermost first."""
    above = run.parent
    while above is not None:
        if above.kind in BILLED:
            yield above
        above = above.parent


def was_stopped_before(run: Run) -> bool:
    """Return whether a hook stopped a run before it was made: nothing of an answer has come."""
    return run.outcome == STOPPED and run.outputs is None and run.first_chunk is None


def billed(callback: object, run: Run) -> UsageRecord | None:
    """Return what a run that has ended is billed for, or None if it is no call of a model, or another one has counted.

    A model that hands on what another one answered says the same tokens again: the inner one counts, and if that does
    not say what it used, the outer one.

    Args:
        callback: Who counts: it may hear one of the two only.
        run: The run.
    """
    if run.kind not in BILLED:
        return None
    if (callback, "billed") in run.state or (run.is_foreign and run.usage_counted) or was_stopped_before(run):
        return None
    found = record_of(run)
    around = list(models_around(run))
    if around and not found.is_counted:
        return None
    for one in around:
        one.state[callback, "billed"] = True
    return found


def root_id(run: Run) -> Any:
    """Return the id of the outermost run around a run; the same one however far that has come."""
    return run.ancestors[0] if run.ancestors else run.root.id


def session_of(run: Run) -> str | None:
    """Return the id of the session that a run belongs to."""
    return _said(run, semconv.SESSION_ID)


def user_of(run: Run) -> str | None:
    """Return the id of the user that a run belongs to."""
    return _said(run, semconv.USER_ID)


def _said(run: Run, name: str) -> str | None:
    who = run.who or (None if run.context is None else identity.of(run.context))
    value = None if who is None else who.attributes.get(name)
    return value if isinstance(value, str) else None
