"""What had come of a model's answer when its call failed, was closed or was cancelled.

LangChain hands the merged chunks of `stream` and `astream` to `on_llm_error`. It drops those of a stream inside an
`invoke` (`astream_events`, LangGraph's `messages` mode) and of a v3 event stream. When one prompt of a `generate`
fails, it drops the whole answers of the others.

An exception may hold a billed answer that the client could not read: its id, model, usage and finish reasons are read.
"""

# Decision: nothing is kept per chunk. LangChain's own frames hold the chunks in local variables, and the traceback of
# the exception holds those frames, so they are read at the failure only. The alternative, keeping each chunk that a
# frame yields, costs about 0.1 µs and one reference for every chunk of every stream that ends well.

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from importlib import import_module
from threading import RLock
from time import time_ns
from typing import Any
from weakref import ReferenceType

from opentelemetry.context import get_current

from callspan.core.errors import Origin, origin
from callspan.core.keys import RUN
from callspan.core.run import Run
from callspan.core.spans import attempt
from callspan.langchain.content import value_of
from callspan.langchain.responses import MISSING, once
from callspan.langchain.usage import from_provider

# Returns an `LLMResult` of what had come, or None. Called at most once.
Reader = Callable[[], Any]

_MODULES = ("langchain_core.language_models.chat_models", "langchain_core.language_models.llms")
_GATHERING = frozenset({"stream", "astream", "_generate_with_cache", "_agenerate_with_cache"})
_DRIVERS = frozenset({"_iter_v2_events", "_aiter_v2_events"})
_BRIDGES = frozenset({"chunks_to_events", "achunks_to_events"})
_REPORTING = ("callspan.langchain.streaming", "callspan.core.wrappers")
_ERROR_BODY = frozenset({"body", "headers", "status_code", "request_id"})


def note_failure(run: Run, error: BaseException, response: Any) -> None:
    """Keep on a model's run what LangChain reports beside an error; it is read when the run ends."""
    run.partial = partial(_reported, run, run.partial, error, response)


def note_stream(run: Run, stream: ReferenceType[Any]) -> None:
    """Remember a model's stream: its run may end while the stream is suspended, with the chain around it."""
    run.partial = partial(_of_stream, stream)


def note_body(run: Run, error: BaseException) -> None:
    """Keep on a model's run the chunks that its body had gathered, where LangChain is about to drop them."""
    if chunks := _chunks(error):
        run.partial = partial(_of_chunks, chunks)


def note_events(run: Run, stream: Any, error: BaseException) -> None:
    """Keep the events of a v3 event stream."""
    run.partial = partial(_of_events, list(stream._events), _bridge(error))


def _bridge(error: BaseException) -> Mapping[str, Any] | None:
    """Return the variables of LangChain's function that makes v3 events from chunks, if it was at work.

    It reports the usage last. In a stream that is dropped half read it is gone before anybody can look.
    """
    for outer in _frames(error):
        frame = outer
        if frame.f_code.co_name in _DRIVERS:  # a hook may have stopped the call between two events
            events = frame.f_locals.get("event_iter")
            frame = getattr(events, "gi_frame", None) or getattr(events, "ag_frame", None) or frame
        if frame.f_code.co_name in _BRIDGES:
            kept: Mapping[str, Any] = frame.f_locals
            return kept
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
    """Return whether LangChain made this choice of an error's HTTP response: it is no answer of a model."""
    message = getattr(generation, "message", None)
    if message is None or type(message).__name__.endswith("Chunk"):
        return False
    said = message.content or message.tool_calls or message.usage_metadata or message.additional_kwargs
    return not said and _ERROR_BODY.issuperset(message.response_metadata)


def _chunks(error: BaseException) -> list[Any]:
    """Return the chunks in LangChain's own frame, the outermost one: one further in belongs to another model's run."""
    for frame in _frames(error):
        if _is_gathering(frame):
            return _gathered(frame.f_locals, read=isinstance(error, GeneratorExit))
    return []


def _gathered(kept: Mapping[str, Any], *, read: bool) -> list[Any]:
    found, late = kept.get("chunks", kept.get("generation")), _late_in(kept, read=read)
    chunks = list(found) if isinstance(found, list) else [] if found is None else [found]
    return chunks if late is None else [*chunks, late]


def _late_chunk(error: BaseException) -> Any:
    """Return the chunk that LangChain had read and not yet gathered when it reported the error, or None."""
    # The frame that reports is where the exception has come up to: it is the first of the traceback.
    frame = next(_frames(error), None)
    if frame is None or not _is_gathering(frame):
        return None
    kept = frame.f_locals
    late = _late_in(kept, read=isinstance(error, GeneratorExit))
    return _chunk_of_hook(error) if late is None and "generation" in kept else late


def _chunk_of_hook(error: BaseException) -> Any:
    """Return the chunk at which a hook stopped a completion model: its integration reports it before it yields it."""
    for frame in _frames(error):
        if frame.f_globals.get("__name__") in _REPORTING:
            kept = frame.f_locals
            found = kept.get("chunk") or (kept.get("kwargs") or {}).get("chunk")
            if hasattr(found, "text"):
                return found
    return None


def _late_in(kept: Mapping[str, Any], *, read: bool) -> Any:
    """Return the last chunk if it is not among the gathered ones."""
    last, chunks = kept.get("chunk"), kept.get("chunks")
    if last is None or not (hasattr(last, "message") or hasattr(last, "text")):
        return None
    if isinstance(chunks, list):  # chat models: a hook that stops the call comes before the chunk is gathered
        return None if chunks and chunks[-1] is last else last
    return last if read else None  # completion models gather a chunk once the reader asks for the next one


