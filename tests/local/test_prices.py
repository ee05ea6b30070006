"""Prices: from a file of one's own, from genai-prices, or a text that says what is wrong."""

import json

import pytest

from callspan.core.prices import PricesError
from callspan.viewer.analyze import price_from
from callspan.viewer.otlp import RawSpan
from callspan.viewer.trace import Span

LATER = 1_796_000_000
"""Seconds since 1970: when tiers have prices."""


def call(model="gpt-5-mini", answered=None, provider=None, at=1_760_000_000, **more):
    """A call of a model."""
    said = {"gen_ai.request.model": model, "gen_ai.response.model": answered, "gen_ai.provider.name": provider}
    said.update((name.replace("__", "."), value) for name, value in more.items())
    known = {name: value for name, value in said.items() if value is not None}
    return Span(RawSpan("1" * 32, "2" * 16, None, "chat", at * 10**9, None, known), "llm")


@pytest.fixture
def prices(tmp_path):
    """The prices of a file."""

    def read(told):
        path = tmp_path / "prices.json"
        path.write_text(told if isinstance(told, str) else json.dumps(told))
        return price_from(str(path))

    return read


def test_off_is_no_price():
    assert price_from("off") is None


def test_tokens_cost_what_the_file_says_for_a_million(prices):
    price = prices({"gpt-5-mini": {"input": 1, "output": 10}})
    assert price(call(), (500_000, 100_000, 0, 0, 0)) == pytest.approx(1.5)


def test_what_was_cached_and_thought_is_a_part_and_has_its_own_price(prices):
    price = prices({"m": {"input": 1, "output": 10, "cache_read": 0.1, "cache_write": 2, "reasoning": 20}})
    million = (1_000_000, 1_000_000, 400_000, 100_000, 500_000)
    assert price(call("m"), million) == pytest.approx(0.5 * 1 + 0.5 * 10 + 0.4 * 0.1 + 0.1 * 2 + 0.5 * 20)


def test_what_has_no_price_of_its_own_costs_what_the_whole_does(prices):
    price = prices({"m": {"input": 1, "output": 10}})
    assert price(call("m"), (1_000_000, 1_000_000, 400_000, 100_000, 500_000)) == pytest.approx(11)


def test_counts_that_contradict_each_other_never_cost_less_than_nothing(prices):
    price = prices({"m": {"input": 1, "output": 10}})
    assert price(call("m"), (0, 0, 1_000_000, 0, 0)) == pytest.approx(1)


def test_the_model_that_answered_comes_before_the_one_that_was_asked(prices):
    price = prices({"asked": {"input": 1}, "answered": {"input": 2}})
    assert price(call("asked", "answered"), (1_000_000, 0, 0, 0, 0)) == 2
    assert price(call("asked", "unknown"), (1_000_000, 0, 0, 0, 0)) == 1


def test_a_star_stands_for_the_rest_of_a_name_and_the_longest_name_wins(prices):
    price = prices({"gpt-*": {"input": 1}, "gpt-5-mini*": {"input": 2}, "gpt-5-mini-x": {"input": 3}})
    million = (1_000_000, 0, 0, 0, 0)
    assert [price(call(name), million) for name in ("gpt-4", "gpt-5-mini-2025", "gpt-5-mini-x", "other")] == [
        1,
        2,
        3,
        None,
    ]


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ("{", "it is no JSON"),
        ([], "an object with models for names"),
        ({"m": 3}, "it must be an object like"),
        ({"m": {"output": 3}}, "it must be an object like"),
        ({"m": {"input": "3"}}, "is no amount of US dollars: '3'"),
        ({"m": {"input": -1}}, "is no amount"),
        ({"m": {"input": True}}, "is no amount"),
        ('{"m": {"input": NaN}}', "is no amount"),
        ({"m": {"input": 1, "inputs": 2}}, "'inputs' has none; what has: input, output"),
        ({"m": {"input": 1, "tiers": 2}}, "'tiers' must be an object like"),
        ({"m": {"input": 1, "tiers": {"flex": {"output": 1}}}}, "it must be an object like"),
    ],
)
def test_a_file_that_is_wrong_is_told_with_what_is_wrong(prices, told, why):
    with pytest.raises(PricesError, match="no price") as caught:
        prices(told)
    assert why in str(caught.value)


def test_a_file_that_is_missing_is_told(tmp_path):
    with pytest.raises(PricesError, match="No such file"):
        price_from(str(tmp_path / "missing.json"))


def test_the_built_in_ones_know_models_and_say_nothing_of_others():
    pytest.importorskip("genai_prices", reason="needs the extra prices")
    price = price_from("builtin")
    cost = price(call("gpt-4o-mini", provider="openai"), (1_000_000, 0, 0, 0, 0))
    assert cost is not None
    assert 0.01 < cost < 10
    assert price(call("a model of nobody"), (1, 1, 0, 0, 0)) is None
    assert price(call("gpt-4o-mini", provider="a provider of nobody"), (1_000_000, 0, 0, 0, 0)) == cost


def test_the_built_in_ones_take_cached_tokens_for_a_part():
    pytest.importorskip("genai_prices", reason="needs the extra prices")
    price = price_from("builtin")
    plain, cached = (price(call("gpt-4o-mini"), (1_000_000, 0, read, 0, 0)) for read in (0, 1_000_000))
    assert cached < plain
    assert price(call("gpt-4o-mini"), (0, 0, 5, 0, 0)) is None  # more cached than there are


def test_the_built_in_ones_have_prices_of_some_tiers_and_none_of_others():
    types = pytest.importorskip("genai_prices.types", reason="needs the extra prices")
    if not hasattr(types, "PriceVariant"):
        pytest.skip("this genai-prices knows no tiers")
    price = price_from("builtin")
    million = (1_000_000, 0, 0, 0, 0)
    standard, default, flex, other = (
        price(call(provider="openai", at=LATER, openai__response__service_tier=tier), million)
        for tier in (None, "default", "flex", "of nobody")
    )
    claude = {"model": "claude-opus-4-6", "provider": "anthropic", "at": LATER}
    batch = price(call(**claude, langchain__usage__service_tier="batch"), million)

    assert standard == default > flex > 0
    assert other is None
    assert price(call(**claude), million) > batch > 0
    assert price(call(provider="azure.ai.openai", at=LATER, openai__response__service_tier="flex"), million) is None


def test_the_built_in_ones_have_a_price_for_an_hour_or_none():
    price = price_from("builtin") if pytest.importorskip("genai_prices", reason="needs the extra prices") else None
    stored = (1_000_000, 0, 0, 1_000_000, 0)
    hour = {"langchain__usage__cache_write_1h_tokens": 1_000_000}
    short, longer = price(call("claude-opus-4-6"), stored), price(call("claude-opus-4-6", **hour), stored)

    assert longer is None or longer > short
    assert price(call("gpt-4o-mini", **hour), stored) is None


def test_tokens_that_are_known_not_to_be_all_have_no_price(prices):
    price = prices({"m": {"input": 1}})
    assert price(call("m", langchain__usage__incomplete=True), (1, 0, 0, 0, 0)) is None


def test_where_all_is_free_each_tier_and_an_hour_are(prices):
    price = prices({"m": {"input": 0, "output": 0}})
    free = call("m", langchain__usage__service_tier="priority", langchain__usage__cache_write_1h_tokens=5)
    assert price(free, (9, 9, 0, 5, 0)) == 0


def test_without_the_package_it_is_told_how_to_get_it(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "genai_prices", None)
    with pytest.raises(PricesError, match=r"pip install 'callspan\[prices\]'"):
        price_from("builtin")
