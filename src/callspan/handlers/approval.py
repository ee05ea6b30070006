"""A function is asked before tools are called: a person, or a policy."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any

from callspan import semconv
from callspan.callback.callback import Callback
from callspan.callback.checks import texts
from callspan.core.dispatch import Stop
from callspan.core.run import Run
from callspan.handlers.arguments import function
from callspan.langchain.runs import tool_call_id

APPROVAL = "langchain.approval"
"""The event of a tool's span: somebody was asked."""


class Denied(Stop):
    """A tool may not be called, and the call ends; its text is the reason."""


@dataclass(frozen=True, slots=True)
class ToolRequest:
    """A call of a tool that wants approval.

    Args:
        name: The tool's name.
        arguments: What it is called with: names and values, or a text.
        run: Its run.
    """

    name: str
    arguments: Any
    run: Run


Verdict = bool | str
Ask = Callable[[ToolRequest], "Verdict | Awaitable[Verdict]"]


class Approval(Callback):
    """Asks a function, plain or `async def`, before tools are called.

    It is asked with a `ToolRequest`, and gives True for yes, False for no, or a text: no, and why. One that fails
    stops the call: what was not approved is not done. Tools that run at once are asked for at once.

    Args:
        ask: The function.
        tools: The names of the tools that want approval; empty: all.
        when: Tells of a `ToolRequest` whether it wants approval; None: each does.
        stops: Whether a no stops the call with `Denied`. Otherwise the tool is skipped: the agent reads the reason as
            the tool's answer, and goes on.

    Raises:
        TypeError: `ask` or `when` is no function of one argument, or `tools` are no names.
    """

    kinds = ("tool",)

    def __init__(
        self,
        ask: Ask,
        *,
        tools: Iterable[str] = (),
        when: Callable[[ToolRequest], bool] | None = None,
        stops: bool = False,
    ) -> None:
        self._ask = function("ask", ask, "ToolRequest")
        self._when = when if when is None else function("when", when, "ToolRequest")
        self._stops, self._tools = stops, texts("tools", tools)

    def wants(self, run: Run) -> bool:
        """Return whether it is one of the tools, and can be kept from being called."""
        chosen = not self._tools or run.name in self._tools or _name_of(run) in self._tools
        return chosen and not run.is_foreign and super().wants(run)

    def on_tool_start(self, run: Run) -> Any:
        if run.skipped is not None:  # another callback has answered it: nothing will be called
            return None
        request = ToolRequest(_name_of(run), _arguments_of(run), run)
        try:
            if self._when is not None and not self._when(request):
                return None
            verdict = self._ask(request)
        except Exception as error:
            raise self._unasked(request, error) from error
        if isawaitable(verdict):
            return self._decide_later(request, verdict)
        return self._decide(request, verdict)

    async def _decide_later(self, request: ToolRequest, verdict: Awaitable[Verdict]) -> None:
        try:
            found = await verdict
        except Exception as error:
            raise self._unasked(request, error) from error
        self._decide(request, found)

    def _decide(self, request: ToolRequest, verdict: Verdict) -> None:
        run = request.run
        run.add_event(APPROVAL, {semconv.APPROVAL_GRANTED: verdict is True})
        if verdict is True:
            return
        reason = verdict if isinstance(verdict, str) and verdict else f"The call of {request.name} was denied."
        if self._stops or not run.skippable:
            raise Denied(reason)
        run.skip(_answer(run, reason))

    def _unasked(self, request: ToolRequest, error: Exception) -> Denied:
        return Denied(f"the call of {request.name} was not approved: {type(error).__name__} while asking")


def _name_of(run: Run) -> str:
    return str(run.identity.get(semconv.TOOL_NAME) or run.name)


def _arguments_of(run: Run) -> Any:
    given = run.extra.get("inputs")
    return given if isinstance(given, Mapping) else run.inputs


def _answer(run: Run, reason: str) -> Any:
    """Return what the agent reads, as an error of the tool; who calls the tool alone gets the text."""
    if tool_call_id(run) is None:
        return reason
    from langchain_core.messages import ToolMessage

    return ToolMessage(reason, tool_call_id="", status="error")
