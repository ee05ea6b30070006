"""What a model's span says: chat, completion and decision models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from operator import attrgetter
from typing import Any

from opentelemetry.trace import SpanKind

from callspan import semconv
from callspan.core.operations import Kind, Table
from callspan.core.run import Run
from callspan.core.text import safe_name
from callspan.core.usage import MODEL_CALLS
from callspan.langchain.announcement import ALWAYS, Announcement
from callspan.langchain.content import CHAIN_ANSWERED, CHAIN_ASKED, MODEL_ANSWERED, MODEL_ASKED
from callspan.langchain.providers import provider, server, standard
from callspan.langchain.requests import api_type, parameters, previous_response, requested_tier, schema
from callspan.langchain.responses import RESPONSE, answer, counts, decision, price_terms
from callspan.langchain.skip import chat_result


def request_model(said: Announcement) -> object:
    """Give the model that was asked for."""
    if name := standard(said, "ls_model_name"):
        return safe_name(name)
    params = said.extra.get("invocation_params")
    if not isinstance(params, Mapping):
        return None
    return safe_name(params.get("model") or params.get("model_name") or params.get("model_id"))


def _messages(run: Run) -> Sequence[Any]:
    """Give what a chat model is asked; a completion model gets a text, a decision model a record."""
    return run.inputs if isinstance(run.inputs, (list, tuple)) else ()


def _message(result: Any) -> Any:
    return answer(result).message


def _identity(operation: str) -> Table:
    return (
        (semconv.OPERATION, operation),
        (semconv.PROVIDER, provider),
        (semconv.REQUEST_MODEL, request_model),
        ("server.*", server),
    )


CHAT = Kind(
    name="llm",
    operation=semconv.CHAT,
    calls=MODEL_CALLS,
    tokens=counts,
    tier=requested_tier,
    word=semconv.CHAT,
    span_kind=SpanKind.CLIENT,
    depth=0,
    target=semconv.REQUEST_MODEL,
    identity=_identity(semconv.CHAT),
    start=(
        *ALWAYS,
        (semconv.RUN_TYPE, "llm"),
        (semconv.AGENT_NAME, attrgetter("agent")),
        ("gen_ai.request.*", parameters),
        (semconv.PREVIOUS_RESPONSE_ID, previous_response),
        (semconv.OPENAI_API_TYPE, api_type),
        (semconv.STRUCTURED_SCHEMA, schema),
    ),
    end=(*RESPONSE, ("langchain.usage.*", price_terms)),
    answer=answer,
    messages=_messages,
    message=_message,
    made=chat_result,
    asked=MODEL_ASKED,
    answered=MODEL_ANSWERED,
)

TEXT_COMPLETION = replace(
    CHAT,
    operation=semconv.TEXT_COMPLETION,
    word=semconv.TEXT_COMPLETION,
    identity=_identity(semconv.TEXT_COMPLETION),
    made=None,
)

DECISION = replace(CHAT, made=None, answer=decision, asked=CHAIN_ASKED, answered=CHAIN_ANSWERED)
"""A model call that LangChain announces as a chain (core 1.8); its output carries the usage itself."""
