"""What a model is asked for: the parameters of its request, and the schema of its answer."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from functools import lru_cache
from typing import Any

from callspan import semconv
from callspan.core.run import ERROR, OK, Run
from callspan.core.spans import attempt
from callspan.langchain.chains import CHAIN
from callspan.langchain.providers import AZURE_OPENAI, OPENAI

TEXT, JSON, IMAGE, SPEECH = "text", "json", "image", "speech"


def _int(value: object) -> int | None:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _double(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _texts(value: object) -> list[str] | None:
    if isinstance(value, str):
        return [value]
    return [each for each in value if isinstance(each, str)] if isinstance(value, (list, tuple)) else None


def _several(value: object) -> int | None:
    count = _int(value)
    return None if count == 1 else count


def _tier(value: object) -> str | None:
    return None if value == "auto" else _text(value)


def _guardrail(value: object) -> str | None:
    if not isinstance(value, Mapping):
        return None
    return _text(value.get("guardrailIdentifier") or value.get("guardrail_identifier") or value.get("id"))


_FORMATS = {"json": JSON, "json_object": JSON, "json_schema": JSON, "object": JSON, "text": TEXT}
_MEDIA_TYPES = {"application/json": JSON, "text/plain": TEXT, "text/x.enum": TEXT}
_MODALITIES = {"audio": SPEECH, "image": IMAGE, "text": TEXT}


def _format(value: object) -> str | None:
    """Return `response_format` and its like: a word, `{"type": …}`, a JSON schema, or a class that stands for one."""
    if isinstance(value, Mapping):
        value = value.get("type")
    elif isinstance(value, type):
        return JSON
    return _FORMATS.get(value) if isinstance(value, str) else None


def _media_type(value: object) -> str | None:
    return _MEDIA_TYPES.get(value) if isinstance(value, str) else None


def _modality(value: object) -> str | None:
    """Return what may be answered with beside text."""
    if not isinstance(value, (list, tuple)):
        return None
    words = [str.lower(each) for each in value if isinstance(each, str)]
    known = [_MODALITIES[word] for word in words if word in _MODALITIES]
    return min(known, key=(SPEECH, IMAGE, TEXT).index, default=None)


_Parameter = tuple[str, Callable[[Any], object]]


def _named(attribute: str, read: Callable[[Any], object], *names: str) -> dict[str, _Parameter]:
    return dict.fromkeys(names, (attribute, read))


# By the name that LangChain or a provider has for it: the attribute, and how its value is read
PARAMETERS: dict[str, _Parameter] = {
    **_named(semconv.MAX_TOKENS, _int, "max_tokens", "maxTokens", "max_completion_tokens", "max_output_tokens"),
    **_named(semconv.MAX_TOKENS, _int, "maxOutputTokens", "max_new_tokens", "max_tokens_to_sample", "num_predict"),
    **_named(semconv.TEMPERATURE, _double, "temperature"),
    **_named(semconv.TOP_P, _double, "top_p", "topP"),
    **_named(semconv.TOP_K, _int, "top_k", "topK"),
    **_named(semconv.FREQUENCY_PENALTY, _double, "frequency_penalty", "frequencyPenalty"),
    **_named(semconv.PRESENCE_PENALTY, _double, "presence_penalty", "presencePenalty"),
    **_named(semconv.SEED, _int, "seed", "random_seed"),
    **_named(semconv.CHOICE_COUNT, _several, "n", "candidate_count", "candidateCount"),
    **_named(semconv.STOP_SEQUENCES, _texts, "stop", "stop_sequences", "stopSequences"),
    **_named(semconv.REASONING_LEVEL, _text, "reasoning_effort", "reasoning", "effort"),
    **_named(semconv.REASONING_LEVEL, _text, "thinking_level", "thinkingLevel"),
    **_named(semconv.PREVIOUS_RESPONSE_ID, _text, "previous_response_id"),
    **_named(semconv.OUTPUT_TYPE, _format, "response_format", "format"),
    **_named(semconv.OUTPUT_TYPE, _media_type, "response_mime_type", "responseMimeType"),
    **_named(semconv.OUTPUT_TYPE, _modality, "modalities", "response_modalities", "responseModalities"),
    **_named(semconv.OPENAI_REQUEST_SERVICE_TIER, _tier, "service_tier"),
    **_named(semconv.GUARDRAIL_ID, _guardrail, "guardrail_config", "guardrailConfig", "guardrails"),
}

# Parameters that hold parameters: with these one looks inside
GROUPS = frozenset(
    {
        *("reasoning", "output_config", "text", "options", "extra_body", "model_kwargs"),
        *("generation_config", "generationConfig", "thinking_config", "thinkingConfig"),
        *("inference_config", "inferenceConfig"),
        *("additional_model_request_fields", "additionalModelRequestFields"),
    }
)

# All names that are looked at, in one table: a group that is no parameter too has no row of its own
_ROWS: dict[str, _Parameter | None] = {**dict.fromkeys(GROUPS), **PARAMETERS}

# LangChain's own names for three of them, in the metadata
_STANDARD = tuple((f"ls_{name}", PARAMETERS[name]) for name in ("temperature", "max_tokens", "stop"))
_STANDARD_NAMES = frozenset(name for name, _ in _STANDARD)

_OPENAI = (OPENAI, AZURE_OPENAI)
_NOTHING: Mapping[str, Any] = {}


def request(run: Run) -> dict[str, object]:
    """Return the attributes of the request: its parameters, OpenAI's interface, and the response it continues.

    What the call says counts more than what the model was made with, which some integrations leave out of what they
    announce, and that more than LangChain's own words.
    """
    params, options = run.extra.get("invocation_params"), run.extra.get("options")
    metadata, subject = run.metadata, run.subject
    found: dict[str, object] = {}
    if type(params) is dict or isinstance(params, Mapping):
        _collect(params, found, _NOTHING)
    settings: Any = getattr(subject, "__dict__", _NOTHING)
    cls: Any = type(subject)
    if names := _fields_of(cls):
        own = {name: settings[name] for name in names if settings.get(name) is not None}
        if own:
            _collect(own, found, frozenset(found))
    for name, (attribute, read) in () if _STANDARD_NAMES.isdisjoint(metadata) else _STANDARD:
        if name in metadata and attribute not in found and (known := read(metadata[name])) is not None:
            found[attribute] = known
    if type(options) is dict and "ls_structured_output_format" in options and semconv.OUTPUT_TYPE not in found:
        found[semconv.OUTPUT_TYPE] = JSON
    if run.identity.get(semconv.PROVIDER) in _OPENAI:
        if (interface := attempt("OpenAI's interface", _api_type, subject, params)) is not None:
            found[semconv.OPENAI_API_TYPE] = interface
    else:
        found.pop(semconv.OPENAI_REQUEST_SERVICE_TIER, None)
    if settings.get("use_previous_response_id") is True and isinstance(run.inputs, list):
        previous = _previous_response(run.inputs)
        if previous is not None:
            found[semconv.PREVIOUS_RESPONSE_ID] = previous
    return found


def requested_tier(run: Run) -> str | None:
    """Return the service tier that a call requests, for any provider."""
    params = run.extra.get("invocation_params")
    tier = params.get("service_tier") if isinstance(params, Mapping) else None
    tier = getattr(run.subject, "__dict__", _NOTHING).get("service_tier") if tier is None else tier
    return tier if isinstance(tier, str) else None


def _collect(given: Mapping[Any, Any], found: dict[str, object], kept: Container[str], depth: int = 2) -> None:
    """Return the parameters that are given, up to two groups deep; attributes in `kept` stay as they are.

    Of two names for one attribute the later counts: a call's keywords come last.
    """
    for name, value in given.items():
        if value is None or name not in _ROWS:
            continue
        if name in GROUPS and isinstance(value, Mapping):
            if depth:
                _collect(value, found, kept, depth - 1)
        elif (row := _ROWS[name]) is not None and row[0] not in kept and (known := row[1](value)) is not None:
            found[row[0]] = known


@lru_cache(maxsize=256)
def _fields_of(cls: Any) -> tuple[str, ...]:
    """Return which of a class's fields are parameters."""
    declared: Any = getattr(cls, "model_fields", None)
    return tuple(name for name in declared if name in _ROWS) if isinstance(declared, Mapping) else ()


