"""The parameters of a request, under whatever name."""

from types import SimpleNamespace

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from pydantic import BaseModel

from callspan.langchain.requests import PARAMETERS, request


class Model(BaseModel):
    """A model with settings of its own, which LangChain does not announce."""

    temperature: float | None = None
    max_tokens: int | None = None
    stop_sequences: list[str] | None = None
    guardrail_config: dict[str, str] | None = None


def asked(params=None, *, options=None, metadata=None, subject=None, inputs=()):
    """Give the parameters' attributes, their names without what all have."""
    extra = {"invocation_params": params, "options": options}
    known = {"ls_provider": "openai", **(metadata or {})}
    identity = {"gen_ai.provider.name": known["ls_provider"]}
    said = SimpleNamespace(extra=extra, metadata=known, subject=subject, identity=identity, inputs=inputs)
    return {name.removeprefix("gen_ai.request."): value for name, value in request(said).items()}


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"max_completion_tokens": 5}, {"max_tokens": 5}),
        ({"max_output_tokens": 5.0}, {"max_tokens": 5}),
        ({"num_predict": -1}, {"max_tokens": -1}),
        ({"temperature": 0}, {"temperature": 0.0}),
        ({"top_k": 40.0, "topP": 1}, {"top_k": 40, "top_p": 1.0}),
        ({"inferenceConfig": {"maxTokens": 5, "topP": 0.5, "stopSequences": ["a"]}},
         {"max_tokens": 5, "top_p": 0.5, "stop_sequences": ["a"]}),
        ({"generation_config": {"candidate_count": 2, "thinking_config": {"thinking_level": "low"}}},
         {"choice.count": 2, "reasoning.level": "low"}),
        ({"options": {"num_predict": 5, "stop": "a"}}, {"max_tokens": 5, "stop_sequences": ["a"]}),
        ({"extra_body": {"top_k": 20, "anything": [1]}}, {"top_k": 20}),
        ({"random_seed": 1, "n": 1}, {"seed": 1}),
        ({"reasoning": {"effort": "high", "summary": "auto"}}, {"reasoning.level": "high"}),
        ({"reasoning": "low"}, {"reasoning.level": "low"}),
        ({"reasoning": True}, {}),
        ({"output_config": {"effort": "low", "format": {"type": "json_schema"}}},
         {"reasoning.level": "low", "gen_ai.output.type": "json"}),
        ({"additional_model_request_fields": {"output_config": {"effort": "max"}}}, {"reasoning.level": "max"}),
        ({"thinking": {"type": "enabled", "budget_tokens": 9}}, {}),
        ({"service_tier": "flex"}, {"openai.request.service_tier": "flex"}),
        ({"service_tier": "auto"}, {}),
        ({"guardrails": {"guardrailIdentifier": "g"}}, {"aws.bedrock.guardrail.id": "g"}),
        ({"top_logprobs": 5}, {}),
    ],
)  # fmt: skip
def test_a_parameter_has_one_attribute_whatever_it_is_called(params, expected):
    assert asked(params) == expected


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"response_format": {"type": "json_object"}}, "json"),
        ({"response_format": Model}, "json"),
        ({"response_format": {"type": "text"}}, "text"),
        ({"text": {"format": {"type": "json_schema", "name": "x"}, "verbosity": "low"}}, "json"),
        ({"format": "json"}, "json"),
        ({"format": {"type": "object", "properties": {}}}, "json"),
        ({"response_mime_type": "application/json"}, "json"),
        ({"response_modalities": ["TEXT", "IMAGE"]}, "image"),
        ({"modalities": ["text", "audio"]}, "speech"),
        ({"modalities": ["smell"]}, None),
        ({"response_format": 3}, None),
    ],
)
def test_the_type_of_the_output_is_told_by_the_format_that_is_asked_for(params, expected):
    assert asked(params).get("gen_ai.output.type") == expected


def test_structured_output_asks_for_json_by_whatever_method():
    options = {"ls_structured_output_format": {"kwargs": {"method": "function_calling"}, "schema": {}}}
    assert asked({}, options=options) == {"gen_ai.output.type": "json"}


def test_the_call_counts_more_than_the_models_settings_and_those_more_than_langchains_words():
    model = Model(temperature=0.1, max_tokens=1, stop_sequences=["a"], guardrail_config={"guardrailIdentifier": "g"})
    metadata = {"ls_temperature": 0.9, "ls_max_tokens": 9, "ls_stop": ["z"]}
    assert asked({"max_output_tokens": 5, "stop": None}, metadata=metadata, subject=model) == {
        "temperature": 0.1,
        "max_tokens": 5,
        "stop_sequences": ["a"],
        "aws.bedrock.guardrail.id": "g",
    }


def test_a_keyword_of_the_call_counts_more_than_the_setting_of_another_name():
    assert asked({"max_completion_tokens": 64, "max_tokens": 8}) == {"max_tokens": 8}


def test_langchains_words_are_read_where_nothing_else_is():
    metadata = {"ls_temperature": 1, "ls_max_tokens": 9, "ls_stop": ["z"]}
    assert asked(metadata=metadata) == {"temperature": 1.0, "max_tokens": 9, "stop_sequences": ["z"]}


def test_a_tier_of_somebody_else_is_not_openais():
    assert asked({"service_tier": "standard_only"}, metadata={"ls_provider": "anthropic"}) == {}


@pytest.mark.parametrize("odd", ["many", object(), [object()], {"a": {}}, True, b"x", float("nan"), Model])
def test_odd_values_cost_at_most_their_attribute(odd):
    texts = ("stop_sequences", "reasoning.level", "previous_response.id", "openai.request.service_tier")
    kept = {"gen_ai.output.type"} | ({*texts} if isinstance(odd, (str, list)) else set())
    kept |= {"temperature", "top_p", "frequency_penalty", "presence_penalty"} if isinstance(odd, float) else set()
    assert asked(dict.fromkeys(PARAMETERS, odd)).keys() <= kept


def test_parameters_that_hold_themselves_are_looked_into_to_a_depth():
    params = {"temperature": 1}
    params["model_kwargs"] = params
    assert asked(params) == {"temperature": 1.0}


def test_a_model_that_goes_on_by_itself_names_the_last_stored_response():
    messages = [
        AIMessage("a", response_metadata={"id": "resp_1"}),
        AIMessage("b", response_metadata={"id": "resp_2"}),
        AIMessage("c", response_metadata={"id": "chatcmpl-3"}),
        HumanMessage("d"),
    ]
    on, off = (SimpleNamespace(use_previous_response_id=setting) for setting in (True, False))
    assert asked(subject=on, inputs=messages) == {"previous_response.id": "resp_2"}
    assert asked(subject=on, inputs=messages[-1:]) == {}
    assert asked(subject=off, inputs=messages) == {}
