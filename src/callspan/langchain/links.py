"""Links to the run that another one answers: which chat asked for a tool, what is retried, replaced or resumed.

LangChain reports none of it. Tools are found by the id of their call, attempts by what they try under the same parent,
paused graphs by their thread. What is remembered for that is small, and bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from time import time_ns
from typing import Any, Generic, TypeVar

from opentelemetry.context import Context
from opentelemetry.trace import SpanContext, get_current_span

from callspan import semconv
from callspan.core.errors import ToolError
from callspan.core.operations import MODEL_CALLS, TOOL_CALLS, Kind, SpanLink
from callspan.core.run import ERROR, OK, PAUSED, SKIPPED, Run
from callspan.langchain.announcement import Announcement, checkpoint_ns, tool_call_id
from callspan.langchain.chains import is_graph, is_resumed

_REMEMBERED = 4096
"""How many tool calls, and how many paused graphs, are remembered."""

_FAILED = 256
"""How many failed runs inside one run are remembered."""

_RETRY_TAG, _BRANCH_TAG = "retry:attempt:", "map:key:"

_TEXT = 4096
"""Of a longer text that a model is asked, the beginning, the end and the length tell it from others."""

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


def may_have_links(said: Announcement, kind: Kind, above: Run | None) -> bool:
    """Tell, for nearly all runs, that none will be found."""
    if above is not None and above.failures:
        return True
    return said.subject is not None and (len(_paused) > 0 if kind.calls is None else kind.calls == TOOL_CALLS)


def links_of(said: Announcement, kind: Kind, above: Run | None, parent: Context) -> list[SpanLink]:
    """Give why this run is made, as far as that can be known.

    Args:
        said: The run.
        kind: What it is.
        above: The run around it.
        parent: The context it is started in.
    """
    found: list[SpanLink] = []
    if kind.calls == TOOL_CALLS and len(_asked) and (call := tool_call_id(said)) is not None:
        trace = get_current_span(parent).get_span_context().trace_id
        asked = next((one for key in _keys(said, above, trace, call) if (one := _asked.get(key))), None)
        if asked is not None:
            found.append(SpanLink(semconv.ASKED_BY, asked))
    if above is not None and above.failures:
        found += _after_failure(said, kind, above)
    if len(_paused) and said.subject is not None and (thread := _thread(said)) is not None:
        paused = _paused.take(thread)  # a new input is no resume, and ends the pause too
        if paused is not None and is_resumed(said):
            waited = max(0, time_ns() - paused[1]) / 1e9
            found.append(SpanLink(semconv.RESUMES, paused[0], {semconv.GRAPH_RESUME_WAIT: waited}))
    return found


def _after_failure(said: Announcement, kind: Kind, above: Run) -> Iterator[SpanLink]:
    failures: Newest[_Failure] = above.failures
    if any(type(tag) is str and tag.startswith(_RETRY_TAG) for tag in said.tags):
        retry, failure = True, failures.get(None)
    elif _has_alternatives(above):
        retry, failure = False, failures.get(None)
    elif any(type(tag) is str and tag.startswith(_BRANCH_TAG) for tag in said.tags):
        return  # the branches of a map are asked the same, and have nothing to do with each other
    else:
        failure = failures.take(_attempted(said, kind))  # one run answers to it, not all that come later
        if failure is None or (kind.calls == MODEL_CALLS and None in (failure.model, _model(said))):
            return
        retry = failure.model == _model(said)
    if failure is None:
        return
    if retry:
        yield SpanLink(semconv.RETRY_OF, failure.span, {semconv.RUN_ATTEMPT: failure.attempt + 1})
    else:
        yield SpanLink(semconv.INSTEAD_OF, failure.span)


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
    if kind.calls == TOOL_CALLS:
        call = tool_call_id(said)
        return None if call is None else ("tool", call)
    return ("model", _digest(said.inputs)) if kind.calls == MODEL_CALLS else None


def _digest(inputs: Any) -> bytes:
    """Give a fingerprint of what a model is asked; only failures and what comes after one pay for it."""
    digest = blake2b(digest_size=16)
    for message in inputs if isinstance(inputs, (list, tuple)) else (inputs,):
        digest.update(type(message).__name__.encode("utf-8", "replace"))
        _feed(digest.update, getattr(message, "content", message))
        _feed(digest.update, getattr(message, "tool_call_id", None))
        _feed(digest.update, getattr(message, "tool_calls", None))
    return digest.digest()


def _feed(update: Callable[[bytes], None], value: Any, depth: int = 6) -> None:
    """Take in plain values; of anything else the class, as it is never printed."""
    cls = type(value)
    update(f"{cls.__name__}:".encode("utf-8", "replace"))
    if cls is str:
        update(f"{len(value)}:{value[:_TEXT]}\0{value[-_TEXT:]}".encode("utf-8", "surrogatepass"))
    elif cls in (int, float, bool):
        update(repr(value).encode())
    elif cls in (list, tuple, dict) and depth:
        update(f"{len(value)}:".encode())
        for item in (part for pair in value.items() for part in pair) if cls is dict else value:
            _feed(update, item, depth - 1)


def _model(said: Announcement) -> object:
    """Name the model, or None where nothing tells it from another one."""
    if said.subject is None and "ls_model_name" not in said.metadata:
        return None
    return type(said.subject).__name__, said.metadata.get("ls_model_name")


def remember_for_links(run: Run, outcome: str, outputs: Any) -> None:
    """Remember of a run that is about to end what later ones may answer to.

    Args:
        run: The run.
        outcome: How it ends.
        outputs: What LangChain reported as its result.
    """
    if outcome == ERROR:
        if run.error is None or type(run.error) is ToolError:  # else it was remembered when its graph gave it up
            _remember_failure(run)
    elif not run.span.is_recording():
        return  # there is nothing to link to
    elif outcome in (OK, SKIPPED):
        if run.row.calls == MODEL_CALLS:
            _remember_calls(run, outputs)
    elif outcome == PAUSED and run.subject is not None and (thread := _thread(run)) is not None:
        _paused.put(thread, (run.span.get_span_context(), time_ns()))


def _keys(said: Announcement, above: Run | None, trace: int, call: str) -> list[Hashable]:
    """Return the keys under which it is remembered who asked for a call, the nearest first.

    Models may number their calls in each answer. So the asker of a call is looked for where it is made, up to the
    agent, graph or tool around it; and as an agent may be resumed in another run, in the same place of the same graph.
    """
    keys: list[Hashable] = []
    graph: object = None
    while above is not None:
        keys.append((getattr(above.id, "int", above.id), call))
        if above.subject is not None and (above.row.calls == TOOL_CALLS or is_graph(above.subject)):
            graph = getattr(above.subject, "name", None)
            break
        above = above.parent
    ns = checkpoint_ns(said)
    place = ns.rpartition("|")[0] if isinstance(ns, str) else ""
    return [*keys, (said.conversation or trace, graph, place, call)]


def _remember_calls(run: Run, outputs: Any) -> None:
    context = run.span.get_span_context()
    for generations in getattr(outputs, "generations", None) or ():
        for generation in generations:
            for call in getattr(getattr(generation, "message", None), "tool_calls", None) or ():
                if call.get("id"):
                    for key in _keys(run, run.parent, context.trace_id, call["id"]):
                        _asked.put(key, context)


def _remember_failure(run: Run) -> None:
    above = run.parent
    if above is None:
        return
    failure: _Failure | None
    if run.span.is_recording():
        failure = _Failure(run.span.get_span_context(), _model(run), run.attempt)
    else:  # hidden: what failed visibly inside it stands for it
        failure = None if run.failures is None else run.failures.get(None)
    if failure is None:
        return
    if above.failures is None:
        above.failures = Newest[_Failure](_FAILED)
    if type(run.error) is not ToolError:  # an answer with an error is tried again as the same call only
        above.failures.put(None, failure)  # the last one, whatever it tried
    key = _attempted(run, run.row)
    if key is not None:
        above.failures.put(key, failure)


def _thread(said: Announcement) -> Hashable:
    """Name the thread of a graph that no other graph runs.

    The names of runs may differ from one to the next, and a program may build its graph anew each time: what it
    consists of stays.
    """
    thread = said.metadata.get("thread_id")
    if not isinstance(thread, (str, int)) or checkpoint_ns(said):
        return None
    return str(thread), getattr(said.subject, "name", None), frozenset(getattr(said.subject, "nodes", None) or ())