def _api_type(subject: Any, params: Any) -> str | None:
    """Return which of OpenAI's interfaces is asked: its models decide it themselves, from the same parameters."""
    decides: Any = getattr(subject, "_use_responses_api", None)
    if not callable(decides) or not isinstance(params, dict):
        return None
    return "responses" if decides(params) else "chat_completions"


def _previous_response(messages: list[Any]) -> str | None:
    """Return the stored response that OpenAI's models continue by themselves: the last one among the messages."""
    for message in reversed(messages):
        metadata: Any = getattr(message, "response_metadata", None)
        made = metadata.get("id") if isinstance(metadata, Mapping) else None
        if isinstance(made, str) and made.startswith("resp_"):
            return made
    return None


# Structured output ------------------------------------------------------------------------------------------------


class WantedSchema:
    """The schema that the next parser is to make of a model's answer."""

    __slots__ = ("read", "schema")

    def __init__(self, schema: str) -> None:
        self.schema = schema
        self.read = False  # whether a parser has


def schema(run: Run) -> str | None:
    """Return the name of the schema that a model's answer must fit, from LangChain's options or the request."""
    options, params = run.extra.get("options"), run.extra.get("invocation_params")
    if type(options) is dict and (found := options.get("ls_structured_output_format")) is not None:
        return _name(_under("schema", found))
    if type(params) is dict and (form := params.get("response_format")) is not None:
        return _name(_under("json_schema", form))
    return None


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


