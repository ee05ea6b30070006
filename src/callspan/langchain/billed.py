"""An answer that the provider billed and the client could not read: its id, model, usage and finish reasons.

A client raises when an answer does not fit its schema or was cut. The exception has the answer: OpenAI's have it as
`completion`, others hold the HTTP response. The body is read if it has been read before, and never through the network.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from threading import RLock
from time import time_ns
from typing import Any

from callspan.core.errors import Origin, origin
from callspan.core.run import Run
from callspan.langchain.responses import once
from callspan.langchain.usage import from_provider

_HINTS = (b"usage", b"eval_count", b"billed_units")
"""One of these is in a body that reports what was used."""

_LARGEST = 1_000_000
"""Bytes of a body that are parsed at most."""

_CAUSES = 4
"""How many exceptions are looked at: the one that was raised, and those it was raised from."""

_REMEMBERED = 256
"""How many billed exceptions are remembered."""

_USAGES = ("usage", "usageMetadata", "usage_metadata", "meta")
_OLLAMA = ("prompt_eval_count", "eval_count")

_seen: OrderedDict[Origin, int] = OrderedDict()
_lock = RLock()


def facts_of(run: Run, error: BaseException, given: Sequence[Any]) -> dict[str, Any]:
    """Return what an exception knows of a billed answer, in the shape of LangChain's `llm_output`; often nothing.

    Args:
        run: The run that failed with it.
        error: The exception.
        given: The choices that LangChain made of it: one of them may hold the body.
    """
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
    """Return what else is known: no content, as a body that nobody could read is no answer."""
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
