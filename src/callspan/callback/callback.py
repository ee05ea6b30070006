"""`Callback`: a span processor that receives LangChain's events, with the live span and the raw objects."""

from __future__ import annotations

import functools
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar, cast

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor

from callspan.callback import foreign
from callspan.callback.checks import check_class, check_late, hooks_of, overridden
from callspan.core import state
from callspan.core.dispatch import call_override, subscriptions
from callspan.core.patching import when_imported
from callspan.core.run import Run

_log = logging.getLogger("callspan")

HookResult = Awaitable[None] | None
"""What a hook returns: nothing, or, if it is an `async def`, what is awaited."""


def _ignores() -> bool:
    """Answer LangChain that a callback ignores an event; log once if nothing else notifies it."""
    if not state.is_active() and state.first_time("hears nothing"):
        _log.warning("a callback in LangChain's lists hears nothing: call callspan.instrument()")
    return True


if TYPE_CHECKING:
    # So that type checkers accept a callback where LangChain wants a handler.
    LangChainHandler: Any = cast("Any", object)
else:

    class _Root:
        """Another empty class than `object` at the end: CPython changes no other bases."""

    class LangChainHandler(_Root):
        """Gets LangChain's `BaseCallbackHandler` as its base once that is imported: pydantic asks `isinstance`.

        So a callback can stand in LangChain's lists, which calls nothing on it.
        """

        run_inline = False
        ignore_llm = property(lambda self: _ignores())
        ignore_chat_model = ignore_chain = ignore_agent = ignore_retriever = ignore_llm
        ignore_retry = ignore_custom_event = ignore_llm


def _become_handler(module: Any) -> Any:
    handler: Any = LangChainHandler
    try:
        handler.__bases__ = (module.BaseCallbackHandler,)
    except TypeError as error:  # a class of the user's whose bases then have no order
        _log.warning("callbacks cannot stand in LangChain's lists: %s", error)
    return lambda: None


when_imported("langchain_core.callbacks.base", _become_handler)


