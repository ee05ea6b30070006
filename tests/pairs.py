"""Fewer combinations of a test's parameters: each pair of two values is tried, instead of every combination.

Of each parametrised test as few cases run as have each pair of two parameters' values that any of its cases has. A
form is two values: whether it is asynchronous, and what is left of its name. What else is several values in one, a test
says: `@pytest.mark.pairs(case=lambda case: case.name.split("."))`. `CALLSPAN_TESTS=all` runs every case.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from itertools import combinations
from typing import Any

import pytest

EVERY_CASE = os.environ.get("CALLSPAN_TESTS") == "all"

FORMS = ("invoke", "stream", "batch", "batch_as_completed", "graph", "transform", "embed_query", "embed_documents")

Values = frozenset[tuple[Hashable, ...]]
"""The values of one case's parameters, each with the parameter's name."""


def examples(number: int) -> int:
    """Return how many examples Hypothesis tries of so many: a quarter, if not every case is run."""
    return number if EVERY_CASE else number // 4


def fewer(items: Sequence[pytest.Item]) -> set[pytest.Item]:
    """Return the cases that can be left out."""
    cases: dict[str, list[pytest.Item]] = defaultdict(list)
    for item in items:
        if hasattr(item, "callspec"):
            cases[item.nodeid.partition("[")[0]].append(item)
    left_out: set[pytest.Item] = set()
    for of_one_test in cases.values():
        chosen = covering([values(case) for case in of_one_test])
        left_out.update(case for number, case in enumerate(of_one_test) if number not in chosen)
    return left_out


def values(case: Any) -> Values:
    """Return the values of a case's parameters, and the parts of those that are several in one."""
    mark = case.get_closest_marker("pairs")
    parts = mark.kwargs if mark else {}
    found: list[tuple[Hashable, ...]] = []
    for name, value in case.callspec.params.items():
        split = parts.get(name, parts_of_form)(value)
        if split is None:  # the cases share the objects, not all of which can be hashed
            found.append((name, type(value), value if isinstance(value, (str, int, float)) else id(value)))
        else:
            found += [(name, number, part) for number, part in enumerate(split)]
    return frozenset(found)


def parts_of_form(value: object) -> tuple[bool, str] | None:
    """Return whether a form is asynchronous, and the form without that; None for what is no form."""
    if not isinstance(value, str) or value.removeprefix("a") not in FORMS:
        return None
    return value.startswith("a"), value.removeprefix("a")


def covering(cases: Sequence[Values]) -> set[int]:
    """Return the numbers of few cases that have all pairs of values that any case has."""
    pairs = [set(pairs_of(case)) for case in cases]
    missing = set[Any]().union(*pairs)
    chosen: set[int] = set()
    while missing:
        best = max(range(len(cases)), key=lambda number: len(pairs[number] & missing))
        chosen.add(best)
        missing -= pairs[best]
    return chosen


def pairs_of(case: Values) -> Iterable[frozenset[tuple[Hashable, ...]]]:
    """Return the pairs of values of one case; the value itself where it has one."""
    return map(frozenset, combinations(case, min(2, len(case))))
