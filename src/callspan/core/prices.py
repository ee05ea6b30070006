"""The price of calls: from the package genai-prices, or from a JSON file."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from callspan import semconv

Counts = tuple[int, int, int, int, int]  # tokens: input, output, cache read, cache write, reasoning


class Terms(NamedTuple):
    """What a call is billed by, beside its model and its tokens.

    Args:
        tier: The service tier that answered (`flex`, `priority`, `batch`); None for the standard one.
        for_an_hour: How many of the tokens written to the cache are kept for an hour, which costs more.
    """

    tier: str | None = None
    for_an_hour: int = 0


STANDARD = Terms()

_STANDARD_TIERS = frozenset(
    {
        "",
        "auto",
        "default",
        "standard",
        "standard_only",
        "on_demand",
        "not_available",
        "unspecified",
        "traffic_type_unspecified",
    }
)
"""What providers call the tier that everybody gets."""


TIERS = (semconv.SERVICE_TIER, semconv.OPENAI_RESPONSE_SERVICE_TIER, semconv.OPENAI_REQUEST_SERVICE_TIER)
"""The attributes of the service tier: what answered counts more than what was asked for."""


def tier_of(said: object) -> str | None:
    """Return a service tier in one spelling, or None for the standard one."""
    if not isinstance(said, str) or said in _STANDARD_TIERS:
        return None
    tier = said.strip().lower().replace("-", "_").removeprefix("service_tier_")
    return None if tier in _STANDARD_TIERS else tier.removeprefix("on_demand_")  # Vertex AI's traffic types


Price = Callable[[Sequence[str], str | None, Counts, int, Terms], float | None]
"""Gives what a call cost, in US dollars, or None: by the names of its model, the one that says most first, the
provider in the conventions' words, the tokens, when it was, in nanoseconds since 1970, and the terms."""

_PARTS = ("input", "output", "cache_read", "cache_write", "reasoning")
"""What has a price, in the order of `Counts`."""

_HOUR, _TIERS = "cache_write_1h", "tiers"
"""What a file may have beside: the price of what is kept for an hour, and by the service tier other prices."""

_MILLION = 1_000_000


class PricesError(ValueError):
    """There are no such prices; the text says why, and what would help."""


def price_from(where: str) -> Price | None:
    """Return the function that tells what a call cost.

    Args:
        where: `off`: None; `builtin`: genai-prices; else a JSON file: by model, US dollars for a million tokens of
            `input`, `output`, `cache_read`, `cache_write`, `reasoning`.

    Raises:
        PricesError: There are none: the package is missing, or the file is not what it should be.
    """
    if where in ("", "off"):
        return None
    return _builtin() if where == "builtin" else _from_file(Path(where))


