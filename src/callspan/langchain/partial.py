"""What had come of a model's answer when its call failed, was closed or was cancelled.

LangChain hands the merged chunks of `stream` and `astream` to `on_llm_error`. It drops those of a stream inside an
`invoke` (`astream_events`, LangGraph's `messages` mode) and of a v3 event stream. When one prompt of a `generate`
fails, it drops the whole answers of the others.
"""

# Decision: nothing is kept per chunk. LangChain's own frames hold the chunks in local variables, and the traceback of
# the exception holds those frames, so they are read at the failure only. The alternative, keeping each chunk that a
# frame yields, costs about 0.1 µs and one reference for every chunk of every stream that ends well.

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from typing import Any
from weakref import ReferenceType

from callspan.core.run import Run
from callspan.core.spans import attempt
from callspan.langchain.billed import facts_of
from callspan.langchain.responses import MISSING

Reader = Callable[[], Any]
"""Returns an `LLMResult` of what had come, or None. Called once, and only if somebody wants to know."""

_MODULES = ("langchain_core.language_models.chat_models", "langchain_core.language_models.llms")
_GATHERING = frozenset({"stream", "astream", "_generate_with_cache", "_agenerate_with_cache"})
_DRIVERS = frozenset({"_iter_v2_events", "_aiter_v2_events"})
_BRIDGES = frozenset({"chunks_to_events", "achunks_to_events"})
_TELLING = ("callspan.langchain.tokens", "callspan.core.wrappers")
_ERROR_BODY = frozenset({"body", "headers", "status_code", "request_id"})


def note_failure(run: Run, error: BaseException, response: Any) -> None:
    """Keep on a model's run what LangChain reports beside an error; it is read when the run ends.

    Args:
        run: The run, which is about to end.
        error: The exception.
        response: The `LLMResult` that LangChain reports with it, or None.
    """
    run.partial = partial(_reported, run, run.partial, error, response)


def note_stream(run: Run, stream: ReferenceType[Any]) -> None:
    """Remember a model's stream: its run may end while the stream is suspended, as an end of the chain around it does.

    Args:
        run: The run, which has just started.
        stream: LangChain's generator, which nothing of ours may keep alive.
    """
    run.partial = partial(_of_stream, stream)


def note_body(run: Run, error: BaseException) -> None:
    """Keep on a model's run the chunks that its body had gathered, where LangChain is about to drop them.

    Args:
        run: The run, which has not ended.
        error: The exception that left the body.
    """
    if chunks := _chunks(error):
        run.partial = partial(_of_chunks, chunks)


def note_events(run: Run, stream: Any, error: BaseException) -> None:
    """Keep what a v3 event stream had said.

    Args:
        run: The run, which has not ended.
        stream: LangChain's stream, which has all events up to now. It holds the run's manager, so it is not kept.
        error: The exception that left the body.
    """
    run.partial = partial(_of_events, list(stream._events), _bridge(error))


def _bridge(error: BaseException) -> Mapping[str, Any] | None:
    """Return the variables of LangChain's function that makes v3 events from chunks, if it was at work.

    It reports the usage last. In a stream that is dropped half read it is gone before anybody can look.
    """
    trace = error.__traceback__
    while trace is not None:
        frame: Any = trace.tb_frame
        if frame.f_code.co_name in _DRIVERS:  # a hook may have stopped the call between two events
            events = frame.f_locals.get("event_iter")
            frame = getattr(events, "gi_frame", None) or getattr(events, "ag_frame", None) or frame
        if frame.f_code.co_name in _BRIDGES:
            kept: Mapping[str, Any] = frame.f_locals
            return kept
        trace = trace.tb_next
    return None


def _reported(run: Run, noted: Reader | None, error: BaseException, response: Any) -> Any:
    """Return what LangChain reports with an error, or what was noted before, and the bill of an unread answer."""
    given = [one for prompt in getattr(response, "generations", None) or () for one in prompt]
    generations = [one for one in given if not _is_error_body(one)]
    if (late := _late_chunk(error)) is not None:
        generations = [_merged([*generations[:1], late]), *generations[1:]]
    output: dict[str, Any] = {}
    known = None if generations or noted is None else noted()
    if known is not None:
        generations, output = known.generations[0], known.llm_output or {}
    elif generations:
        output = {"finish_reason": MISSING}
    bill = attempt("the bill of a failed call", facts_of, run, error, given) or {}
    if not generations and not bill:
        return None
    if generations and (reasons := bill.get("finish_reasons")):
        output = {**output, "finish_reason": reasons[0]}
    return _llm_result(generations, {**output, **bill})


def _of_stream(stream: ReferenceType[Any]) -> Any:
    """Return what a suspended stream has gathered."""
    body = stream()
    frame = getattr(body, "gi_frame", None) or getattr(body, "ag_frame", None)
    if frame is None or not _is_gathering(frame):
        return None
    chunks = _gathered(frame.f_locals, read=getattr(body, "ag_await", None) is None)
    return _of_chunks(chunks) if chunks else None


def _of_chunks(chunks: list[Any]) -> Any:
    return _llm_result([_merged(chunks)], {"finish_reason": MISSING})


def of_result(result: Any) -> Any:
    """Return the whole answer of one prompt, a `ChatResult`, as LangChain would report it."""
    return None if result is None else _llm_result(result.generations, result.llm_output)


def _llm_result(generations: Any, output: Any) -> Any:
    outputs: Any = import_module("langchain_core.outputs")
    return outputs.LLMResult(generations=[generations], llm_output=output)