def _frames(error: BaseException) -> Iterator[Any]:
    """Yield the frames of an exception's traceback, the outermost first."""
    trace = error.__traceback__
    while trace is not None:
        yield trace.tb_frame
        trace = trace.tb_next


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


# One of these is in a body that reports what was used
_HINTS = (b"usage", b"eval_count", b"billed_units")

# Bytes of a body that are parsed at most
_LARGEST = 1_000_000

# How many exceptions are looked at: the one that was raised, and those it was raised from
_CAUSES = 4

# How many billed exceptions are remembered
_REMEMBERED = 256

_USAGES = ("usage", "usageMetadata", "usage_metadata", "meta")
_OLLAMA = ("prompt_eval_count", "eval_count")

_seen: OrderedDict[Origin, int] = OrderedDict()
_lock = RLock()


def facts_of(run: Run, error: BaseException, given: Sequence[Any]) -> dict[str, Any]:
    """Return what an exception knows of a billed answer, in the shape of LangChain's `llm_output`; often nothing."""
    uncounted: dict[str, Any] = {}
    for answer in _answers(error, given):
        usage = _usage(answer)
        if usage is not None:
            # One call may fail several runs: the prompts of a completion model, a model that asks another one.
            return {} if _is_billed(run, error) else {**_facts(answer), "token_usage": usage}
        if not uncounted and _reasons(answer):  # of a stream, whose usage comes after its finish reason
            uncounted = _facts(answer)
    return uncounted


def _answers(error: BaseException, given: Sequence[Any]) -> Iterator[Any]:
    for generation in given:
        metadata = getattr(getattr(generation, "message", None), "response_metadata", None)
        if isinstance(metadata, Mapping) and isinstance(body := metadata.get("body"), Mapping):
            yield body
    raised: BaseException | None = error
    for _ in range(_CAUSES):
        if raised is None:
            return
        held = getattr(raised, "__dict__", None) or {}  # no property is asked: it may do anything
        for name in ("completion", "response"):
            if (found := held.get(name)) is not None:
                yield found
                yield _body(found)
        raised = raised.__cause__


def _body(response: Any) -> Any:
    """Return the JSON of an HTTP response of httpx or requests that has been read; None of any other."""
    content = (getattr(response, "__dict__", None) or {}).get("_content")
    if not isinstance(content, bytes) or len(content) > _LARGEST:
        return None
    if not any(hint in content for hint in _HINTS):
        return None
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _usage(answer: Any) -> dict[str, Any] | None:
    """Return the provider's own counts, if there are any."""
    counts = {name: count for name in _OLLAMA if (count := _get(answer, name)) is not None}  # beside the answer
    for given in (counts, *(_get(answer, name) for name in _USAGES)):
        if (usage := _plain(given)) and any(from_provider(usage) or ()):
            return usage
    return None


def _facts(answer: Any) -> dict[str, Any]:
    """Return the other fields of an answer, without its content: a body that could not be read is no answer."""
    known = {
        "id": _text(answer, "id", "responseId"),
        "model_name": _text(answer, "model", "modelVersion"),
        "service_tier": _text(answer, "service_tier"),
        "system_fingerprint": _text(answer, "system_fingerprint"),
        "finish_reasons": _reasons(answer) or None,
    }
    return {name: value for name, value in known.items() if value is not None}


def _reasons(answer: Any) -> list[str]:
    for name in ("choices", "candidates"):
        choices = _get(answer, name)
        if isinstance(choices, (list, tuple)):
            found = [_text(choice, "finish_reason", "finishReason") for choice in choices]
            return [reason for reason in found if reason is not None]
    if (reason := _text(answer, "stop_reason", "stopReason", "done_reason")) is not None:
        return [reason]
    return _of_status(answer) if _get(answer, "object") == "response" else []


def _of_status(answer: Any) -> list[str]:
    """Return the reason of one of OpenAI's Responses in the words of Chat Completions."""
    if _text(answer, "status") == "completed":
        return ["stop"]
    reason = _text(_get(answer, "incomplete_details"), "reason")
    return [] if reason is None else ["length" if reason == "max_output_tokens" else reason]


def _text(answer: Any, *names: str) -> str | None:
    return next((text for name in names if (text := once(_get(answer, name))) is not None), None)


def _get(answer: Any, name: str) -> Any:
    """Return a field of a body or of a client's record."""
    return answer.get(name) if isinstance(answer, Mapping) else (getattr(answer, "__dict__", None) or {}).get(name)


def _plain(value: Any) -> dict[str, Any] | None:
    """Return the fields of a mapping or of a client's record, and of what is in it."""
    if isinstance(value, Mapping):
        return dict(value)
    if not hasattr(type(value), "model_fields"):
        return None
    return {name: _plain(field) or field for name, field in vars(value).items()}


def _is_billed(run: Run, error: BaseException) -> bool:
    """Return whether this exception has been billed to another run that was open while this one was."""
    key = origin(error)
    with _lock:
        before = _seen.pop(key, 0)
        _seen[key] = time_ns()
        if len(_seen) > _REMEMBERED:
            _seen.popitem(last=False)
    # A later exception may have the address of an earlier one: then the earlier one is from before this run.
    return before > run.started


def passes_reported(args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
    """Keep the passes over a request on its run: an integration that makes LangChain's counts of them drops them.

    It is called once for a message, streamed or not; what it returns is the same with us.
    """
    usage: Any = args[0] if args else next(iter(kwargs.values()), None)
    each: Any = getattr(usage, "iterations", None)
    run: Any = get_current().get(RUN) if isinstance(each, list) and len(each) > 1 else None
    if run is not None and run.row.name == "llm" and not run.ended:
        run.beside = {"iterations": value_of(each)}
