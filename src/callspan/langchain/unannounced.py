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
from callspan.core.dispatch import Notification, subscribe, subscriptions
from callspan.core.frames import Frame
from callspan.core.keys import RUN, STARTING_RUN
from callspan.core.lifecycle import NOTHING, announce, end_run, start_run, tell_of_span
from callspan.core.operations import Kind
from callspan.core.patching import Undo, is_patched, try_wrap, unwrap
from callspan.core.registry import RunOwner
from callspan.core.run import Run
from callspan.core.wrappers import WrapperFactory, wrap_body
from callspan.langchain.announcement import ALWAYS, Announcement, inherit, suppressed
from callspan.langchain.endpoints import server
from callspan.langchain.failures import outcome_of
from callspan.langchain.providers import provider_of


def watch_subclasses(base: Any, methods: Sequence[str], factory: WrapperFactory) -> Undo:
    """Patch the subclasses there are, and those to come.

    Args:
        base: The base class; its own methods are left alone.
        methods: The methods.
        factory: Makes the wrapper of each.

    Returns:
        What restores them all.
    """

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
    """Give the subclasses, found anew each time: a list would keep classes alive that nobody uses."""
    subclass: type[Any]
    for subclass in cls.__subclasses__():
        yield subclass
        yield from _subclasses(subclass)


_SUBJECT = create_key("callspan-subject")
"""Context key: the object that is at it. One of its methods may use another one: that is one call."""


class TracedCall(Frame):
    """The frame of one call that is a run of its own.

    Args:
        name: The run's name.
        row: What it is.
        subject: The object whose method it is; what that calls of itself is the same call, and no run.
        inputs: What it is called with.
        metadata: The metadata of the run.
        tags: Its tags.
        callbacks: LangChain's callbacks that it is called with: a manager, or a list of handlers.
    """

    __slots__ = ("callbacks", "inputs", "lease", "metadata", "name", "outputs", "row", "run", "subject", "tags")

    def __init__(
        self,
        name: str,
        row: Kind,
        *,
        subject: Any = None,
        inputs: Any = None,
        metadata: Mapping[str, Any] | None = None,
        tags: Sequence[str] = (),
        callbacks: Any = None,
    ) -> None:
        super().__init__()
        self.callbacks = callbacks
        self.name, self.row, self.subject, self.inputs, self.tags = name, row, subject, inputs, tags
        self.metadata: Mapping[str, Any] = metadata or {}
        self.outputs: Any = NOTHING
        self.run: Run | None = None

    def on_enter(self) -> Context | None:
        current = get_current()
        if suppressed(current) or (self.subject is not None and current.get(_SUBJECT) is self.subject):
            return None
        above: Any = current.get(RUN)
        run = self.run = Run(uuid4(), None, self.name, self.metadata, self.tags, self.inputs, {}, {})
        self.lease = RunOwner()
        self.lease.run = run  # a body that is dropped in its middle drops us, and nobody reports its end
        run.subject = self.subject
        inherit(run, above, current, current)
        run.active = state.current()
        start_run(run, self.row, current, above=above)
        if self.callbacks is not None:
            self._let_in(run, current)
        if run.subscribers:
            self.start_hooks = announce((run,))
        return run.context if self.subject is None else Context({**(run.context or {}), _SUBJECT: self.subject})

    def _let_in(self, run: Run, current: Context) -> None:
        """Let those of LangChain's callbacks hear it that are ours; its own handlers never were told of such calls."""
        before = len(run.subscribers)
        for one in self.callbacks if isinstance(self.callbacks, (list, tuple)) else self.callbacks.handlers:
            if subscriptions.callback_class is not None and isinstance(one, subscriptions.callback_class):
                subscribe(run, one)  # type: ignore[arg-type]  # what is of that class is one
        if len(run.subscribers) > before:
            tell_of_span(run, run.subscribers[before:], Context({**current, STARTING_RUN: run}))

    def on_exit(self, error: BaseException | None) -> Notification | None:
        """End the run as the body ended."""
        run = self.run
        told = None
        if run is not None:
            if hasattr(run, "span"):
                told = end_run(run, self.outputs, error, outcome_of(error))
            run.ended = True  # also if an exception came before it was started
        self.run = None
        return told


METHODS = ("embed_documents", "embed_query", "aembed_documents", "aembed_query")


def _model(said: Announcement) -> str | None:
    for name in ("model", "model_name", "model_id"):
        value = getattr(said.subject, name, None)
        if isinstance(value, str):
            return value.removeprefix("models/")  # as Google's chat models say it
    return None


def _provider(said: Announcement) -> str | None:
    name = said.name.removesuffix("Embeddings").removesuffix("Embedding")
    return provider_of(name.lower(), said.subject) or None


def _request(said: Announcement) -> Mapping[str, object]:
    """Give what the vectors are asked to be: how many numbers, and how they are sent."""
    settings: Mapping[str, Any] = getattr(said.subject, "__dict__", None) or {}
    dimensions = settings.get("dimensions") or settings.get("output_dimensionality")
    more = settings.get("model_kwargs")
    encoding = more.get("encoding_format") if isinstance(more, Mapping) else None
    return {
        semconv.EMBEDDING_DIMENSIONS: dimensions if isinstance(dimensions, int) else None,
        semconv.ENCODING_FORMATS: [encoding] if isinstance(encoding, str) else None,
    }


EMBEDDINGS = Kind(
    name="embedding",
    word=semconv.EMBEDDINGS,
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
        *ALWAYS,
        (semconv.RUN_TYPE, "embedding"),
        ("gen_ai.request.*", _request),
    ),
)


def _opened(args: tuple[Any, ...], kwargs: dict[str, Any]) -> TracedCall:
    given = args[1:] or tuple(kwargs.values())  # one text, or several, whatever the method calls it
    return TracedCall(type(args[0]).__name__, EMBEDDINGS, subject=args[0], inputs=given[0] if given else None)


_WRAP = wrap_body(_opened)


def watch_embeddings(module: ModuleType) -> Undo:
    """Patch the subclasses of `Embeddings` there are, and those to come.

    Args:
        module: `langchain_core.embeddings.embeddings`.

    Returns:
        What restores them all.
    """
    return watch_subclasses(module.Embeddings, METHODS, _WRAP)
