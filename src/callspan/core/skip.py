"""A call answered by a hook instead of being made: how its frame learns of it, and whether it can be skipped."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any


class SkipSignal(BaseException):
    """Unwinds from the start of a skipped run to its frame, where the result stands for the call; never further."""

    def __init__(self, run: Any) -> None:
        super().__init__()
        self.run = run


@dataclass(frozen=True, slots=True)
class SkipResult:
    """What stands for a call that is not made.

    Args:
        value: The result; of a stream its only item.
        reports: What reports it to LangChain's run manager, in this order; each is awaited where the call is.
    """

    value: Any
    reports: tuple[Callable[[], Any], ...] = ()

    def report(self) -> Any:
        """Report the result and return it."""
        for report in self.reports:
            report()
        return self.value

    def generate(self) -> Generator[Any, Any, Any]:
        """Stand for the generator."""
        yield self.report()

    async def report_async(self) -> Any:
        """Stand for the coroutine, or for the first step of the async generator."""
        for report in self.reports:
            await report()
        return self.value


def checked_result(run: Any, result: Any) -> Any:
    """Return the run's result made of what a hook skips it with.

    Raises:
        TypeError: The run cannot be skipped, or not with that.
    """
    if run.is_foreign:
        why = "another instrumentation watches this call, and callspan does not make it"
    elif run.row.made is None:
        why = "only calls of chat models, tools and retrievers can be answered without being made"
    elif not run.skippable:
        why = "that can be done in a start hook only, and not in streams of version 3"
    else:
        return run.row.made(run, result)
    raise TypeError(f"the {run.row.span_prefix} run {run.name!r} cannot be skipped: {why}")