def _builtin() -> Price:
    try:
        from genai_prices import Usage as Used
        from genai_prices import calc_price
    except ImportError as missing:
        raise PricesError("prices are in the extra `prices`: pip install 'callspan[prices]'") from missing

    @lru_cache(maxsize=20_000)
    def ask(model: str, provider: str | None, usage: Counts, day: int, terms: Terms) -> float | None:
        parts: dict[str, Any] = {
            "input_tokens": usage[0],
            "output_tokens": usage[1],
            "cache_read_tokens": usage[2] or None,
            "cache_write_tokens": usage[3] or None,
        }
        context = {} if terms.tier is None else _context(terms.tier, provider)
        more: dict[str, Any] = {"price_context": context} if context else {}
        if terms.for_an_hour:
            parts["cache_write_1h_tokens"] = terms.for_an_hour
        at = datetime.fromtimestamp(day * _DAY, UTC)
        # No provider has another one's tiers, and the package takes Azure for OpenAI.
        if context and provider is not None and provider.startswith("azure"):
            return None
        # Our provider names are the conventions'; what the package does not know by them it may know by the model.
        for known in (provider, None) if provider and not context else (provider,):
            try:
                found = calc_price(Used(**parts), model, provider_id=known, genai_request_timestamp=at, **more)
            except (LookupError, ValueError):  # an unknown model; counts that contradict each other
                continue
            except TypeError:  # an older genai-prices, which knows no terms
                return None
            if terms != STANDARD and not _is_priced(found, usage, terms, context, at):
                return None
            return float(found.total_price)
        return None

    def price(
        models: Sequence[str], provider: str | None, usage: Counts, at: int, terms: Terms = STANDARD
    ) -> float | None:
        day = min(at // (_DAY * 1_000_000_000), _LAST_DAY)
        names = (*models, *_without_provider(models, provider))
        return next((cost for model in names if (cost := ask(model, provider, usage, day, terms)) is not None), None)

    # The package imports its table at the first price. That is now, and not in the middle of the program's first call.
    ask("gpt-4o", "openai", (2, 1, 1, 0, 0), _LAST_DAY, STANDARD)
    return price


def _without_provider(models: Sequence[str], provider: str | None) -> Iterator[str]:
    """Yield the names that have their provider in front (`bedrock/…`, as LiteLLM's have) without it."""
    for model in models:
        word, slash, rest = model.partition("/")
        if slash and provider is not None and word.replace("_", "") in provider.replace("_", ""):
            yield rest


_DAY = 86_400
_LAST_DAY = 365 * 1000  # no date is beyond it


def _context(tier: str, provider: str | None) -> dict[str, str]:
    """Return what genai-prices calls a tier."""
    if tier == "batch":
        return {"processing": tier}
    return {"speed" if tier == "fast" and provider == "anthropic" else "service_tier": tier}


def _is_priced(found: Any, usage: Counts, terms: Terms, context: Mapping[str, str], at: datetime) -> bool:
    """Return whether genai-prices has prices of these terms: where it has none it takes the standard ones."""
    wanted = {"input_mtok": usage[0], "output_mtok": usage[1], "cache_read_mtok": usage[2],
              "cache_write_mtok": usage[3], "cache_write_1h_mtok": terms.for_an_hour}  # fmt: skip
    if terms.for_an_hour and getattr(found.model_price, "cache_write_1h_mtok", None) is None:
        return False
    if not context:
        return True
    if not any(found.model is model for model in found.provider.models):
        return False  # another provider's, whose tiers do not hold here
    having: set[str] = set()
    for variant in getattr(found.model, "price_variants", None) or ():
        if variant.when == context and (variant.constraint is None or variant.constraint.active(at)):
            having.update(key for key, price in vars(variant.prices).items() if price is not None)
    standard = vars(found.model_price)
    return all(key in having or standard.get(key) is None for key, tokens in wanted.items() if tokens)


def _from_file(path: Path) -> Price:
    table = _table(path)
    patterns = sorted((name[:-1] for name in table if name.endswith("*")), key=len, reverse=True)

    @lru_cache(maxsize=1000)
    def found(model: str) -> _Prices | None:
        if model in table:
            return table[model]
        return next((table[start + "*"] for start in patterns if model.startswith(start)), None)

    def price(
        models: Sequence[str], provider: str | None, usage: Counts, at: int, terms: Terms = STANDARD
    ) -> float | None:
        known = next((prices for model in models if (prices := found(model)) is not None), None)
        return None if known is None else known.cost(usage, terms)

    return price


@dataclass(frozen=True, slots=True)
class _Prices:
    """The prices of one model, in US dollars for a million tokens.

    Args:
        each: Of what is left of the input and the output, and of their parts.
        for_an_hour: Of what is written to the cache for an hour; None if the file does not have it.
        tiers: The prices of other service tiers.
    """

    each: tuple[float, ...]
    for_an_hour: float | None
    tiers: Mapping[str, _Prices]

    def cost(self, usage: Counts, terms: Terms) -> float | None:
        if terms.tier is not None and any(self.each):  # where all is free, so is each tier
            tier = self.tiers.get(terms.tier)
            return None if tier is None else tier.cost(usage, Terms(None, terms.for_an_hour))
        written, read, cached, stored, thought = *usage[1::-1], *usage[2:]
        longer = min(stored, terms.for_an_hour)
        if longer and self.for_an_hour is None:
            return None
        parts = (max(0, read - cached - stored), max(0, written - thought), cached, stored - longer, thought)
        paid = sum(count * cost for count, cost in zip(parts, self.each, strict=True)) / _MILLION
        return paid + longer * (self.for_an_hour or 0.0) / _MILLION


def _table(path: Path) -> dict[str, _Prices]:
    try:
        told = json.loads(path.read_bytes())
    except OSError as error:
        raise PricesError(f"no prices in {path}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise PricesError(f"no prices in {path}: it is no JSON: {error}") from error
    if not isinstance(told, dict):
        raise PricesError(f"no prices in {path}: it must be an object with models for names")
    return {model: _prices(path, model, prices) for model, prices in told.items()}


def _prices(path: Path, model: str, told: Any) -> _Prices:
    fail: Callable[[str], PricesError] = lambda why: PricesError(f"no price of {model!r} in {path}: {why}")  # noqa: E731
    if not isinstance(told, dict) or "input" not in told:
        raise fail('it must be an object like {"input": 0.25, "output": 2.0}, in US dollars for a million tokens')
    tiers = told.get(_TIERS, {})
    if not isinstance(tiers, dict):
        raise fail(f'{_TIERS!r} must be an object like {{"flex": {{"input": 0.125, "output": 1.0}}}}')
    for name, value in told.items():
        if name == _TIERS:
            continue
        if name not in (*_PARTS, _HOUR):
            raise fail(f"{name!r} has none; what has: {', '.join((*_PARTS, _HOUR, _TIERS))}")
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf:
            raise fail(f"{name!r} is no amount of US dollars: {value!r}")
    into, out = told["input"], told.get("output", 0)
    # What has no price of its own is paid as what it is a part of; but what is kept for an hour always costs more.
    stored = told.get("cache_write", into)
    prices = (into, out, told.get("cache_read", into), stored, told.get("reasoning", out))
    return _Prices(
        tuple(map(float, prices)),
        told.get(_HOUR, None if stored else 0.0),
        {tier_of(name) or name: _prices(path, f"{model} ({name})", each) for name, each in tiers.items()},
    )
