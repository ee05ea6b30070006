"""What is worse: by more than a tenth, by enough to matter, and often enough to be no accident."""

import pytest

from callspan.viewer.stats import Change, Row, Stats, change, percentile, shown_rows


def row(seconds, calls=20, *, cost=None, kind="llm", name="gpt"):
    """A row of calls that all took so long and cost so much."""
    found = Row(kind, name, calls=calls)
    found.times.extend([int(seconds * 1_000_000)] * calls)
    if cost is not None:
        found.cost, found.priced = cost * calls, calls
    return found


@pytest.mark.parametrize(
    ("now", "before", "worse"),
    [
        (row(1.2), row(1.0), True),
        (row(1.09), row(1.0), False),
        (row(0.14), row(0.10), False),  # less than 50 ms
        (row(1.2, 19), row(1.0), False),
        (row(1.2), row(1.0, 19), False),
        (row(0.8), row(1.0), False),
        (row(1.0), row(0.0), True),
    ],
)
def test_slower_is_a_tenth_and_fifty_milliseconds_with_twenty_calls(now, before, worse):
    assert change(now, before).slower is worse


@pytest.mark.parametrize(
    ("now", "before", "worse"), [(0.02, 0.01, True), (0.0105, 0.01, False), (0.0015, 0.001, False), (0.01, 0.02, False)]
)
def test_dearer_is_a_tenth_and_a_tenth_of_a_cent_a_call(now, before, worse):
    found = change(row(1, cost=now), row(1, cost=before))
    assert (found.dearer, found.worse, found.cost) == (worse, worse, pytest.approx(now / before - 1))


def test_costs_are_those_of_one_call_however_many_there_were():
    assert change(row(1, 40, cost=0.01), row(1, 20, cost=0.01)).cost == pytest.approx(0)


def test_the_cost_of_an_agent_with_gaps_is_not_compared():
    now = row(1, cost=0.5, kind="agent")
    now.unpriced = 1
    assert change(now, row(1, cost=0.1, kind="agent")).cost is None


def test_few_calls_are_not_compared():
    assert change(row(9, 4), row(1, 4)) == Change()


def test_a_percentile_lies_between_two_values():
    assert (percentile([1, 2, 3, 4], 0.5), percentile([1], 0.95), percentile([0, 10], 0.95)) == (2.5, 1, 9.5)


def test_rows_that_are_gone_are_shown_without_calls():
    now, before = Stats(), Stats()
    now.row("tool", "kept").calls = 1
    before.row("tool", "kept")
    before.row("llm", "gone")
    shown = [(one.kind, one.name, one.calls) for one in shown_rows(now, ["model", "tool"], before)]
    assert shown == [("llm", "gone", 0), ("tool", "kept", 1)]
