"""A handler of LangChain's as a callback, for the scopes that LangChain does not have."""

from __future__ import annotations

from asyncio import iscoroutine
from collections.abc import Coroutine, Mapping
from typing import Any

from callspan import semconv
from callspan.callback.callback import Callback
from callspan.core.dispatch import log_failure
from callspan.core.errors import ToolError
from callspan.core.lifecycle import ABANDONED, Unread
from callspan.core.run import UNREPORTED, Run
from callspan.langchain.models import DECISION
from callspan.langchain.others import warn_of_handlers
from callspan.langchain.retrievers import RERANKER
from callspan.langchain.runs import NO_DICT
from callspan.langchain.workflows import NAMED

Told = Coroutine[Any, Any, None] | None
"""What is to be awaited of a handler's method, if it is an asynchronous one."""

_IGNORED = {"llm": "ignore_llm", "chain": "ignore_chain", "tool": "ignore_agent", "retriever": "ignore_retriever"}
"""By what starts and ends: the handler's flag that says it is not to be told of it."""

_STARTS = {"llm": ("prompts", "messages"), "chain": ("inputs",), "tool": ("input_str",), "retriever": ("query",)}
_ENDS = {"llm": "response", "chain": "outputs", "tool": "output", "retriever": "documents"}
"""What LangChain calls the input and the result."""

_IN_THE_MIDDLE = (
    *("on_llm_new_token", "on_stream_event", "on_text", "on_retry", "on_agent_action", "on_agent_finish"),
    *("on_custom_event", "on_interrupt", "on_resume"),
)

_NOTHING: Mapping[str, Any] = {}


class FromLangChain(Callback):
    """Tells a handler of LangChain's, of either kind, what LangChain would: the same events, order and arguments.

    So it hears a process or a block, and a `Stop` of its methods ends the call. Methods that are no coroutine functions
    are called where the call is made, never in a thread. Other than by LangChain it is told of a model's call that is
    cancelled in `agenerate`, of the streams that a failed chain leaves half read, before the chain's end, and of a
    `callspan.workflow`, as the chain group that it is; runs inside it are its children. Of embeddings, rerankers and
    the spans of other instrumentations it is told nothing.

    Args:
        handler: An instance of a class of `BaseCallbackHandler` or `AsyncCallbackHandler`.

    Raises:
        TypeError: It is none, or one that LangChain has to find in its own lists.
    """

    callspan_keywords = True

    def __init__(self, handler: Any) -> None:
        _check(handler)
        warn_of_handlers((handler,))
        self.handler = handler
        self.raise_error = bool(handler.raise_error)
        self.callspan_heard = frozenset(
            hook for hook in type(self).callspan_heard if hook not in _IN_THE_MIDDLE or _hears(handler, hook)
        )

    def __repr__(self) -> str:
        return f"FromLangChain({self.handler!r})"

    def wants(self, run: Run) -> bool:
        """Return whether LangChain announces such runs."""
        return run.kind in _IGNORED and not run.is_foreign and run.row is not RERANKER and super().wants(run)

    def on_run_start(self, run: Run) -> Told:
        kind = _kind(run)
        said = {
            **_without(run.extra, "serialized", *_STARTS[kind]),
            **self._which(run),
            "metadata": run.metadata or {},
        }
        if run.row is NAMED:
            return self._tell("on_chain_start", "ignore_chain", {"name": run.name}, {}, **said)
        serialized = None if run.serialized is NO_DICT else run.serialized
        if kind != "llm":
            if kind == "tool":
                said.setdefault("inputs", None)
            return self._tell(f"on_{kind}_start", _IGNORED[kind], serialized, run.inputs, **said)
        if run.operation == semconv.CHAT:
            return self._tell("on_chat_model_start", "ignore_chat_model", serialized, [run.inputs], **said)
        return self._tell("on_llm_start", "ignore_llm", serialized, [run.inputs], **said)

    def on_run_end(self, run: Run) -> Told:
        """Report an end as LangChain reported it: what is no failure of the call may have come as an error."""
        if run.error is not None and type(run.error) is not ToolError:
            return self.on_run_error(run)
        if run.outcome in (UNREPORTED, ABANDONED):
            return None
        kind = _kind(run)
        outputs = {} if run.row is NAMED else run.outputs
        said = _without(run.extra_at_end, _ENDS[kind])
        return self._tell(f"on_{kind}_end", _IGNORED[kind], outputs, **said, **self._which(run))

    def on_run_error(self, run: Run) -> Told:
        if type(run.error) is ToolError:
            return self.on_run_end(run)  # LangChain has an answer
        kind = _kind(run)
        said = _without(run.extra_at_end, "error")
        if type(run.error) is Unread and run.kind == "llm":
            said["response"] = run.outputs  # as LangChain tells it when it closes the stream, which may be never
        return self._tell(f"on_{kind}_error", _IGNORED[kind], run.error, **said, **self._which(run))

    def on_llm_new_token(self, run: Run, token: Any, chunk: Any, more: Mapping[str, Any] = _NOTHING) -> Told:
        said = _without(more, "token", "chunk")
        return self._tell("on_llm_new_token", "ignore_llm", token, chunk=chunk, **said, **self._which(run))

    def on_stream_event(self, run: Run, event: Any, more: Mapping[str, Any] = _NOTHING) -> Told:
        said = _without(more, "event")
        return self._tell("on_stream_event", "ignore_llm", event, **said, **self._which(run))

    def on_text(self, run: Run, text: str, more: Mapping[str, Any] = _NOTHING) -> Told:
        return self._tell("on_text", None, text, **_without(more, "text"), **self._which(run))

    def on_retry(self, run: Run, state: Any, more: Mapping[str, Any] = _NOTHING) -> Told:
        said = _without(more, "retry_state")
        return self._tell("on_retry", "ignore_retry", state, **said, **self._which(run))

    def on_agent_action(self, run: Run, action: Any, more: Mapping[str, Any] = _NOTHING) -> Told:
        said = _without(more, "action")
        return self._tell("on_agent_action", "ignore_agent", action, **said, **self._which(run))

    def on_agent_finish(self, run: Run, finish: Any, more: Mapping[str, Any] = _NOTHING) -> Told:
        said = _without(more, "finish")
        return self._tell("on_agent_finish", "ignore_agent", finish, **said, **self._which(run))

    def on_custom_event(self, run: Run, name: str, data: Any, more: Mapping[str, Any] = _NOTHING) -> Told:
        return self._tell("on_custom_event", "ignore_custom_event", name, data, run_id=run.id, **more)

    def on_interrupt(self, run: Run, event: Any, more: Mapping[str, Any] = _NOTHING) -> Told:
        return self._tell("on_interrupt", None, event)

    def on_resume(self, run: Run, event: Any, more: Mapping[str, Any] = _NOTHING) -> Told:
        return self._tell("on_resume", None, event)

    def _which(self, run: Run) -> dict[str, Any]:
        """Write which run it is; a workflow, of which LangChain does not know, has its place among the others."""
        above, parent = run.parent, run.parent_id
        if above is not None and (run.row is NAMED or above.row is NAMED):
            parent = above.id if any(one is self for one in above.subscribers) else parent
        tags = run.tags if isinstance(run.tags, list) else list(run.tags)
        return {"run_id": run.id, "parent_run_id": parent, "tags": tags}

    def _tell(self, event: str, ignored: str | None, /, *args: Any, **keywords: Any) -> Told:
        """Call a method of the handler, as LangChain does.

        Args:
            event: The method.
            ignored: The flag of the handler that says it is not to be called.
            *args: What it gets.
            **keywords: Likewise.
        """
        if ignored is not None and getattr(self.handler, ignored):
            return None
        try:
            result = getattr(self.handler, event)(*args, **keywords)
        except NotImplementedError as error:
            return self._instead(event, error, args, keywords)
        return self._awaited(result, event, args, keywords) if iscoroutine(result) else None

    async def _awaited(self, result: Any, event: str, args: tuple[Any, ...], keywords: dict[str, Any]) -> None:
        try:
            await result
        except NotImplementedError as error:
            instead = self._instead(event, error, args, keywords)
            if instead is not None:
                await instead

    def _instead(self, event: str, error: Exception, args: tuple[Any, ...], keywords: dict[str, Any]) -> Told:
        """Notify a handler that does not know chat models of the messages as one text."""
        if event != "on_chat_model_start":
            log_failure(self, event, error)
            return None
        from langchain_core.messages import get_buffer_string

        serialized, messages = args
        texts = [get_buffer_string(given) for given in messages]
        return self._tell("on_llm_start", "ignore_llm", serialized, texts, **keywords)


