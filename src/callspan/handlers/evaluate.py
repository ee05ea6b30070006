"""Functions that score runs when they have ended, and what they found as events of the runs' spans."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any

from callspan import semconv
from callspan.callback.callback import Callback
from callspan.capture import content
from callspan.core import errors, logs, spans, state
from callspan.core.run import OK, Run
from callspan.handlers.arguments import function

_log = logging.getLogger("callspan")

_KEPT = 1000
"""How many results are kept."""


@dataclass(frozen=True, slots=True)
class Score:
    """What a scorer found.

    Args:
        value: The score.
        label: The score in a word, `pass` for example.
        explanation: Why, which is content: it is written only where that is on.
    """

    value: float | None = None
    label: str | None = None
    explanation: str | None = None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One result.

    Args:
        name: The scorer's name.
        score: What it found; None: it failed.
        error: The exception's class, if it failed.
        run_id: The id of the run that was scored.
        run_name: Its name.
    """

    name: str
    score: Score | None
    error: str | None
    run_id: Any
    run_name: str


Found = Score | float | str | None
Scorer = Callable[[Run], "Found | Awaitable[Found]"]


class Evaluate(Callback):
    """Calls functions, plain or `async def`, with each outermost run that has ended well, before its span ends.

    Outermost is what has no run around it that this callback hears. A function gives a number or a bool, which is the
    score, a text, which is its label, a `Score`, or None for nothing. One that fails costs nothing but its own result.
    What they call themselves is in the run's trace and is not scored.

    Args:
        *scorers: The functions, known by their names.
        logs: Whether the events go out as logs of OpenTelemetry's too, with the `logger_provider` of `instrument()`.
        when: Tells of a run whether it is scored; None: each is.
        **named: Functions by other names.

    Raises:
        TypeError: A scorer, or `when`, is no function of one argument.
        ValueError: There is no function, or two have one name.
    """

    def __init__(
        self, *scorers: Scorer, logs: bool = False, when: Callable[[Run], bool] | None = None, **named: Scorer
    ) -> None:
        self._scorers = _by_name(scorers, named)
        if not self._scorers:
            raise ValueError("Evaluate() is not allowed: give it a function that scores runs")
        self._logs = logs
        self._when = when if when is None else function("when", when, "run")
        self.results: deque[Evaluation] = deque(maxlen=_KEPT)

    def on_run_end(self, run: Run) -> Any:
        if run.outcome != OK or run.is_foreign or self._is_inside(run):
            return None
        if self._when is not None and not self._when(run):
            return None
        waiting: dict[str, Awaitable[Found]] = {}
        for name, scorer in self._scorers.items():
            try:
                found: Any = scorer(run)
            except Exception as error:  # noqa: BLE001 - the user's scorer; the others score
                self._failed(run, name, error)
                continue
            if isawaitable(found):
                waiting[name] = found
            else:
                self._found(run, name, found)
        return self._await(run, waiting) if waiting else None

    async def _await(self, run: Run, waiting: dict[str, Awaitable[Found]]) -> None:
        for name, awaitable in waiting.items():
            try:
                found = await awaitable
            except Exception as error:  # noqa: BLE001 - the user's scorer; the others score
                self._failed(run, name, error)
                continue
            self._found(run, name, found)

    def _is_inside(self, run: Run) -> bool:
        above = run.parent
        while above is not None:
            if any(one is self for one in above.subscribers):
                return True
            above = above.parent
        return False

    def _found(self, run: Run, name: str, found: Found) -> None:
        try:
            score = _score_of(found)
        except Exception as error:  # noqa: BLE001 - the user's scorer gave what is no score; the others score
            self._failed(run, name, error)
            return
        if score is not None:
            said = {semconv.EVALUATION_VALUE: score.value, semconv.EVALUATION_LABEL: score.label}
            self._tell(run, Evaluation(name, score, None, run.id, run.name), said)

    def _failed(self, run: Run, name: str, error: Exception) -> None:
        if state.first_time(f"scorer {name}"):
            _log.warning("the scorer %s failed; the others score", name, exc_info=error)
        kind = errors.error_type(error)
        self._tell(run, Evaluation(name, None, kind, run.id, run.name), {semconv.ERROR_TYPE: kind})

    def _tell(self, run: Run, evaluation: Evaluation, said: dict[str, Any]) -> None:
        self.results.append(evaluation)
        known = {semconv.EVALUATION_NAME: evaluation.name, **said}
        attributes = spans.attributes_of(known)
        explained = evaluation.score.explanation if evaluation.score is not None else None
        if run.span.is_recording():
            run.add_event(logs.EVALUATION, {**attributes, **content.event_attributes(run, _EXPLANATION, explained)})
        if self._logs:
            why = content.read_fields(_EXPLANATION, run, explained) if run.content in _IN_LOGS else {}
            logs.write_evaluation(run, {**attributes, **why})


def _by_name(scorers: tuple[Any, ...], named: dict[str, Any]) -> dict[str, Scorer]:
    """Return the scorers by their names.

    Raises:
        TypeError: One is no function of one argument.
        ValueError: Two have one name.
    """
    found: dict[str, Scorer] = {}
    for one in scorers:
        if isinstance(one, Mapping):
            written = ", ".join(f"{name}=..." for name in one) or "name=..."
            raise TypeError(f"{one!r} is no scorer: give functions, or keywords, Evaluate({written})")
        name = getattr(one, "__name__", type(one).__name__)
        if name in found or name in named:
            raise ValueError(f"two scorers have the name {name!r}: give them names, Evaluate(one=..., other=...)")
        found[name] = function("scorer", one, "run")
    return found | {name: function(name, one, "run") for name, one in named.items()}


_IN_LOGS = (content.EVENT_ONLY, content.SPAN_AND_EVENT)

_EXPLANATION = (content.ContentField(semconv.EVALUATION_WHY, "explanation", lambda run, explained: explained),)


def _score_of(found: Found) -> Score | None:
    if found is None or isinstance(found, Score):
        return found
    if isinstance(found, str):
        return Score(label=found)
    return Score(float(found))
