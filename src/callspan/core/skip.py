"""A call that is answered without being made: how its frame learns of it, and whether it can be."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from callspan.core.run import Run


class Answered(BaseException):
    """Unwinds from the start of a run to its frame, where the answer stands for the call; it never gets further.

    Args:
        run: The run that was skipped.
    """

    def __init__(self, run: Run) -> None:
        super().__init__()
        self.run = run


@dataclass(frozen=True, slots=True)
class Answer:
    """What stands for a call that is not made.

    Args:
        value: The result; of a stream its only item.
        reports: What tells LangChain's run manager of it, in this order; each is awaited where the call is.
    """

    value: Any
    reports: tuple[Callable[[], Any], ...] = ()

    def told(self) -> Any:
        """Report it, and give the result."""
        for report in self.reports:
            report()
        return self.value

    def streamed(self) -> Generator[Any, Any, Any]:
        """Be the generator."""
        yield self.told()

    async def awaited(self) -> Any:
        """Be the coroutine, or the first step of the asynchronous generator."""
        for report in self.reports:
            await report()
        return self.value


def made_of(run: Run, result: Any) -> Any:
    """Make the answer of a run of what a hook gives.

    Raises:
        TypeError: It cannot be skipped, or not with that.
    """
    if run.is_foreign:
        why = "another instrumentation watches this call, and callspan does not make it"
    elif run.row.made is None:
        why = "only calls of chat models, tools and retrievers can be answered without being made"
    elif not run.skippable:
        why = "that can be done in a start hook only, and not in streams of version 3"
    else:
        return run.row.made(run, result)
    raise TypeError(f"the {run.row.word} run {run.name!r} cannot be skipped: {why}")
