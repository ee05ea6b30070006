"""What may not be said: patterns and functions that look at what goes into calls and comes out of them."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from inspect import isawaitable
from typing import Any

from callspan import semconv
from callspan.callback.callback import Callback
from callspan.callback.checks import check_kinds, texts
from callspan.core.dispatch import Stop
from callspan.core.errors import ToolError
from callspan.core.run import UNREPORTED, Run
from callspan.handlers.arguments import function
from callspan.handlers.words import words_answered, words_asked

GUARD = "langchain.guard"
"""The event of a span: something was said that may not be."""

Rule = str | re.Pattern[str] | Callable[[str], "bool | Awaitable[bool]"]


class Violation(Stop):
    """Something was said that may not be. It says which rule tells so, and never what was said.

    Args:
        rule: The name of the rule.
        side: `input` or `output`.
        run: The run.
    """

    def __init__(self, rule: str, side: str, run: Run) -> None:
        super().__init__(f"the {side} of {run.kind} {run.name!r} is against the rule {rule!r}")
        self.rule, self.side = rule, side


class Guard(Callback):
    """Looks at what goes into models and tools and comes out of them, and stops the call with `Violation`.

    A rule is a regular expression, or a function, plain or `async def`, that gets the words and tells whether they
    are against it. A function that fails counts as one that says so: what was not looked at does not pass. The words
    of a streamed answer are looked at when it ends; its pieces have gone out by then.

    Args:
        rules: The rules by their names.
        inputs: Whether it looks at what goes in.
        outputs: Whether it looks at what comes out.
        instead: What a call is answered with whose input is against a rule, as `run.skip` takes it; a function is given
            the run. None: the call is stopped.
        kinds: Which runs: kinds and operations.
        names: The names of the runs; empty: all.
        tags: Runs with one of these tags; empty: all.

    Raises:
        TypeError: The rules are no dictionary, a rule is neither a pattern nor a function, or a selection is no text.
        ValueError: A kind is none, a pattern is no regular expression, or there is nothing to look at.
    """

    def __init__(
        self,
        rules: Mapping[str, Rule],
        *,
        inputs: bool = True,
        outputs: bool = True,
        instead: Any = None,
        kinds: Iterable[str] = ("llm", "tool"),
        names: Iterable[str] = (),
        tags: Iterable[str] = (),
    ) -> None:
        self.kinds, self.names, self.tags = texts("kinds", kinds), texts("names", names), texts("tags", tags)
        check_kinds(self.kinds)
        self._rules = _checkers(rules)
        if not inputs and not outputs:
            raise ValueError("inputs=False and outputs=False are not allowed together: it would look at nothing")
        if callable(instead):
            function("instead", instead, "run")
        self._inputs, self._outputs, self._instead = inputs, outputs, instead

    def wants(self, run: Run) -> bool:
        """Return whether it is one of the runs, and can be looked into."""
        return not run.is_foreign and super().wants(run)

    def on_run_start(self, run: Run) -> Any:
        return self._look(run, "input", words_asked) if self._inputs else None

    def on_run_end(self, run: Run) -> Any:
        if not self._outputs or run.outputs is None or (run.notes and self in run.notes):
            return None
        broke_off = run.error is not None and type(run.error) is not ToolError
        if broke_off or run.outcome == UNREPORTED:  # it cannot be stopped any more
            return None
        return self._look(run, "output", words_answered)

    def on_run_error(self, run: Run) -> Any:
        return self.on_run_end(run) if type(run.error) is ToolError else None  # an answer, which the model reads

    def _look(self, run: Run, side: str, words_of: Callable[[Run], str]) -> Any:
        """Try the rules, and give what is still to be awaited of those that want that."""
        waiting = dict[str, Awaitable[bool]]()
        try:
            words = words_of(run)
        except Exception as error:  # what cannot be read may say anything
            raise self._violation(UNREADABLE, side, run) from error
        for rule, checker in self._rules.items():
            try:
                found = checker(words)
            except Exception as error:
                _discard(waiting)
                raise self._violation(rule, side, run) from error
            if isawaitable(found):
                waiting[rule] = found
            elif found:
                _discard(waiting)
                return self._against(rule, side, run)
        return self._look_later(waiting, side, run) if waiting else None

    async def _look_later(self, waiting: dict[str, Awaitable[bool]], side: str, run: Run) -> None:
        for rule in list(waiting):
            try:
                found = await waiting.pop(rule)
            except BaseException as error:
                _discard(waiting)
                if isinstance(error, Exception):
                    raise self._violation(rule, side, run) from error
                raise
            if found:
                _discard(waiting)
                self._against(rule, side, run)
                return

    def _against(self, rule: str, side: str, run: Run) -> None:
        violation = self._violation(rule, side, run)
        if self._instead is None or not run.skippable:
            raise violation
        others = run.skipped is not None
        instead: Any = None
        try:
            instead = self._instead(run) if callable(self._instead) else self._instead
            if isawaitable(instead):
                _discard({rule: instead})
                raise TypeError("`instead` is async")
            run.skip(instead)
        except Exception as error:  # what does not fit does not let the call through
            raise violation from error
        if not others:  # whose answer is looked at, like any
            run.state[self] = "its own answer"

    def _violation(self, rule: str, side: str, run: Run) -> Violation:
        run.add_event(GUARD, {semconv.GUARD_RULE: rule, semconv.GUARD_SIDE: side})
        return Violation(rule, side, run)


UNREADABLE = "unreadable"
"""Stands for a rule where the words themselves cannot be read."""


_RULE = "a regular expression, or a function that gets the words and tells whether they are against the rule"


def _checkers(rules: Any) -> dict[str, Callable[[str], Any]]:
    if not isinstance(rules, Mapping):
        raise TypeError(f"rules={rules!r} is not allowed: a dictionary of rules by their names, {{'name': {rules!r}}}")
    if not rules:
        raise ValueError("rules={} is not allowed: give it a rule")
    return {_name(name): _checker(name, rule) for name, rule in rules.items()}


def _name(name: Any) -> str:
    if not isinstance(name, str) or not name:
        raise TypeError(f"rules: the name {name!r} is not allowed: a text")
    return name


def _checker(name: str, rule: Any) -> Callable[[str], Any]:
    where = f"rules: {name!r}"
    if callable(rule):
        return function(where, rule, "words")  # type: ignore[no-any-return]
    if isinstance(rule, re.Pattern) and isinstance(rule.pattern, str):
        return rule.search
    if not isinstance(rule, str):
        raise TypeError(f"{where}={rule!r} is not allowed: {_RULE}")
    try:
        return re.compile(rule).search
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"{where}={rule!r} is no regular expression: {error}") from error


def _discard(waiting: dict[str, Awaitable[bool]]) -> None:
    """Release what will not be awaited."""
    for one in waiting.values():
        close = getattr(one, "close", None)
        if close is not None:
            close()