def expect_schema(run: Run) -> None:
    """Remember on the enclosing chains which schema the next parser is expected to produce."""
    name = schema(run) if run.extra else None
    if name is None:
        return
    wanted, around = WantedSchema(name), run.parent
    while around is not None:
        around.wanted_schema = wanted
        around = around.parent if around.row is CHAIN else None


def write_parsed(run: Run, outputs: Any, outcome: str) -> None:
    """Write on the span of a parser, which ends with this outcome, whether it could read the model's answer."""
    around = run.parent
    while around is not None and around.wanted_schema is None:
        around = around.parent if around.row is CHAIN else None
    wanted = None if around is None else around.wanted_schema
    if wanted is None or wanted.read or outcome not in (OK, ERROR) or not _is_parser(run, outputs):
        return
    wanted.read = True
    run.set_attribute(semconv.STRUCTURED_SCHEMA, wanted.schema)
    run.set_attribute(semconv.STRUCTURED_PARSED, outcome == OK and outputs is not None and outputs != [])


def write_agent_parsed(run: Run, outputs: Any, error: BaseException | None) -> None:
    """Write on an agent's span whether its answer fits its schema: agents parse it themselves, in no run."""
    found = outputs.get("structured_response") if isinstance(outputs, Mapping) else None
    if found is not None:
        run.set_attribute(semconv.STRUCTURED_PARSED, True)
        if not isinstance(found, Mapping):
            run.set_attribute(semconv.STRUCTURED_SCHEMA, type(found).__name__)
    elif any(cls.__name__ == "StructuredOutputError" for cls in type(error).__mro__):
        run.set_attribute(semconv.STRUCTURED_PARSED, False)


def _is_parser(run: Run, outputs: Any) -> bool:
    """Return whether it is a parser; some integrations use a function for one, which is given the message."""
    return run.extra.get("run_type") == "parser" or (_is_message(run.inputs) and not _is_message(outputs))


def _is_message(given: Any) -> bool:
    return getattr(given, "type", None) in ("ai", "AIMessageChunk")
