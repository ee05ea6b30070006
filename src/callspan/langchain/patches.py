"""The callables of LangChain and LangGraph that are patched, as data; adding one is one line.

Rows are grouped by duty: who announces runs and what happens in them, where bodies begin, which frames start runs
inside themselves.
"""

from __future__ import annotations

from callspan.core.patching import Patch, Undo, install, undo_all, when_imported
from callspan.core.wrappers import WrapperFactory, call_after, call_before, wrap_body, wrap_function
from callspan.langchain import stores
from callspan.langchain.announce import ENDS, STARTS, ended, failed, interrupted, watch_sync_copy
from callspan.langchain.bodies import enter_config_body, run_frame
from callspan.langchain.callers import loop_noted
from callspan.langchain.configurable import configured
from callspan.langchain.events import ACTION, FINISH, RETRY, TEXT, custom_event, event_hook
from callspan.langchain.failures import handled, step_timed_out, timed_attempt
from callspan.langchain.model_bodies import (
    Prompts,
    batch_frame,
    enter_body,
    enter_prompts,
    event_stream_frame,
    leave_body,
    model_frame,
)
from callspan.langchain.partial import passes_reported
from callspan.langchain.pauses import graph_paused, graph_resumed
from callspan.langchain.retrievers import watch_rerankers
from callspan.langchain.unannounced import watch_embeddings

_MANAGER = "langchain_core.callbacks.manager"
_CHAT, _LLM = "langchain_core.language_models.chat_models", "langchain_core.language_models.llms"
_RUNNABLES, _FALLBACKS = "langchain_core.runnables.base", "langchain_core.runnables.fallbacks"
_GRAPH_RUNNABLES = "langgraph._internal._runnable"


def _starts() -> list[Patch]:
    return [
        Patch(_MANAGER, f"{manager}.{method}", call_after(hook, interrupted))
        for manager in ("CallbackManager", "AsyncCallbackManager")
        for method, hook in STARTS
    ]


def _ends() -> list[Patch]:
    return [
        Patch(_MANAGER, f"{colour}CallbackManagerFor{name}Run.on_{event}_{how}", call_before(hook, interrupted))
        for colour in ("", "Async")
        for name, event, outputs in ENDS
        for how, hook in (("end", ended(outputs)), ("error", failed))
    ]


_SYNC_COPIES = [Patch(_MANAGER, "AsyncCallbackManagerForLLMRun.get_sync", call_after(watch_sync_copy))]

# The base class of all run managers; the chain managers alone tell of agents.
_EVENTS = [
    *[
        Patch(_MANAGER, f"{colour}{owner}.{event.hook}", call_before(event_hook(event)))
        for colour in ("", "Async")
        for owner, event in (
            ("RunManager", TEXT),
            ("RunManager", RETRY),
            ("CallbackManagerForChainRun", ACTION),
            ("CallbackManagerForChainRun", FINISH),
        )
    ],
    *[
        Patch(_MANAGER, f"{colour}CallbackManager.on_custom_event", call_before(custom_event))
        for colour in ("", "Async")
    ],
    *[
        Patch("langgraph.callbacks", f"{manager}.{method}", call_before(hook))
        for manager in ("_GraphCallbackManager", "_AsyncGraphCallbackManager")
        for method, hook in (("on_interrupt", graph_paused), ("on_resume", graph_resumed))
    ],
]

# `_set_config_context` runs in the context that is copied for one body. Older cores import it by name.
_CONFIG_BODIES = [
    Patch(module, "_set_config_context", call_after(enter_config_body))
    for module in (
        "langchain_core.runnables.config",
        _RUNNABLES,
        _FALLBACKS,
        "langchain_core.tools.base",
        _GRAPH_RUNNABLES,
        "langgraph.utils.runnable",
    )
]

# Without a tool call id nothing that a tool returns shows that it turned its exception into an answer.
_HANDLED_ERRORS = [
    Patch("langchain_core.tools.base", name, call_after(handled))
    for name in ("_handle_tool_error", "_handle_validation_error")
]

# Where LangGraph gives nodes up whose time is over.
_TIME_LIMITS = [
    Patch("langgraph.pregel._retry", "_arun_with_timeout", wrap_body(timed_attempt)),
    Patch("langgraph.pregel._executor", "AsyncBackgroundExecutor.__aexit__", call_before(step_timed_out)),
]

_THREADS = [Patch("langchain_core.runnables.config", "partial", loop_noted)]

_CONFIGURED = [
    Patch(module, function, call_after(configured))
    for module in (_RUNNABLES, "langchain_core.runnables.branch", _FALLBACKS, _GRAPH_RUNNABLES, "langgraph.pregel.main")
    for function in ("get_callback_manager_for_config", "get_async_callback_manager_for_config")
]

