"""What the suite leaves out by default: never a pair of values."""

from __future__ import annotations

from itertools import combinations, product

import pytest
from tests.pairs import covering, fewer, parts_of_form, values

WHATS, FORMS, COLOURS = range(5), ("invoke", "ainvoke", "stream", "astream"), (False, True)


class Case:
    """A test's case, as pytest has it."""

    def __init__(self, nodeid, **params):
        self.nodeid = nodeid
        self.callspec = type("CallSpec", (), {"params": params})

    def get_closest_marker(self, name):
        return None


def pairs(cases):
    return {pair for case in cases for pair in combinations(sorted(case, key=str), 2)}


def test_few_cases_have_every_pair_and_always_the_same_do():
    cases = [frozenset(enumerate(values)) for values in product(WHATS, FORMS, COLOURS)]
    chosen = covering(cases)
    assert len(chosen) == len(WHATS) * len(FORMS)
    assert pairs(cases[number] for number in chosen) == pairs(cases)
    assert covering(cases) == chosen


def test_a_form_is_two_values():
    assert parts_of_form("ainvoke") == (True, "invoke")
    assert parts_of_form("stream") == (False, "stream")
    assert parts_of_form("answer") is parts_of_form(7) is None
    cases = [Case(f"test[{what}-{form}]", what=what, form=form) for what, form in product(WHATS, FORMS)]
    kept = [case for case in cases if case not in fewer(cases)]
    assert len(kept) == 2 * len(WHATS)
    assert pairs(map(values, kept)) == pairs(map(values, cases))


@pytest.mark.parametrize("params", [{"form": "invoke"}, {"what": [], "form": "invoke"}])
def test_a_case_that_is_asked_for_alone_runs(params):
    assert fewer([Case("test[it]", **params)]) == set()


def test_a_test_with_one_parameter_has_all_its_cases():
    assert fewer([Case(f"test[{what}]", what=what) for what in WHATS]) == set()
