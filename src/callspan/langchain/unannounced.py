"""Runs that LangChain does not announce: their frame starts and ends them. Here: `TracedCall`, and embeddings."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any
from uuid import uuid4

from opentelemetry.context import Context, create_key, get_current
from opentelemetry.trace import SpanKind

from callspan import semconv
from callspan.core import state
from callspan.core.dispatch import Notification, notify_of_span, subscribe, subscriptions
from callspan.core.frames import Frame
from callspan.core.keys import RUN, STARTING_RUN
from callspan.core.lifecycle import NOTHING, announce, end_run, start_run
from callspan.core.operations import Operation
from callspan.core.patching import Undo, is_patched, try_wrap, unwrap
from callspan.core.registry import RunOwner
from callspan.core.run import Run
from callspan.core.wrappers import WrapperFactory, wrap_body
from callspan.langchain.failures import outcome_of
from callspan.langchain.providers import provider_of, server
from callspan.langchain.runs import base_attributes, inherit, suppressed


def watch_subclasses(base: Any, methods: Sequence[str], factory: WrapperFactory) -> Undo:
    """Patch these methods of all subclasses, also of those that are defined later; return the undo."""

    def init_subclass(cls: type[Any], /, **kwargs: Any) -> None:
        super(base, cls).__init_subclass__(**kwargs)
        _patch(cls, methods, factory)

    made_by: Any = classmethod(init_subclass)
    base.__init_subclass__ = made_by
    for cls in _subclasses(base):
        _patch(cls, methods, factory)

    def undo() -> None:
        if vars(base).get("__init_subclass__") is made_by:
            del base.__init_subclass__
        for cls in _subclasses(base):
            for name in methods:
                unwrap(cls, name)

    return undo


def _patch(cls: type, methods: Sequence[str], factory: WrapperFactory) -> None:
    for name in methods:
        method = vars(cls).get(name)
        if inspect.isfunction(method) and not is_patched(method) and not getattr(method, "__isabstractmethod__", False):
            try_wrap(cls, name, factory)


def _subclasses(cls: type[Any]) -> Iterator[type[Any]]:
    """Yield the subclasses, found anew each time: a list would keep classes alive that nobody uses."""
    subclass: type[Any]
    for subclass in cls.__subclasses__():
        yield subclass
        yield from _subclasses(subclass)


# Context key: the object whose method is executed. One of its methods may use another one: that is one call.
_SUBJECT = create_key("callspan-subject")


class TracedCall(Frame):
    """The frame of one call that is a run of its own.

    A method that the object calls on itself meanwhile is part of the same call, and no run. `callbacks` are those that
    LangChain was given: a manager, or a list of handlers.
    """

    __slots__ = ("callbacks", "inputs", "metadata", "name", "owner", "reports_result", "row", "run", "subject", "tags")

    def __init__(
        self,
        name: str,
        row: Operation,
        *,
        subject: Any = None,
        inputs: Any = None,
        metadata: Mapping[str, Any] | None = None,
        tags: Sequence[str] = (),
    ) -> None:
        super().__init__()
        self.name, self.row, self.subject, self.inputs = name, row, subject, inputs
        self.metadata, self.tags = metadata or {}, tags
        self.callbacks: Any = None
        self.reports_result = False
        self.run: Run | None = None

    def on_enter(self) -> Context | None:
        current = get_current()
        if suppressed(current) or (self.subject is not None and current.get(_SUBJECT) is self.subject):
            return None
        above: Any = current.get(RUN)
        run = self.run = Run(uuid4(), None, self.name, self.metadata, self.tags, self.inputs, {}, {})
        self.owner = RunOwner()
        self.owner.run = run  # a body that is dropped in its middle drops us, and nobody reports its end
        run.subject = self.subject
        inherit(run, above, current, current)
        run.active = state.active()
        start_run(run, self.row, current, above=above)
        if self.callbacks is not None:
            self._subscribe(run, current)
        if run.subscribers:
            self.start_hooks = announce((run,))
        return run.context if self.subject is None else Context({**(run.context or {}), _SUBJECT: self.subject})

    def _subscribe(self, run: Run, current: Context) -> None:
        """Subscribe those of LangChain's callbacks that are ours; it does not report such calls to its own handlers."""
        before, cls = len(run.subscribers), subscriptions.callback_class
        for handler in self.callbacks if isinstance(self.callbacks, (list, tuple)) else self.callbacks.handlers:
            if cls is not None and isinstance(handler, cls):
                subscribe(run, handler)  # type: ignore[arg-type]  # what is of that class is one
        if len(run.subscribers) > before:
            notify_of_span(run, run.subscribers[before:], Context({**current, STARTING_RUN: run}))

    def on_exit(self, error: BaseException | None) -> Notification | None:
        """End the run as the body ended."""
        run = self.run
        told = None
        if run is not None:
            outputs = self.result if self.reports_result and error is None else NOTHING
            if hasattr(run, "span"):
                told = end_run(run, outputs, error, outcome_of(error))
            run.ended = True  # also if an exception came before it was started
        self.run = None
        return told


# Embeddings -------------------------------------------------------------------------------------------------------

METHODS = ("embed_documents", "embed_query", "aembed_documents", "aembed_query")


def model_of(subject: Any) -> str | None:
    """Return the model that an object is configured with, or None."""
    for name in ("model", "model_name", "model_id"):
        value = getattr(subject, name, None)
        if isinstance(value, str) and value:
            return value
    return None


def _model(run: Run) -> str | None:
    model = model_of(run.subject)
    return None if model is None else model.removeprefix("models/")  # as Google's chat models do


def _provider(run: Run) -> str | None:
    name = run.name.removesuffix("Embeddings").removesuffix("Embedding")
    return provider_of(name.lower(), run.subject) or None


def _request(run: Run) -> Mapping[str, object]:
    """Return the requested size and encoding of the vectors."""
    settings: Mapping[str, Any] = getattr(run.subject, "__dict__", None) or {}
    dimensions = settings.get("dimensions") or settings.get("output_dimensionality")
    more = settings.get("model_kwargs")
    encoding = more.get("encoding_format") if isinstance(more, Mapping) else None
    return {
        semconv.EMBEDDING_DIMENSIONS: dimensions if isinstance(dimensions, int) else None,
        semconv.ENCODING_FORMATS: [encoding] if isinstance(encoding, str) else None,
    }


EMBEDDINGS = Operation(
    name="embedding",
    span_prefix=semconv.EMBEDDINGS,
    operation=semconv.EMBEDDINGS,
    span_kind=SpanKind.CLIENT,
    depth=0,
    target=semconv.REQUEST_MODEL,
    identity=(
        (semconv.OPERATION, semconv.EMBEDDINGS),
        (semconv.PROVIDER, _provider),
        (semconv.REQUEST_MODEL, _model),
        ("server.*", server),
    ),
    start=(
        ("*", base_attributes),
        (semconv.RUN_TYPE, "embedding"),
        ("gen_ai.request.*", _request),
    ),
)


def _open_embedding(args: tuple[Any, ...], kwargs: dict[str, Any]) -> TracedCall:
    given = args[1:] or tuple(kwargs.values())  # one text, or several, whatever the method calls it
    return TracedCall(type(args[0]).__name__, EMBEDDINGS, subject=args[0], inputs=given[0] if given else None)


def watch_embeddings(module: ModuleType) -> Undo:
    """Patch all subclasses of `Embeddings` in `langchain_core.embeddings.embeddings`; return the undo."""
    return watch_subclasses(module.Embeddings, METHODS, wrap_body(_open_embedding))
