"""Tokens and cost count once, however many spans tell them."""

import pytest
from tests.local.spans_in_files import by_name, model, span, trace_of

from callspan.viewer.analyze import cost_in, counted

COUNTS = {"gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 2}


def usages(*spans, **options):
    return {one.raw.name: one.usage for one in trace_of(*spans, **options).spans}


def test_a_model_owns_its_tokens_and_an_agent_around_it_owns_none():
    assert usages(span("agent", said=COUNTS), model("chat", under="agent", said=COUNTS)) == {
        "agent": None,
        "chat": (10, 2, 0, 0, 0),
    }


def test_an_agent_owns_its_tokens_where_nothing_below_owns_any():
    assert usages(span("agent", said=COUNTS), model("chat", under="agent")) == {"agent": (10, 2, 0, 0, 0), "chat": None}


def test_of_two_spans_of_one_call_the_outer_one_owns_the_tokens():
    outer, inner = model("outer", said=COUNTS), model("inner", under="http", said=COUNTS)
    assert usages(outer, span("http", under="outer"), inner) == {"outer": (10, 2, 0, 0, 0), "http": None, "inner": None}


def test_the_inner_one_owns_them_where_the_outer_one_tells_none():
    assert usages(model("outer"), model("inner", under="outer", said=COUNTS)) == {
        "outer": None,
        "inner": (10, 2, 0, 0, 0),
    }


def test_an_answer_of_the_cache_used_nothing():
    assert usages(model("chat", said={**COUNTS, "langchain.cache.hit": True})) == {"chat": None}


def test_older_names_are_understood():
    old = {
        "gen_ai.usage.prompt_tokens": 5,
        "gen_ai.usage.completion_tokens": 3,
        "gen_ai.usage.cache_creation.input_tokens": 2,
    }
    assert counted(old) == (5, 3, 0, 2, 0)


@pytest.mark.parametrize("value", ["10", True, -1, 1.5, None, [1], float("nan"), 2**60])
def test_what_is_no_count_counts_nothing(value):
    assert counted({"gen_ai.usage.input_tokens": value}) is None


def test_a_cost_that_is_told_is_taken_else_that_of_a_price():
    told = model("told", said={**COUNTS, "gen_ai.usage.cost": 0.5})
    trace = trace_of(span("root"), told, model("priced", said=COUNTS), price=lambda one, usage: usage[0] / 100)
    costs = {name: one.cost for name, one in by_name(trace).items()}
    assert costs == {"root": None, "told": 0.5, "priced": 0.1}


def test_half_a_bill_has_no_price_but_embeddings_have_input_only():
    half = {"gen_ai.usage.input_tokens": 10}
    embedded = span("embedded", said={"gen_ai.operation.name": "embeddings", **half})
    spans = (span("root"), model("half", said=half), model("none", said={**half, "gen_ai.usage.output_tokens": 0}))
    trace = trace_of(*spans, embedded, price=lambda one, usage: usage[0] / 100)
    assert {name: one.cost for name, one in by_name(trace).items()} == {
        "root": None,
        "half": None,
        "none": 0.1,
        "embedded": 0.1,
    }


def test_without_either_nobody_knows_the_cost():
    assert by_name(trace_of(model("chat", said=COUNTS)))["chat"].cost is None


@pytest.mark.parametrize("cost", ["0.5", True, -1, None, float("nan"), float("inf")])
def test_what_is_no_cost_is_none(cost):
    assert cost_in({"gen_ai.usage.cost": cost}) is None