class Callback(SpanProcessor, LangChainHandler):  # type: ignore[misc]  # pyright: ignore[reportUntypedBaseClass]
    """Receives the events of runs; override the hooks you need, each as a `def` or an `async def`.

    It needs no `super().__init__()`. A callback that receives a run's start receives exactly one end or error of it: an
    error if the call failed or was stopped, else an end; `run.outcome` has the outcome. An exception of a hook is
    logged and the call goes on, unless it is a `Stop`.
    """

    raise_error: bool = False
    """Whether every exception of a hook ends the call, as LangChain's handlers have it; a `Stop` does in any case."""

    kinds: Iterable[str] = ()
    """The kinds of runs it receives (`llm`, `chain`, `tool`, `retriever`, `embedding`), or their operations, such as
    `invoke_agent`; empty: all."""

    names: Iterable[str] = ()
    """The names of the runs that it receives; empty: all."""

    tags: Iterable[str] = ()
    """It receives runs with one of these tags; empty: all."""

    callspan_heard: frozenset[str] = frozenset()
    callspan_spans: ClassVar[bool] = False
    callspan_keywords: ClassVar[bool] = False
    callspan_failures: int = 0
    callspan_checked: bool = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name in ("kinds", "names", "tags"):
            if isinstance(given := getattr(cls, name), Iterator):  # it could be read once only
                setattr(cls, name, tuple(given))
        check_class(cls, Callback)
        cls.callspan_heard = overridden(cls, Callback)
        for name in ("on_start", "on_end"):
            method = getattr(cls, name)
            if method is not getattr(Callback, name) and not hasattr(method, "callspan_guarded"):  # also a mixin's
                setattr(cls, name, _guarded(name, method))
                cls.callspan_spans = True

    def wants(self, run: Run) -> bool:
        """Return whether to receive this run's events; called once. By default `kinds`, `names` and `tags` decide."""
        return is_selected(run, self.kinds, self.names, self.tags)

    # Every kind of run.
    def on_run_start(self, run: Run) -> HookResult:
        """A run starts: its span is current, its body has not begun."""

    def on_run_end(self, run: Run) -> HookResult:
        """A run has ended other than by a failure; its span can still be written."""

    def on_run_error(self, run: Run) -> HookResult:
        """A run has failed or was stopped, by `run.error`."""

    # Models.
    def on_llm_start(self, run: Run) -> HookResult:
        """A model is asked; a chat model too, unless `on_chat_model_start` is overridden."""

    def on_chat_model_start(self, run: Run) -> HookResult:
        """A chat model is asked `run.messages`."""

    def on_llm_end(self, run: Run) -> HookResult:
        """A model has answered: `run.message`, `run.usage`, `run.outputs`."""

    def on_llm_error(self, run: Run) -> HookResult:
        """A model has failed."""

    def on_llm_new_token(self, run: Run, token: Any, chunk: Any) -> HookResult:
        """A model has produced a token.

        Args:
            run: The model's run.
            token: The text, or a list of content blocks.
            chunk: LangChain's chunk, or None.
        """

    def on_stream_event(self, run: Run, event: Any) -> HookResult:
        """A model has produced an event of the newer streaming protocol (`stream_events` version 3)."""

    # Chains: also graphs, nodes, agents, prompts, parsers.
    def on_chain_start(self, run: Run) -> HookResult:
        """A chain, graph or node starts."""

    def on_chain_end(self, run: Run) -> HookResult:
        """A chain, graph or node has ended."""

    def on_chain_error(self, run: Run) -> HookResult:
        """A chain, graph or node has failed."""

    # Tools.
    def on_tool_start(self, run: Run) -> HookResult:
        """A tool is called."""

    def on_tool_end(self, run: Run) -> HookResult:
        """A tool has answered, `run.outputs`."""

    def on_tool_error(self, run: Run) -> HookResult:
        """A tool has failed."""

    # Retrievers.
    def on_retriever_start(self, run: Run) -> HookResult:
        """A retriever is asked."""

    def on_retriever_end(self, run: Run) -> HookResult:
        """A retriever has found `run.outputs`."""

    def on_retriever_error(self, run: Run) -> HookResult:
        """A retriever has failed."""

    # Embeddings, for which LangChain has no events.
    def on_embedding_start(self, run: Run) -> HookResult:
        """Texts are embedded."""

    def on_embedding_end(self, run: Run) -> HookResult:
        """Texts were embedded."""

    def on_embedding_error(self, run: Run) -> HookResult:
        """An embedding model has failed."""

    # In the middle of a run.
    def on_text(self, run: Run, text: str) -> HookResult:
        """A classic chain has produced a text."""

    def on_retry(self, run: Run, state: Any) -> HookResult:
        """A model's integration tries again; `state` is tenacity's `RetryCallState`."""

    def on_agent_action(self, run: Run, action: Any) -> HookResult:
        """A classic agent has decided what to do."""

    def on_agent_finish(self, run: Run, finish: Any) -> HookResult:
        """A classic agent is done."""

    def on_custom_event(self, run: Run, name: str, data: Any) -> HookResult:
        """The program has dispatched an event, by `dispatch_custom_event`."""

    def on_interrupt(self, run: Run, event: Any) -> HookResult:
        """A graph pauses; `event` is LangGraph's `GraphInterruptEvent` or, where it has none, one with its fields."""

    def on_resume(self, run: Run, event: Any) -> HookResult:
        """A graph goes on after a pause; `event` is LangGraph's `GraphResumeEvent`, or one with its fields."""

    # OpenTelemetry's own.
    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """A span has started, a run's or any other; an override calls `super()`."""
        if not foreign.subscribe_by_sdk(self, parent_context):
            foreign.started(self, span, parent_context)

    def on_end(self, span: ReadableSpan) -> None:
        """A span has ended; an override calls `super()`."""
        foreign.ended(self, span)


def _guarded(name: str, override: Callable[..., None]) -> Callable[..., None]:
    """Wrap an override of OpenTelemetry's own methods: the SDK lets its exceptions out into the user's call."""

    @functools.wraps(override)
    def method(self: Callback, span: Any, *args: Any, **kwargs: Any) -> None:
        if getattr(type(self), name) is not method:  # a subclass overrides it too, and is guarded
            override(self, span, *args, **kwargs)
            return
        if name == "on_start":
            foreign.subscribe_by_sdk(self, args[0] if args else kwargs.get("parent_context"))
        if foreign.is_first(self, span, name):
            call_override(self, name, override, self, span, *args, **kwargs)

    method.callspan_guarded = True  # type: ignore[attr-defined]  # pyright: ignore[reportFunctionMemberAccess]
    return method


def is_selected(run: Run, kinds: Iterable[str], names: Iterable[str], tags: Iterable[str]) -> bool:
    """Return whether a run is among those; an empty selection selects all."""
    return (
        (not kinds or run.kind in (wanted := _several(kinds)) or run.operation in wanted)
        and (not names or run.name in _several(names))
        and (not tags or any(tag in _several(tags) for tag in run.tags))
    )


def _several(given: Iterable[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)  # one text is one name, not its letters


HOOKS = tuple(hooks_of(Callback))  # the hooks that callspan calls

subscriptions.callback_class = Callback
subscriptions.check = functools.partial(check_late, Callback)
