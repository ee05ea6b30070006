"""The numbers: each call, token and dollar counts once, and only what happened counts."""

import pytest
from tests.local.trace_lines import agent, line, model, span, tool, write

from callspan.viewer.stats import stats_of


@pytest.fixture
def stats(tmp_path):
    """The numbers of some spans."""

    def count(*spans, price=None):
        return stats_of([write(tmp_path / "trace.jsonl", *spans)], price)

    return count


def test_calls_are_counted_by_what_was_called(stats):
    found = stats(agent(1), model(2, 1), model(3, 1, name="claude"), model(4, 1), tool(5, 1), tool(6, 1, failed=True))
    counted = {key: (row.calls, row.failed) for key, row in found.rows.items()}
    assert counted == {
        ("run", "helper"): (1, 0),
        ("agent", "helper"): (1, 0),
        ("llm", "gpt-5-mini"): (2, 0),
        ("llm", "claude"): (1, 0),
        ("tool", "search"): (2, 1),
    }


def test_an_agent_has_the_tokens_of_the_calls_below_it_and_not_its_own_sum(stats):
    sums = {"gen_ai__usage__input_tokens": 20, "gen_ai__usage__output_tokens": 10}
    found = stats(agent(1, **sums), model(2, 1), model(3, 1))
    assert found.rows["agent", "helper"].tokens[:2] == [20, 10]
    assert found.total.tokens[:2] == [20, 10]


def test_a_call_that_two_instrumentations_tell_counts_once(stats):
    found = stats(model(1), model(2, 1))
    row = found.rows["llm", "gpt-5-mini"]
    assert (row.calls, row.tokens[:2]) == (1, [10, 5])


def test_a_call_between_two_that_tell_tokens_makes_no_second_bill(stats):
    found = stats(model(1), model(2, 1, tokens=None), model(3, 2))
    assert found.total.tokens[:2] == [10, 5]


def test_tokens_that_only_the_inner_of_two_tells_are_those_of_the_outer_call(stats):
    found = stats(model(1, name="outer", tokens=None), model(2, 1, name="inner"))
    assert list(found.rows) == [("run", "outer"), ("llm", "outer")]
    assert found.rows["llm", "outer"].tokens[:2] == [10, 5]


def test_an_agent_that_calls_itself_has_the_tokens_once(stats):
    found = stats(agent(1), agent(2, 1), model(3, 2))
    assert (found.rows["agent", "helper"].calls, found.rows["agent", "helper"].tokens[:2]) == (2, [10, 5])


def test_a_span_that_stands_in_two_files_counts_once(tmp_path):
    first, second = (write(tmp_path / name, model(1), tool(2, 1)) for name in ("a.jsonl", "b.jsonl"))
    found = stats_of([first, second])
    assert (found.spans, found.rows["llm", "gpt-5-mini"].calls) == (2, 1)


def test_an_answer_from_the_cache_is_a_call_without_tokens(stats):
    row = stats(model(1, langchain__cache__hit=True)).rows["llm", "gpt-5-mini"]
    assert (row.calls, row.tokens[0], row.unpriced) == (1, 0, 0)


def test_calls_that_did_not_end_have_no_time(stats):
    row = stats(tool(1, took=None), tool(2, took=2)).rows["tool", "search"]
    assert (row.calls, list(row.times)) == (2, [2_000_000])


def test_runs_are_what_langchain_ran_and_not_the_requests_around_it(stats):
    found = stats(span(1, "GET /ask", http__request__method="GET"), agent(2, 1), model(3, 2), agent(4, 1))
    assert (found.total.calls, found.rows["run", "helper"].calls) == (2, 2)


def test_paused_and_failed_runs_are_counted(stats):
    found = stats(
        agent(1, trace=1, langchain__run__outcome="paused"), agent(1, trace=2, failed=True), agent(1, trace=3)
    )
    assert (found.total.calls, found.total.failed, found.paused) == (3, 1, 1)


def test_a_run_that_was_killed_is_one_run_that_did_not_end(stats):
    found = stats(model(2, 1), tool(3, 1))
    assert (found.total.calls, found.unended, found.spans) == (1, 1, 2)


def test_costs_with_a_gap_are_known_to_have_one(stats):
    row = stats(model(1, gen_ai__usage__cost=0.25), model(2)).rows["llm", "gpt-5-mini"]
    assert (row.cost, row.priced, row.unpriced) == (0.25, 1, 1)


def test_what_a_span_says_of_its_cost_is_not_asked_of_prices(stats):
    row = stats(model(1, gen_ai__usage__cost=0.25), model(2), price=lambda span, usage: 1.0).rows["llm", "gpt-5-mini"]
    assert row.cost == 1.25


def test_half_a_bill_is_a_gap(stats):
    half = model(1, tokens=None, gen_ai__usage__input_tokens=10)
    row = stats(half, model(2), price=lambda span, usage: 1.0).rows["llm", "gpt-5-mini"]
    assert (row.tokens[:2], row.cost, row.priced, row.unpriced) == ([20, 5], 1.0, 1, 1)


def test_a_price_of_zero_is_no_gap(stats):
    row = stats(model(1, gen_ai__usage__cost=0), model(2), price=lambda span, usage: 0.0).rows["llm", "gpt-5-mini"]
    assert (row.cost, row.priced, row.unpriced) == (0.0, 2, 0)


def test_what_a_call_is_billed_by_is_kept_for_the_price(stats):
    told = {"langchain__usage__service_tier": "flex", "langchain__usage__cache_write_1h_tokens": 7}
    seen = []

    def price(span, usage):
        names = ("service_tier", "cache_write_1h_tokens", "incomplete")
        seen.append([span.raw.attributes.get(f"langchain.usage.{name}") for name in names])

    stats(model(1, **told), model(2, langchain__usage__incomplete=True), price=price)
    assert seen == [[None, None, True], ["flex", 7, None]]


def test_the_time_to_the_first_token_is_kept(stats):
    row = stats(model(1, gen_ai__response__time_to_first_chunk=0.5)).rows["llm", "gpt-5-mini"]
    assert list(row.firsts) == [500_000]


def test_what_has_no_name_is_called_as_its_span_is(stats):
    found = stats(span(1, "retrieval handbook", gen_ai__operation__name="retrieval"))
    assert ("retriever", "handbook") in found.rows


def test_skipped_lines_are_told(tmp_path):
    file = tmp_path / "trace.jsonl"
    file.write_text(line(model(1)) + "nonsense\n")
    found = stats_of([file])
    assert [(one.line, found.spans) for one in found.source.skipped] == [(2, 1)]


def test_numbers_that_are_absurd_are_none(stats):
    row = stats(model(1, tokens=(2**60, 5), gen_ai__usage__cost=1e300)).rows["llm", "gpt-5-mini"]
    assert (row.tokens[:2], row.priced) == ([0, 5], 0)
