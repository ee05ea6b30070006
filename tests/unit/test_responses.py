"""What an answer says, in odd shapes too; the usual ones are recorded."""

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGeneration, Generation, LLMResult

from callspan.langchain.responses import answer, counts, finish_reasons, once, openai, response
from callspan.langchain.usage import TokenCounts, from_provider, from_usage_metadata


def chat(*metadata, output=None, **message):
    """Give an answer with a choice for each of these `response_metadata`."""
    choices = [ChatGeneration(message=AIMessage("a", response_metadata=each, **message)) for each in metadata]
    return answer(LLMResult(generations=[choices], llm_output=output))


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ([{"finish_reason": "stop"}], ["stop"]),
        ([{"finish_reason": "stopstop"}], ["stop"]),
        ([{"stop_reason": None}], None),
        ([{"finish_reason": 3}], None),
        ([{"finish_reason": "stop"}, {}], ["stop", "error"]),
        ([{}, {"finish_reason": "length"}], ["error", "length"]),
        ([{}, {}], None),
        ([{"object": "response", "status": "completed"}], ["stop"]),
        ([{"object": "response", "status": "failed"}], ["failed"]),
        ([{"object": "response", "status": "incomplete", "incomplete_details": {"reason": "content_filter"}}],
         ["content_filter"]),
        ([{"object": "response", "status": "incomplete", "incomplete_details": None}], ["incomplete"]),
        ([{"status": 200}], None),
        ([], None),
    ],
)  # fmt: skip
def test_each_choice_has_its_reason(metadata, expected):
    assert finish_reasons(chat(*metadata)) == expected


def test_a_completions_reason_stands_beside_its_text():
    choices = [Generation(text="a", generation_info={"finish_reason": "length"})]
    assert finish_reasons(answer(LLMResult(generations=[choices]))) == ["length"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("stopstopstop", "stop"),
        ("gpt-4.1gpt-4.1", "gpt-4.1"),
        ("aa", "aa"),
        ("yi-yi-", "yi-yi-"),
        ("stopstops", "stopstops"),
        ("", None),
        (None, None),
        (["stop"], None),
    ],
)
def test_a_repeated_text_is_said_once_unless_it_is_short(text, expected):
    assert once(text) == expected


@pytest.mark.parametrize(
    ("made", "expected"),
    [("chatcmpl-1", "chatcmpl-1"), ("run-1-0", None), ("lc_run--1", None), ("lc_1", None), (None, None)],
)
def test_langchains_own_ids_are_no_response_ids(made, expected):
    assert response(chat({}, id=made)).get("gen_ai.response.id") == expected


def test_what_stands_beside_the_choices_is_read_where_they_do_not_say_it():
    said = chat({"finish_reason": "stop"}, {"finish_reason": "stop"}, output={"model_name": "m", "id": "i"})
    found = response(said)
    assert (found["gen_ai.response.model"], found["gen_ai.response.id"]) == ("m", "i")


def test_what_openai_says_is_read_of_openai_only():
    metadata = {"service_tier": "default", "system_fingerprint": "fp_1"}
    expected = {"openai.response.service_tier": "default", "openai.response.system_fingerprint": "fp_1"}
    assert openai(chat(metadata)) == openai(chat({**metadata, "model_provider": "openaiopenai"})) == expected
    assert openai(chat({**metadata, "model_provider": "groq"})) is None


@pytest.mark.parametrize("result", [None, "text", LLMResult(generations=[]), LLMResult(generations=[[]])])
def test_a_result_of_no_known_shape_says_nothing(result):
    said = answer(result)
    assert response(said) == {}
    assert counts(said) == TokenCounts()


def test_a_call_that_costs_nothing_is_no_hit_of_the_cache():
    usage = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2, "total_cost": 0}
    chunk = AIMessageChunk("a", usage_metadata=usage)
    assert not answer(LLMResult(generations=[[ChatGeneration(message=chunk)]])).cached
    assert not chat({}, usage_metadata=usage, output={"model_name": "m"}).cached
    assert chat({}, usage_metadata=usage).cached


