"""The runs that are open, found by their id where the context was lost; and of those that have ended what is inherited.

A config names a parent by its id. It may outlive the run: a node hands it to a queue and returns. So what a child
inherits is kept for as long as anybody holds the id, which is an object that run managers and configs share.
"""

from __future__ import annotations

import os
import weakref
from collections import deque
from collections.abc import Mapping
from itertools import islice
from operator import attrgetter
from typing import TYPE_CHECKING, Any
from uuid import UUID

from opentelemetry.context import create_key

from callspan.core import lease

if TYPE_CHECKING:
    from callspan.core.run import Run

RUN = create_key("callspan-run")
"""Context key: the run whose body we are in."""

_newest: dict[Any, weakref.ref[Run]] = {}  # by the run's id; users may use an id again while it is in use
_shadowed: dict[int, weakref.ref[Run]] = {}  # by identity: open runs whose id a newer one has too

_LIMIT = 16_384
"""How many runs that have ended are kept at most: a program may hold the ids of all it ever made."""

_TEXTS = 1024
"""How many of them are kept whose id is a text, which nobody can tell to be still about."""

_NOTHING: Mapping[str, object] = {}


class Ended(weakref.ref[Any]):
    """What a child inherits from a run that has ended. It refers to the run's id, and goes with it."""

    __slots__ = ("inherited", "key")

    key: Any
    inherited: tuple[Any, ...]
    """The values of `INHERITED`, the context of the span, and what stood around the run in its context."""


INHERITED = ("name", "row", "started", "outcome", "who", "agent", "conversation", "into", "ancestors", "parent_ref",
             "given")  # fmt: skip
"""What of a run its stand-in has too."""

_inherited = attrgetter(*INHERITED)


_ended: dict[Any, Ended] = {}  # by the number that is the id: an id as the key would hold itself
_texts: deque[str] = deque()  # which of the keys are texts, oldest first


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


def keep(run: Run) -> None:
    """Keep of a run that ends what its children inherit, as long as a config that names it may be about."""
    context, held = run.context, run.id
    key: int | str
    if context is None:
        return
    if type(held) is UUID:
        ended, key = Ended(held, _drop), held.int
    elif type(held) is str:
        ended, key = _of_text(held), held
    else:
        return
    ended.key = key
    around = _NOTHING
    if len(context) > 2:  # noqa: PLR2004 - besides the span and the run: blocks, sessions, baggage
        around = {key: value for key, value in context.items() if key != RUN and value is not run.span}
    ended.inherited = (_inherited(run), run.span.get_span_context(), around)
    _ended[key] = ended
    if len(_ended) > _LIMIT:
        for oldest in list(islice(_ended, _LIMIT // 4)):
            _ended.pop(oldest, None)


def _of_text(run_id: str) -> Ended:
    """Return what is kept by a text, with the other newest: it refers to no id, as a text goes without a word."""
    if run_id not in _ended:
        _texts.append(run_id)
    if len(_texts) > _TEXTS:
        _ended.pop(_texts.popleft(), None)
    return Ended(Ended)


def _drop(ended: Ended) -> None:
    if _ended.get(ended.key) is ended:
        _ended.pop(ended.key, None)


def forget_ended() -> None:
    """Forget what is kept of runs that have ended: whoever watches next begins anew."""
    _ended.clear()
    _texts.clear()


def find_ended(run_id: Any) -> Ended | None:
    """Return what is kept of the run with this id that ended last, or None."""
    return _ended.get(run_id.int if type(run_id) is UUID else run_id)


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
