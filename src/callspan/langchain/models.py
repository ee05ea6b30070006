"""The operations of models, and what identifies a model: chat, completion and decision models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from operator import attrgetter
from typing import Any

from opentelemetry.trace import SpanKind
from opentelemetry.util.types import AttributeValue

from callspan import semconv
from callspan.core.operations import Operation, Table
from callspan.core.run import Run
from callspan.core.spans import at_once, attempt, safe_attributes
from callspan.core.text import safe_name
from callspan.core.usage import MODEL_CALLS
from callspan.langchain.content import CHAIN_ANSWERED, CHAIN_ASKED, MODEL_ANSWERED, MODEL_ASKED
from callspan.langchain.providers import provider_of, server
from callspan.langchain.requests import request, requested_tier, schema
from callspan.langchain.responses import RESPONSE, answer, counts, decision
from callspan.langchain.runs import base_attributes
from callspan.langchain.skip import chat_result


def _identity(run: Run) -> dict[str, AttributeValue]:
    """Return the provider and the model that is asked."""
    metadata, subject, params = run.metadata, run.subject, run.extra.get("invocation_params")
    model, vendor = metadata.get("ls_model_name"), metadata.get("ls_provider")
    if subject is not None and (model is None or vendor is None):
        # `invoke` copies LangChain's standard parameters into the metadata, `generate` does not.
        own = attempt("a model's parameters", subject._get_ls_params) or {}
        model, vendor = model or own.get("ls_model_name"), vendor or own.get("ls_provider")
    if not (isinstance(model, str) and model) and isinstance(params, Mapping):
        named = (params.get(name) for name in ("model", "model_name", "model_id"))
        model = next((name for name in named if isinstance(name, str) and name), None)
    found: dict[str, AttributeValue] = {}
    if (provider := safe_name(provider_of(vendor, subject, params))) is not None:
        found[semconv.PROVIDER] = provider
    if (model := safe_name(model)) is not None:
        found[semconv.REQUEST_MODEL] = model
    return found


def _attributes(run: Run) -> dict[str, AttributeValue]:
    """Return the attributes of a model's call that are known at its start."""
    found = base_attributes(run)
    found[semconv.RUN_TYPE] = "llm"
    if run.agent is not None:
        found[semconv.AGENT_NAME] = run.agent
    requested = request(run)
    if (name := schema(run)) is not None:
        requested[semconv.STRUCTURED_SCHEMA] = name
    if requested:
        found.update(safe_attributes(requested))
    return found


def _messages(run: Run) -> Sequence[Any]:
    """Return the messages that a chat model is asked; a completion model gets a text, a decision model a record."""
    return run.inputs if isinstance(run.inputs, (list, tuple)) else ()


def _message(result: Any) -> Any:
    return answer(result).message


def _table(operation: str) -> Table:
    return ((semconv.OPERATION, operation), ("*", _identity), ("*", server))


CHAT = Operation(
    name="llm",
    operation=semconv.CHAT,
    calls=MODEL_CALLS,
    tokens=counts,
    tier=requested_tier,
    span_prefix=semconv.CHAT,
    span_kind=SpanKind.CLIENT,
    depth=0,
    target=semconv.REQUEST_MODEL,
    identity=_table(semconv.CHAT),
    start=at_once(
        _attributes,
        ("*", base_attributes),
        (semconv.RUN_TYPE, "llm"),
        (semconv.AGENT_NAME, attrgetter("agent")),
        ("gen_ai.request.*", request),
        (semconv.STRUCTURED_SCHEMA, schema),
    ),
    end=RESPONSE,
    answer=answer,
    messages=_messages,
    message=_message,
    made=chat_result,
    input_content=MODEL_ASKED,
    output_content=MODEL_ANSWERED,
)

TEXT_COMPLETION = replace(
    CHAT,
    operation=semconv.TEXT_COMPLETION,
    span_prefix=semconv.TEXT_COMPLETION,
    identity=_table(semconv.TEXT_COMPLETION),
    made=None,
)

# A model call that LangChain announces as a chain (core 1.8); its output carries the usage itself
DECISION = replace(CHAT, made=None, answer=decision, input_content=CHAIN_ASKED, output_content=CHAIN_ANSWERED)
