"""`Callback`: a span processor that hears LangChain's events, with the live span and the raw objects."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Any, ClassVar

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor

from callspan.callback import foreign
from callspan.callback.checks import check_class, check_late, overridden
from callspan.callback.selection import KINDS, is_selected
from callspan.callback.shim import LangChainHandler
from callspan.core.dispatch import call_override, subscriptions
from callspan.core.run import Run

Heard = Awaitable[None] | None
"""What a hook gives back: nothing, or, if it is an `async def`, what is awaited."""


class Callback(SpanProcessor, LangChainHandler):  # type: ignore[misc]  # pyright: ignore[reportUntypedBaseClass]
    """Hears the events of runs; override the hooks you need, each as a `def` or an `async def`.

    It needs no `super().__init__()`. Whoever hears a run's start hears exactly one end or error of it: an error if the
    call failed or was stopped, an end otherwise, with `run.outcome` saying which. An exception of a hook is logged and
    the call goes on, unless it is a `Stop`.
    """

    raise_error: bool = False
    """Whether every exception of a hook ends the call, as LangChain's handlers have it; a `Stop` does in any case."""

    kinds: Iterable[str] = ()
    """Which runs it hears: kinds (`llm`, `chain`, `tool`, `retriever`, `embedding`) and operations (`invoke_agent`
    and its likes); empty: all."""

    names: Iterable[str] = ()
    """The names of the runs that it hears; empty: all."""

    tags: Iterable[str] = ()
    """It hears runs with one of these tags; empty: all."""

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
        check_class(cls, Callback, HOOKS)
        cls.callspan_heard = overridden(cls, Callback, HOOKS)
        for name in ("on_start", "on_end"):
            method = getattr(cls, name)
            if method is not getattr(Callback, name) and not hasattr(method, "callspan_guarded"):  # also a mixin's
                setattr(cls, name, _guarded(name, method))
                cls.callspan_spans = True

    def wants(self, run: Run) -> bool:
        """Tell whether to hear this run; asked once, when it starts. By default `kinds`, `names` and `tags` say."""
        return is_selected(run, self.kinds, self.names, self.tags)

    # Every kind of run.
    def on_run_start(self, run: Run) -> Heard:
        """A run starts: its span is current, its body has not begun."""

    def on_run_end(self, run: Run) -> Heard:
        """A run has ended other than by a failure; its span can still be written."""

    def on_run_error(self, run: Run) -> Heard:
        """A run has failed or was stopped, by `run.error`."""

    # Models.
    def on_llm_start(self, run: Run) -> Heard:
        """A model is asked; a chat model too, unless `on_chat_model_start` is overridden."""

    def on_chat_model_start(self, run: Run) -> Heard:
        """A chat model is asked `run.messages`."""

    def on_llm_end(self, run: Run) -> Heard:
        """A model has answered: `run.message`, `run.usage`, `run.outputs`."""

    def on_llm_error(self, run: Run) -> Heard:
        """A model has failed."""

    def on_llm_new_token(self, run: Run, token: Any, chunk: Any) -> Heard:
        """A model has said something.

        Args:
            run: The model's run.
            token: The text, or a list of content blocks.
            chunk: LangChain's chunk, or None.
        """

    def on_stream_event(self, run: Run, event: Any) -> Heard:
        """A model has said something in a stream of the newer protocol (`stream_events` version 3)."""

    # Chains: also graphs, nodes, agents, prompts, parsers.
    def on_chain_start(self, run: Run) -> Heard:
        """A chain, graph or node starts."""

    def on_chain_end(self, run: Run) -> Heard:
        """A chain, graph or node has ended."""

    def on_chain_error(self, run: Run) -> Heard:
        """A chain, graph or node has failed."""

    # Tools.
    def on_tool_start(self, run: Run) -> Heard:
        """A tool is called."""

    def on_tool_end(self, run: Run) -> Heard:
        """A tool has answered, `run.outputs`."""

    def on_tool_error(self, run: Run) -> Heard:
        """A tool has failed."""

    # Retrievers.
    def on_retriever_start(self, run: Run) -> Heard:
        """A retriever is asked."""

    def on_retriever_end(self, run: Run) -> Heard:
        """A retriever has found `run.outputs`."""

    def on_retriever_error(self, run: Run) -> Heard:
        """A retriever has failed."""

    # Embeddings, of which LangChain tells nothing.
    def on_embedding_start(self, run: Run) -> Heard:
        """Texts are embedded."""

    def on_embedding_end(self, run: Run) -> Heard:
        """Texts were embedded."""

    def on_embedding_error(self, run: Run) -> Heard:
        """An embedding model has failed."""

    # What happens in the middle of a run.
    def on_text(self, run: Run, text: str) -> Heard:
        """A classic chain says something."""

    def on_retry(self, run: Run, state: Any) -> Heard:
        """A model's integration tries again; `state` is tenacity's `RetryCallState`."""

    def on_agent_action(self, run: Run, action: Any) -> Heard:
        """A classic agent has decided what to do."""

    def on_agent_finish(self, run: Run, finish: Any) -> Heard:
        """A classic agent is done."""

    def on_custom_event(self, run: Run, name: str, data: Any) -> Heard:
        """The program said something, by `dispatch_custom_event`."""

    def on_interrupt(self, run: Run, event: Any) -> Heard:
        """A graph pauses; `event` is LangGraph's `GraphInterruptEvent` or, where it has none, one with its fields."""

    def on_resume(self, run: Run, event: Any) -> Heard:
        """A graph goes on after a pause; `event` is LangGraph's `GraphResumeEvent`, or one with its fields."""

    # OpenTelemetry's own.
    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """A span has started, a run's or somebody else's; an override calls `super()`."""
        if not foreign.is_run(self, parent_context):
            foreign.started(self, span, parent_context)

    def on_end(self, span: ReadableSpan) -> None:
        """A span has ended; an override calls `super()`."""
        foreign.ended(self, span)


def _guarded(name: str, override: Callable[..., None]) -> Callable[..., None]:
    """Guard an override of OpenTelemetry's own methods: the SDK lets its exceptions through to whose span it is.

    Args:
        name: The method.
        override: The user's own.
    """

    @functools.wraps(override)
    def method(self: Callback, span: Any, *args: Any, **kwargs: Any) -> None:
        if getattr(type(self), name) is not method:  # a subclass overrides it too, and is guarded
            override(self, span, *args, **kwargs)
            return
        if name == "on_start":
            foreign.is_run(self, args[0] if args else kwargs.get("parent_context"))
        if foreign.is_first(self, span, name):
            call_override(self, name, override, self, span, *args, **kwargs)

    method.callspan_guarded = True  # type: ignore[attr-defined]  # pyright: ignore[reportFunctionMemberAccess]
    return method


HOOKS = (
    *(f"on_{kind}_{event}" for kind in ("run", *KINDS) for event in ("start", "end", "error")),
    *("on_chat_model_start", "on_llm_new_token", "on_stream_event", "on_text", "on_retry"),
    *("on_agent_action", "on_agent_finish", "on_custom_event", "on_interrupt", "on_resume"),
)
"""The hooks that callspan calls."""

subscriptions.callback_class = Callback
subscriptions.check = functools.partial(check_late, Callback, HOOKS)
