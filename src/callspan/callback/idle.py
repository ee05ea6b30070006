"""A warning for callbacks of the process that receive nothing, because nothing is instrumented."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from callspan.core import state
from callspan.core.patching import when_imported

_log = logging.getLogger("callspan")

_LANGCHAIN = "langchain_core.tracers.context"

_waiting: list[object] = []
"""One object for each callback that was added while nothing was instrumented."""

_watched: list[bool] = []


def warn_idle(scope: str) -> None:
    """Log once for each scope that its callbacks receive nothing of LangChain."""
    if not state.is_inforce() and state.once(f"idle {scope}"):
        _log.warning(
            "%s: nothing is instrumented, so its callbacks receive no events of LangChain, and guards guard nothing; "
            "call callspan.instrument() first",
            scope,
        )


class _FirstCall:
    """What LangChain takes for a context variable without a value: it asks for it whenever it configures a run."""

    def get(self, default: Any = None) -> Any:
        """Warn if a callback waits and nothing is instrumented."""
        if _waiting:
            warn_idle("callspan.add_callback")
            _waiting.clear()
        return default


def watch() -> Callable[[], None]:
    """Warn at LangChain's next run if nothing is instrumented by then: `instrument()` may follow `add_callback`.

    Returns:
        What is called when the callback is removed: it warns if nothing was instrumented in the meantime.
    """
    if state.is_inforce():
        return _nothing
    mine, before = object(), state.last()
    _waiting.append(mine)
    if not _watched:
        _watched.append(True)
        when_imported(_LANGCHAIN, _register)

    def removed() -> None:
        if mine in _waiting:
            _waiting.remove(mine)
        if state.last() is before:
            warn_idle("callspan.add_callback")

    return removed


def _nothing() -> None:
    """Undo nothing."""


def _register(module: Any) -> Callable[[], None]:
    module.register_configure_hook(_FirstCall(), inheritable=True)
    return _nothing
