"""Functions as a callback: LangChain's `with_listeners`, for any scope."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from callspan.callback.callback import Callback
from callspan.callback.checks import check_kinds, texts
from callspan.core.run import Run
from callspan.handlers.arguments import function

Listener = Callable[[Run], Awaitable[None] | None]


class Listen(Callback):
    """Calls functions, plain or `async def`, when runs start, end or fail.

    Args:
        on_start: Gets each run that starts.
        on_end: Gets each run that has ended other than by a failure.
        on_error: Gets each run that has failed or was stopped.
        kinds: Which runs: kinds and operations; empty: all.
        names: The names of the runs; empty: all.
        tags: Runs with one of these tags; empty: all.

    Raises:
        TypeError: One of them is no function of one argument, or a selection is no text.
        ValueError: A kind is none.
    """

    def __init__(
        self,
        on_start: Listener | None = None,
        on_end: Listener | None = None,
        on_error: Listener | None = None,
        kinds: Iterable[str] = (),
        names: Iterable[str] = (),
        tags: Iterable[str] = (),
    ) -> None:
        self.kinds, self.names, self.tags = texts("kinds", kinds), texts("names", names), texts("tags", tags)
        check_kinds(self.kinds)
        for word, given in (("on_start", on_start), ("on_end", on_end), ("on_error", on_error)):
            if given is not None:
                function(word, given, "run")
        self._start, self._end, self._error = on_start, on_end, on_error

    def on_run_start(self, run: Run) -> Any:
        return None if self._start is None else self._start(run)

    def on_run_end(self, run: Run) -> Any:
        return None if self._end is None else self._end(run)

    def on_run_error(self, run: Run) -> Any:
        return None if self._error is None else self._error(run)
