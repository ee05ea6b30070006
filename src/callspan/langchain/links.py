"""Links to the run that another one answers: which chat asked for a tool, what is retried, replaced or resumed.

LangChain reports none of it. Tools are found by the id of their call, attempts by what they try under the same parent,
paused graphs by their thread. What is remembered for that is small, and bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from hashlib import blake2b
from time import time_ns
from typing import Any, NamedTuple, TypeVar

from opentelemetry.context import Context
from opentelemetry.trace import SpanContext, get_current_span

from callspan import semconv
from callspan.core.errors import ToolError
from callspan.core.operations import Operation, SpanLink
from callspan.core.run import ERROR, OK, PAUSED, SKIPPED, Run
from callspan.core.usage import MODEL_CALLS, TOOL_CALLS
from callspan.langchain.chains import has_tag, is_graph, is_resumed
from callspan.langchain.runs import checkpoint_ns, tool_call_id

_REMEMBERED = 4096  # tool calls, and paused graphs
_FAILED = 256  # failed runs inside one run
_TEXT = 4096  # characters at either end of a text that tell it from others, with its length

_Value = TypeVar("_Value")


class Newest(dict[Hashable, _Value]):
    """A table that forgets its oldest entry when it is full."""

    __slots__ = ("_size",)

    def __init__(self, size: int) -> None:
        super().__init__()
        self._size = size

    def put(self, key: Hashable, value: _Value) -> None:
        """Remember a value as the newest."""
        self.pop(key, None)
        self[key] = value
        while len(self) > self._size:
            try:
                del self[next(iter(self))]
            except (RuntimeError, KeyError, StopIteration):  # another thread changes it
                return


class _Failure(NamedTuple):
    """A failed run, as the next attempt at the same thing sees it."""

    span: SpanContext
    model: object
    attempt: int


tool_calls: Newest[SpanContext] = Newest(_REMEMBERED)
paused_graphs: Newest[tuple[SpanContext, int]] = Newest(_REMEMBERED)


def links_of(run: Run, kind: Operation, above: Run | None, parent: Context) -> list[SpanLink]:
    """Return links to the runs that this one, which is about to start in the context `parent`, answers."""
    found: list[SpanLink] = []
    if tool_calls and kind.calls == TOOL_CALLS and (call := tool_call_id(run)) is not None:
        trace = get_current_span(parent).get_span_context().trace_id
        asked = next((one for key in _call_keys(run, above, trace, call) if (one := tool_calls.get(key))), None)
        if asked is not None:
            found.append(SpanLink(semconv.ASKED_BY, asked))
    if above is not None and above.rare is not None and above.failures:
        found += _after_failure(run, kind, above)
    if paused_graphs and kind.calls is None and run.subject is not None and (thread := _thread(run)) is not None:
        paused = paused_graphs.pop(thread, None)  # a new input is no resume, and ends the pause too
        if paused is not None and is_resumed(run):
            waited = max(0, time_ns() - paused[1]) / 1e9
            found.append(SpanLink(semconv.RESUMES, paused[0], {semconv.GRAPH_RESUME_WAIT: waited}))
    return found


def _after_failure(run: Run, kind: Operation, above: Run) -> Iterator[SpanLink]:
    failures: Newest[_Failure] = above.failures
    failure: _Failure | None
    if has_tag(run, "retry:attempt:"):
        is_retry, failure = True, failures.get(None)
    elif "RunnableWithFallbacks" in (above.name, type(above.subject).__name__):
        is_retry, failure = False, failures.get(None)
    elif has_tag(run, "map:key:"):
        return  # the branches of a map are asked the same, and have nothing to do with each other
    else:
        failure = failures.pop(_attempted(run, kind), None)  # one run answers to it, not all that come later
        if failure is None or (kind.calls == MODEL_CALLS and None in (failure.model, _model(run))):
            return
        is_retry = failure.model == _model(run)
    if failure is None:
        return
    if is_retry:
        yield SpanLink(semconv.RETRY_OF, failure.span, {semconv.RUN_ATTEMPT: failure.attempt + 1})
    else:
        yield SpanLink(semconv.INSTEAD_OF, failure.span)


def _attempted(run: Run, kind: Operation) -> Hashable:
    """Return a key for what a run tries to do, so that another attempt at the same is found; None if nothing tells.

    A node is one task of its graph, a tool answers one call, and a model is asked the same again.
    """
    if kind.calls == MODEL_CALLS:
        return "model", _digest(run.inputs)
    if kind.depth == 1:
        name, value = "node", checkpoint_ns(run)
    else:
        name, value = "tool", tool_call_id(run) if kind.calls == TOOL_CALLS else None
    return None if value is None else (name, value)


def _digest(inputs: Any) -> bytes:
    """Return a fingerprint of what a model is asked; only failures and what comes after one pay for it."""
    digest = blake2b(digest_size=16)
    for message in inputs if isinstance(inputs, (list, tuple)) else (inputs,):
        digest.update(type(message).__name__.encode("utf-8", "replace"))
        _feed(digest.update, getattr(message, "content", message))
        _feed(digest.update, getattr(message, "tool_call_id", None))
        _feed(digest.update, getattr(message, "tool_calls", None))
    return digest.digest()


def _feed(update: Callable[[bytes], None], value: Any, depth: int = 6) -> None:
    """Add plain values to a fingerprint; of anything else its class, as it is never printed."""
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


def _model(run: Run) -> object:
    """Return what tells the model of a run from another one, or None."""
    if run.subject is None and "ls_model_name" not in run.metadata:
        return None
    return type(run.subject).__name__, run.metadata.get("ls_model_name")


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
    elif outcome == PAUSED:
        if run.subject is not None and (thread := _thread(run)) is not None:
            paused_graphs.put(thread, (run.span.get_span_context(), time_ns()))
    elif outcome in (OK, SKIPPED) and run.row.calls == MODEL_CALLS:
        for generations in getattr(outputs, "generations", None) or ():
            for generation in generations:
                calls = getattr(getattr(generation, "message", None), "tool_calls", None)
                if calls:
                    _remember_calls(run, calls)


def _call_keys(run: Run, above: Run | None, trace: int, call: str) -> list[Hashable]:
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
    ns = checkpoint_ns(run)
    place = ns.rpartition("|")[0] if isinstance(ns, str) else ""
    return [*keys, (run.conversation or trace, graph, place, call)]


def _remember_calls(run: Run, calls: Any) -> None:
    context = run.span.get_span_context()
    for call in calls:
        if call.get("id"):
            for key in _call_keys(run, run.parent, context.trace_id, call["id"]):
                tool_calls.put(key, context)


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


def _thread(run: Run) -> Hashable:
    """Return a key for the thread of a graph that no other graph executes, or None.

    The names of runs may differ from one to the next, and a program may build its graph anew each time: what it
    consists of stays.
    """
    thread = run.metadata.get("thread_id")
    if not isinstance(thread, (str, int)) or checkpoint_ns(run):
        return None
    return str(thread), getattr(run.subject, "name", None), frozenset(getattr(run.subject, "nodes", None) or ())