def _is_error_body(generation: Any) -> bool:
    """Return whether LangChain made this choice of an error's HTTP response: it is nothing that a model said."""
    message = getattr(generation, "message", None)
    if message is None or type(message).__name__.endswith("Chunk"):
        return False
    said = message.content or message.tool_calls or message.usage_metadata or message.additional_kwargs
    return not said and _ERROR_BODY.issuperset(message.response_metadata)


def _chunks(error: BaseException) -> list[Any]:
    """Return the chunks in LangChain's own frame, the outermost one: one further in belongs to another model's run."""
    trace = error.__traceback__
    while trace is not None:
        if _is_gathering(trace.tb_frame):
            return _gathered(trace.tb_frame.f_locals, read=isinstance(error, GeneratorExit))
        trace = trace.tb_next
    return []


def _gathered(kept: Mapping[str, Any], *, read: bool) -> list[Any]:
    found, late = kept.get("chunks", kept.get("generation")), _late_in(kept, read=read)
    chunks = list(found) if isinstance(found, list) else [] if found is None else [found]
    return chunks if late is None else [*chunks, late]


def _late_chunk(error: BaseException) -> Any:
    """Return the chunk that LangChain had read and not yet gathered when it reported the error, or None."""
    trace = error.__traceback__
    # The frame that reports is where the exception has come up to: it is the first of the traceback.
    if trace is None or not _is_gathering(trace.tb_frame):
        return None
    kept = trace.tb_frame.f_locals
    late = _late_in(kept, read=isinstance(error, GeneratorExit))
    return _told(error) if late is None and "generation" in kept else late


def _told(error: BaseException) -> Any:
    """Return the chunk at which a hook stopped a completion model: its integration tells of it before it yields it."""
    trace = error.__traceback__
    while trace is not None:
        frame = trace.tb_frame
        if frame.f_globals.get("__name__") in _TELLING:
            kept = frame.f_locals
            found = kept.get("chunk") or (kept.get("kwargs") or {}).get("chunk")
            if hasattr(found, "text"):
                return found
        trace = trace.tb_next
    return None


def _late_in(kept: Mapping[str, Any], *, read: bool) -> Any:
    """Return the last chunk if it is not among the gathered ones.

    Args:
        kept: The variables of LangChain's frame.
        read: Whether the stream stands where its reader has the last chunk.
    """
    last, chunks = kept.get("chunk"), kept.get("chunks")
    if last is None or not (hasattr(last, "message") or hasattr(last, "text")):
        return None
    if isinstance(chunks, list):  # chat models: a hook that stops the call comes before the chunk is gathered
        return None if chunks and chunks[-1] is last else last
    return last if read else None  # completion models gather a chunk once the reader asks for the next one


def _is_gathering(frame: Any) -> bool:
    return frame.f_code.co_name in _GATHERING and frame.f_globals.get("__name__") in _MODULES


def _merged(chunks: list[Any]) -> Any:
    """Return one chunk of all, or of as many as can be put together."""
    if len(chunks) == 1:
        return chunks[0]
    try:
        if hasattr(chunks[0], "message"):
            return chunks[0] + chunks[1:]  # of chat models, which merge a list at once
    except (TypeError, ValueError):  # what breaks the merge may be what broke the stream
        pass
    whole = chunks[0]
    for chunk in chunks[1:]:
        try:
            whole = whole + chunk
        except (TypeError, ValueError):
            break
    return whole


def _of_events(events: list[Any], bridge: Mapping[str, Any] | None) -> Any:
    """Return what the events of a v3 stream add up to, as LangChain itself assembles it."""
    streams: Any = import_module("langchain_core.language_models.chat_model_stream")
    stream = streams.ChatModelStream()
    for event in [*events, *_missing(events, bridge)]:
        if event.get("event") != "error":
            stream.dispatch(event)
    message = stream.output_message
    if message is None or not (message.content or message.tool_calls or message.usage_metadata):
        return None
    outputs: Any = import_module("langchain_core.outputs")
    return _llm_result([outputs.ChatGeneration(message=message)], {"finish_reason": MISSING})


def _missing(events: list[Any], bridge: Mapping[str, Any] | None) -> list[Any]:
    """Return the events that would have closed what is open."""
    if any(event.get("event") == "message-finish" for event in events):
        return []
    if bridge is not None and "blocks" in bridge:
        ours: Any = import_module("langchain_core.language_models._compat_bridge")
        names = ("usage", "response_metadata", "additional_kwargs")
        return [
            *(ours._finalize_and_build_finish(index, block) for index, block in bridge["blocks"].values()),
            ours._build_message_finish(**{name: bridge.get(name) for name in names}),
        ]
    finished = {event.get("index") for event in events if event.get("event") == "content-block-finish"}
    texts: dict[Any, dict[str, Any]] = {}
    for event in events:
        delta: Any = event.get("delta") or event.get("content_block") or {}
        for kind in ("text", "reasoning"):
            if event.get("event") == "content-block-delta" and delta.get("type", "").startswith(kind):
                block = texts.setdefault(event.get("index"), {"type": kind, kind: ""})
                block[kind] = block.get(kind, "") + str(delta.get(kind) or "")
    return [
        *(
            {"event": "content-block-finish", "index": index, "content": block}
            for index, block in texts.items()
            if index is not None and index not in finished
        ),
        {"event": "message-finish"},
    ]