def usage(details=None, out=None, total=110):
    return {
        "input_tokens": 100,
        "output_tokens": 10,
        "total_tokens": total,
        "input_token_details": details or {},
        "output_token_details": out or {},
    }


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (usage(), TokenCounts(100, 10)),
        (usage({"cache_read": 5, "cache_creation": 7}), TokenCounts(100, 10, 5, 7)),
        (usage({"cache_creation": 0, "ephemeral_5m_input_tokens": 3, "ephemeral_1h_input_tokens": 4}),
         TokenCounts(100, 10, None, 7)),
        (usage({"cache_creation": 7, "ephemeral_5m_input_tokens": 3, "ephemeral_1h_input_tokens": 4}),
         TokenCounts(100, 10, None, 7)),
        (usage({"cache_creation": 0}), TokenCounts(100, 10, None, 0)),
        (usage({"priority": 95, "priority_cache_read": 5}, {"priority": 8, "priority_reasoning": 2}),
         TokenCounts(100, 10, 5, None, 2)),
        (usage({"audio": 4}, {"audio": 3, "reasoning": 0}), TokenCounts(100, 10, None, None, 0, 4, 3)),
        (usage({"cache_read": 5, "cache_creation": 7}, total=122), TokenCounts(112, 10, 5, 7)),
        ({"input_tokens": True, "output_tokens": "many", "input_token_details": 3}, TokenCounts()),
        ({"input_tokens": -1, "output_tokens": 1.5}, TokenCounts()),
    ],
)  # fmt: skip
def test_breakdowns_are_parts_of_the_totals(said, expected):
    assert from_usage_metadata(said) == expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"prompt_tokens": 100, "completion_tokens": 10}, TokenCounts(100, 10)),
        ({"prompt_tokens": 100, "completion_tokens": 10, "prompt_tokens_details": {"cached_tokens": 5},
          "completion_tokens_details": {"reasoning_tokens": 2, "audio_tokens": 3}},
         TokenCounts(100, 10, 5, None, 2, None, 3)),
        ({"input_tokens": 88, "output_tokens": 10, "cache_read_input_tokens": 5, "cache_creation_input_tokens": 7},
         TokenCounts(100, 10, 5, 7)),
        ({"inputTokens": 88, "outputTokens": 10, "cacheReadInputTokens": 5, "cacheWriteInputTokens": 7},
         TokenCounts(100, 10, 5, 7)),
        ({"inputTokenCount": 100, "outputTokenCount": 10}, TokenCounts(100, 10)),
        ({"prompt_token_count": 100, "candidates_token_count": 10}, TokenCounts(100, 10)),
        ({"prompt_eval_count": 100, "eval_count": 10}, TokenCounts(100, 10)),
        ({"input_tokens": 100.0, "output_tokens": 10.0}, TokenCounts(100, 10)),
        ({"billed_units": {"input_tokens": 100, "output_tokens": 10}, "tokens": {"input_tokens": 120}},
         TokenCounts(100, 10)),
        ({"tokens": {"input_tokens": 100.0, "output_tokens": 10.0}}, TokenCounts(100, 10)),
        ({"prompt_tokens": 100, "completion_tokens": 10, "prompt_cache_hit_tokens": 5}, TokenCounts(100, 10, 5)),
        ({"input_tokens": 100, "output_tokens": 10, "input_tokens_details": {"cached_tokens": 5},
          "output_tokens_details": {"reasoning_tokens": 2}}, TokenCounts(100, 10, 5, None, 2)),
        ({"prompt_token_count": 90, "tool_use_prompt_token_count": 10, "candidates_token_count": 8,
          "thoughts_token_count": 2}, TokenCounts(100, 10, None, None, 2)),
        ({"promptTokenCount": 100, "candidatesTokenCount": 10, "cachedContentTokenCount": 5}, TokenCounts(100, 10, 5)),
        ({"input_token_count": 100, "generated_token_count": 10}, TokenCounts(100, 10)),
        ({"prompt_tokens": 100}, TokenCounts(100)),
        ({"completion_tokens": 0}, TokenCounts(None, 0)),
        ({"anything": 1}, None),
        ({}, None),
    ],
)  # fmt: skip
def test_a_providers_own_counts_are_read_in_its_words(said, expected):
    assert from_provider(said) == expected


@pytest.mark.parametrize(
    "said",
    [
        chat({}, output={"token_usage": {"prompt_tokens": 3, "completion_tokens": 2}}),
        chat({}, output={"usage": {"input_tokens": 3, "output_tokens": 2}}),
        chat({"usage": {"inputTokens": 3, "outputTokens": 2}}),
        chat({"amazon-bedrock-invocationMetrics": {"inputTokenCount": 3, "outputTokenCount": 2}}),
        chat({"prompt_eval_count": 3, "eval_count": 2}),
        chat({"token_usage": {}, "usage": {"prompt_tokens": 3, "completion_tokens": 2}}),
    ],
)
def test_counts_are_found_wherever_they_are_when_the_message_has_none(said):
    assert counts(said) == TokenCounts(3, 2)


def compacted(*passes, **beside):
    """Give an answer that Anthropic made in several passes; LangChain counts what stands beside them."""
    usage = {"input_tokens": 20, "output_tokens": 9, **beside, "iterations": list(passes)}
    return chat({"usage": usage}, usage_metadata={"input_tokens": 20, "output_tokens": 9, "total_tokens": 29})


COMPACTION = {"type": "compaction", "input_tokens": 150, "cache_read_input_tokens": 20, "output_tokens": 3}
MESSAGE = {"type": "message", "input_tokens": 20, "cache_creation_input_tokens": 5, "output_tokens": 9}


def test_all_passes_over_a_request_are_counted():
    assert counts(compacted(COMPACTION, MESSAGE)) == TokenCounts(195, 12, 20, 5)
    assert counts(chat({}, output={"usage": {"iterations": [COMPACTION, MESSAGE]}})) == TokenCounts(195, 12, 20, 5)


@pytest.mark.parametrize("passes", [(), (MESSAGE,), ("odd", 3), (None, MESSAGE)])
def test_a_single_pass_is_what_stands_beside_it(passes):
    assert counts(compacted(*passes)) == TokenCounts(20, 9)


def test_passes_are_not_counted_twice_where_langchain_has_added_them_up():
    usage = {"input_tokens": 195, "output_tokens": 12, "total_tokens": 207, "input_token_details": {"cache_read": 20}}
    said = chat({"usage": {"iterations": [COMPACTION, MESSAGE]}}, usage_metadata=usage)
    assert counts(said) == TokenCounts(195, 12, 20, 5)


def test_counts_are_read_beside_a_usage_that_says_nothing():
    said = chat({"token_usage": {"prompt_tokens": 3, "completion_tokens": 2}})
    said.message.usage_metadata = {"input_tokens": None, "output_tokens": None}
    assert counts(said) == TokenCounts(3, 2)