def _kind(run: Run) -> str:
    """Return what LangChain says the run is: it announces decision models as chains."""
    return "chain" if run.row is DECISION else run.kind


def _without(keywords: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in keywords.items() if name not in names}


def _hears(handler: Any, hook: str) -> bool:
    """Return whether a handler has such a method of its own; those of the base classes do nothing."""
    if hook in ("on_interrupt", "on_resume") and not _is_a(handler, "GraphCallbackHandler"):
        return False
    module = getattr(getattr(handler, hook, None), "__module__", None)
    return module not in (None, "langchain_core.callbacks.base", "langgraph.callbacks")


def _check(handler: Any) -> None:
    """Check that a handler can be told from here.

    Raises:
        TypeError: It cannot.
    """
    if isinstance(handler, Callback):
        raise TypeError(f"{handler!r} is a callback already, and no handler of LangChain's")
    if not _is_a(handler, "BaseCallbackHandler"):
        raise TypeError(f"{handler!r} is no handler of LangChain's: an instance of a class of BaseCallbackHandler")
    if hasattr(handler, "tap_output_iter") or _is_a(handler, "_V2StreamingCallbackHandler"):
        raise TypeError(
            f"{type(handler).__name__} cannot be adapted, for LangChain has to find it in its own lists: "
            "give it in config={'callbacks': [...]}"
        )


def _is_a(handler: Any, base: str) -> bool:
    """Return whether it is of a class of LangChain's, by name: that may not be imported before the user does."""
    return any(
        cls.__name__ == base and cls.__module__.partition(".")[0] in ("langchain_core", "langgraph")
        for cls in type(handler).__mro__
    )