_PROMPTS = wrap_function(enter_prompts, Prompts.leave)
_RUN_MANAGERS = wrap_body(model_frame(3, "run_managers"))

_MODEL_BODIES = [
    Patch(_CHAT, "BaseChatModel._generate_with_cache", wrap_function(enter_body, leave_body)),
    Patch(_CHAT, "BaseChatModel._agenerate_with_cache", wrap_body(model_frame(3, "run_manager"))),
    Patch(_CHAT, "BaseChatModel._iter_v2_events", wrap_body(event_stream_frame)),
    Patch(_CHAT, "BaseChatModel._aiter_v2_events", wrap_body(event_stream_frame)),
    Patch(_CHAT, "BaseChatModel.generate", _PROMPTS),
    Patch(_CHAT, "BaseChatModel.agenerate", wrap_body(batch_frame)),
    Patch(_LLM, "BaseLLM._generate_helper", _RUN_MANAGERS),
    Patch(_LLM, "BaseLLM._agenerate_helper", _RUN_MANAGERS),
    Patch(_LLM, "BaseLLM.generate", _PROMPTS),
    Patch(_LLM, "BaseLLM.agenerate", wrap_body(batch_frame)),
]


def _scopes(module: str, cls: str, methods: str, factory: WrapperFactory) -> list[Patch]:
    return [Patch(module, f"{cls}.{method}", factory) for method in methods.split()]


_MODEL, _TOOL, _RETRIEVER = (wrap_body(run_frame(name, first=True)) for name in ("llm", "tool", "retriever"))
_CHAIN = wrap_body(run_frame("chain"))
_CHAIN_OF_ONE = wrap_body(run_frame("chain", first=True, inputs_at=1))

_SCOPES = [
    *_scopes(_CHAT, "BaseChatModel", "stream astream", _MODEL),
    *_scopes(_LLM, "BaseLLM", "stream astream", _MODEL),
    *_scopes("langchain_core.tools.base", "BaseTool", "run arun", _TOOL),
    *_scopes("langchain_core.retrievers", "BaseRetriever", "invoke ainvoke", _RETRIEVER),
    *_scopes("langchain_core.runnables.branch", "RunnableBranch", "invoke ainvoke stream astream", _CHAIN),
    *_scopes(_FALLBACKS, "RunnableWithFallbacks", "invoke ainvoke stream astream", _CHAIN),
    *_scopes(_FALLBACKS, "RunnableWithFallbacks", "batch abatch", _CHAIN_OF_ONE),
    *_scopes(_RUNNABLES, "RunnableSequence", "batch abatch", _CHAIN_OF_ONE),
    *_scopes(
        _RUNNABLES,
        "Runnable",
        "_batch_with_config _abatch_with_config",
        wrap_body(run_frame("chain", first=True, inputs_at=2)),
    ),
    *_scopes(_GRAPH_RUNNABLES, "RunnableSeq", "invoke ainvoke stream astream", _CHAIN),
    *_scopes("langgraph.pregel.main", "Pregel", "stream astream", _CHAIN),
    *[
        patch
        for package in ("langchain_classic", "langchain")
        for patch in (
            *_scopes(f"{package}.chains.base", "Chain", "invoke ainvoke", _CHAIN),
            *_scopes(f"{package}.agents.agent_iterator", "AgentExecutorIterator", "__iter__ __aiter__", _CHAIN),
            *_scopes(f"{package}.retrievers.ensemble", "EnsembleRetriever", "invoke ainvoke", _RETRIEVER),
        )
    ],
]

PATCHES: tuple[Patch, ...] = (
    *_starts(),
    *_ends(),
    *_SYNC_COPIES,
    *_EVENTS,
    *_HANDLED_ERRORS,
    *_TIME_LIMITS,
    *_CONFIG_BODIES,
    *_THREADS,
    *_CONFIGURED,
    *_MODEL_BODIES,
    *_SCOPES,
)


# The one place where what Anthropic reports of its passes is whole, in a stream too.
INTEGRATIONS: tuple[Patch, ...] = tuple(
    Patch(module, "_create_usage_metadata", call_after(passes_reported))
    for module in (
        "langchain_anthropic.chat_models",
        "langchain_google_vertexai.model_garden",
        "langchain_google_vertexai._anthropic_utils",
    )
)
"""What is patched of integrations of providers."""


def install_all() -> Undo:
    """Patch what is imported, and the rest when it is.

    Returns:
        What restores every original.
    """
    return undo_all(
        [
            install(PATCHES),
            install(INTEGRATIONS),
            when_imported("langchain_core.embeddings.embeddings", watch_embeddings),
            when_imported("langchain_core.documents.compressor", watch_rerankers),
            when_imported("langgraph.store.memory", stores.watch_memory),
            when_imported("langgraph.store.base.batch", stores.watch_batched),
        ]
    )
