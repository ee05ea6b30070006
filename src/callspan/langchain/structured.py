"""Structured output: which schema a model was asked for, and whether what it answered could be read as that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from callspan import semconv
from callspan.core.run import ERROR, OK, Run
from callspan.langchain.chains import CHAIN


class Wanted:
    """What the next parser is to make of a model's answer.

    Args:
        schema: The name of the schema.
    """

    __slots__ = ("read", "schema")

    def __init__(self, schema: str) -> None:
        self.schema = schema
        self.read = False  # whether a parser has


def schema(said: Run) -> str | None:
    """Give the name of the schema that a model is asked for: LangChain says it, or the provider's request does."""
    options, params = said.extra.get("options"), said.extra.get("invocation_params")
    found, form = _under("ls_structured_output_format", options), _under("response_format", params)
    return _name(_under("schema", found)) if found is not None else _name(_under("json_schema", form))


def _under(key: str, given: Any) -> Any:
    return given.get(key) if type(given) is dict or (given is not None and isinstance(given, Mapping)) else None


def _name(given: Any) -> str | None:
    if given is None:
        return None
    for source in (given, _under("function", given)):
        for key in ("title", "name"):
            if isinstance(value := _under(key, source), str) and value:
                return value
    return None


def answered(run: Run) -> None:
    """Note on the runs around a model what the parser after it reads: it is a step of one of them.

    Args:
        run: The model's run, which ended well.
    """
    name = schema(run) if run.extra else None
    if name is None:
        return
    wanted, around = Wanted(name), run.parent
    while around is not None:
        around.wanted = wanted
        around = around.parent if around.row is CHAIN else None


def verdict(run: Run, outputs: Any, outcome: str) -> None:
    """Write on the span of the parser whether it could read the answer.

    Args:
        run: A chain's run that ends.
        outputs: Its result.
        outcome: How it ended.
    """
    around = run.parent
    while around is not None and around.wanted is None:
        around = around.parent if around.row is CHAIN else None
    wanted = None if around is None else around.wanted
    if wanted is None or wanted.read or outcome not in (OK, ERROR) or not _reads(run, outputs):
        return
    wanted.read = True
    run.set_attribute(semconv.STRUCTURED_SCHEMA, wanted.schema)
    run.set_attribute(semconv.STRUCTURED_PARSED, outcome == OK and outputs is not None and outputs != [])


def concluded(run: Run, outputs: Any, error: BaseException | None) -> None:
    """Write on an agent's span whether its answer is what it was to be: agents read it themselves, in no run.

    Args:
        run: An agent's run that ends.
        outputs: Its result.
        error: What it ended with, if it failed.
    """
    found = outputs.get("structured_response") if isinstance(outputs, Mapping) else None
    if found is not None:
        run.set_attribute(semconv.STRUCTURED_PARSED, True)
        if not isinstance(found, Mapping):
            run.set_attribute(semconv.STRUCTURED_SCHEMA, type(found).__name__)
    elif any(cls.__name__ == "StructuredOutputError" for cls in type(error).__mro__):
        run.set_attribute(semconv.STRUCTURED_PARSED, False)


def _reads(run: Run, outputs: Any) -> bool:
    """Tell whether it is a parser; some integrations use a function for one, which is given the message."""
    return run.extra.get("run_type") == "parser" or (_is_message(run.inputs) and not _is_message(outputs))


def _is_message(given: Any) -> bool:
    return getattr(given, "type", None) in ("ai", "AIMessageChunk")
