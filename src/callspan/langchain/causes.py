"""Why a run was made: which chat asked for a tool, what a retry or a fallback answers to, what a graph resumes.

LangChain says none of it. Tools are found by the id of their call, attempts by what they try under the same parent,
paused graphs by their thread. What is remembered for that is small, and bounded.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from time import time_ns
from typing import Any, Generic, TypeVar

from opentelemetry.context import Context
from opentelemetry.trace import SpanContext, get_current_span

from callspan import semconv
from callspan.kinds import MODEL_CALLS, TOOL_CALLS, Cause, Kind
from callspan.langchain.announcement import Announcement, checkpoint_ns, tool_call_id
from callspan.run import ERROR, OK, PAUSED, Run

_REMEMBERED = 4096
"""How many tool calls, and how many paused graphs, are remembered."""

_FAILED = 256
"""How many failed runs inside one run are remembered."""

_RETRY_TAG = "retry:attempt:"

_Value = TypeVar("_Value")


class Newest(Generic[_Value]):
    """A table that forgets its oldest entry when it is full.

    Args:
        size: How many entries it has at most.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._entries: dict[Hashable, _Value] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def put(self, key: Hashable, value: _Value) -> None:
        """Remember a value."""
        self._entries.pop(key, None)
        self._entries[key] = value
        while len(self._entries) > self._size:
            try:
                del self._entries[next(iter(self._entries))]
            except (RuntimeError, KeyError, StopIteration):  # another thread is at it
                return

    def get(self, key: Hashable) -> _Value | None:
        """Give what is remembered."""
        return self._entries.get(key)

    def take(self, key: Hashable) -> _Value | None:
        """Give what is remembered, and forget it."""
        return self._entries.pop(key, None)


@dataclass(frozen=True, slots=True)
class _Failure:
    """A failed run, as the next attempt at the same thing sees it."""

    span: SpanContext
    model: object
    attempt: int


_asked: Newest[SpanContext] = Newest(_REMEMBERED)
_paused: Newest[tuple[SpanContext, int]] = Newest(_REMEMBERED)


def may_have_causes(said: Announcement, kind: Kind, above: Run | None) -> bool:
    """Tell, for nearly all runs, that none will be found."""
    if above is not None and above.failures:
        return True
    return said.subject is not None and (len(_paused) > 0 if kind.calls is None else kind.calls == TOOL_CALLS)


def causes_of(said: Announcement, kind: Kind, above: Run | None, parent: Context) -> list[Cause]:
    """Give why this run is made, as far as that can be known.

    Args:
        said: The run.
        kind: What it is.
        above: The run around it.
        parent: The context it is started in.
    """
    found: list[Cause] = []
    if kind.word == semconv.EXECUTE_TOOL and len(_asked) and (call := tool_call_id(said)) is not None:
        asked = _asked.get((said.conversation or get_current_span(parent).get_span_context().trace_id, call))
        if asked is not None:
            found.append(Cause(semconv.ASKED_BY, asked))
    if above is not None and above.failures:
        found += _after_failure(said, kind, above)
    if len(_paused) and said.subject is not None and _is_resumed(said):
        paused = _paused.take(_thread(said))
        if paused is not None:
            waited = max(0, time_ns() - paused[1]) / 1e9
            found.append(Cause(semconv.RESUMES, paused[0], {semconv.GRAPH_RESUME_WAIT: waited}))
    return found


def _after_failure(said: Announcement, kind: Kind, above: Run) -> Iterator[Cause]:
    failures: Newest[_Failure] = above.failures or Newest(0)
    retried = any(type(tag) is str and tag.startswith(_RETRY_TAG) for tag in said.tags)
    alternative = not retried and _has_alternatives(above)
    failure = failures.get(None if retried or alternative else _attempted(said, kind))
    if failure is None:
        return
    if alternative or (not retried and failure.model != _model(said)):
        yield Cause(semconv.INSTEAD_OF, failure.span)
    else:
        yield Cause(semconv.RETRY_OF, failure.span, {semconv.RUN_ATTEMPT: failure.attempt + 1})


def _has_alternatives(run: Run) -> bool:
    """Tell whether what this run calls one after the other are alternatives."""
    fallbacks = "RunnableWithFallbacks"
    return run.name == fallbacks or type(run.subject).__name__ == fallbacks


def _attempted(said: Announcement, kind: Kind) -> Hashable:
    """Name what a run tries to do, so that another attempt at the same is known; None if nothing tells.

    A node is one task of its graph, a tool answers one call, and a model is asked the same again.
    """
    if kind.depth == 1:
        ns = checkpoint_ns(said)
        return None if ns is None else ("node", ns)
    if kind.word == semconv.EXECUTE_TOOL:
        call = tool_call_id(said)
        return None if call is None else ("tool", call)
    return ("model", _digest(said.inputs)) if kind.calls == MODEL_CALLS else None


def _digest(inputs: Any) -> bytes:
    """Give a fingerprint of what a model is asked; only failures and what comes after one pay for it."""
    messages = inputs if isinstance(inputs, (list, tuple)) else (inputs,)
    digest = blake2b(digest_size=16)
    for message in messages:
        content = getattr(message, "content", message)
        digest.update(f"{type(message).__name__}\0{content!s}\0".encode("utf-8", "surrogatepass"))
    return digest.digest()


def _model(said: Announcement) -> object:
    return said.metadata.get("ls_model_name")


def remember(run: Run, outcome: str, outputs: Any) -> None:
    """Remember of a run that is about to end what later ones may answer to.

    Args:
        run: The run.
        outcome: How it ends.
        outputs: What LangChain reported as its result.
    """
    if not run.span.get_span_context().trace_flags.sampled:
        return
    if outcome == OK:
        if run.kind.calls == MODEL_CALLS:
            _remember_calls(run, outputs)
    elif outcome == ERROR:
        _remember_failure(run)
    elif outcome == PAUSED and run.subject is not None and (thread := _thread(run)) is not None:
        _paused.put(thread, (run.span.get_span_context(), time_ns()))


def _remember_calls(run: Run, outputs: Any) -> None:
    for generations in getattr(outputs, "generations", None) or ():
        for generation in generations:
            for call in getattr(getattr(generation, "message", None), "tool_calls", None) or ():
                if call.get("id"):
                    context = run.span.get_span_context()
                    _asked.put((run.conversation or context.trace_id, call["id"]), context)


def _remember_failure(run: Run) -> None:
    above = run.parent
    if above is None:
        return
    failure = _Failure(run.span.get_span_context(), _model(run), run.attempt)
    if above.failures is None:
        above.failures = Newest[_Failure](_FAILED)
    above.failures.put(None, failure)  # the last one, whatever it tried
    key = _attempted(run, run.kind)
    if key is not None:
        above.failures.put(key, failure)


def _is_resumed(said: Announcement) -> bool:
    return said.inputs is None or type(said.inputs).__name__ == "Command"


def _thread(said: Announcement) -> Hashable:
    """Name the thread of a graph that no other graph runs; a name of one run may differ from the next one's."""
    thread = said.metadata.get("thread_id")
    return None if thread is None or checkpoint_ns(said) else (str(thread), getattr(said.subject, "name", None))
