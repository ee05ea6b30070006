"""A pattern costs nothing until it is used, and is then as good as any."""

import re

import pytest

from callspan.capture.patterns import lazily


def test_a_pattern_is_compiled_when_it_is_used_first():
    wrong = lazily("(")
    with pytest.raises(re.error):
        wrong.search("x")


def test_it_does_what_patterns_do():
    pattern = lazily("B", re.IGNORECASE)
    assert pattern.sub("-", "abc") == "a-c"
    assert [found.span() for found in pattern.finditer("bb")] == [(0, 1), (1, 2)]
    assert (pattern.fullmatch("b") is not None, pattern.match("a"), pattern.pattern) == (True, None, "B")
