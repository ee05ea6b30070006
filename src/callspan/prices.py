"""What calls cost: from the prices of the package genai-prices, or from a file of one's own."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

Counts = tuple[int, int, int, int, int]
"""Tokens: input, output, cache read, cache write, reasoning."""

Price = Callable[[Sequence[str], str | None, Counts, int], float | None]
"""Gives what a call cost, in US dollars, or None: by the names of its model, the one that says most first, the
provider in the conventions' words, the tokens, and when it was, in nanoseconds since 1970."""

_PARTS = ("input", "output", "cache_read", "cache_write", "reasoning")
"""What has a price, in the order of `Counts`."""

_MILLION = 1_000_000


class PricesError(ValueError):
    """Prices cannot be had; the text says why, and what would help."""


def price_from(where: str) -> Price | None:
    """Give the function that tells what a call cost.

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
    def ask(model: str, provider: str | None, usage: Counts, day: int) -> float | None:
        counts = Used(
            input_tokens=usage[0],
            output_tokens=usage[1],
            cache_read_tokens=usage[2] or None,
            cache_write_tokens=usage[3] or None,
        )
        at = datetime.fromtimestamp(day * _DAY, UTC)
        # Our provider names are the conventions'; what the package does not know by them it may know by the model.
        for known in (provider, None) if provider else (None,):
            try:
                found = calc_price(counts, model, provider_id=known, genai_request_timestamp=at)
            except (LookupError, ValueError):  # an unknown model; counts that contradict each other
                continue
            return float(found.total_price)
        return None

    def price(models: Sequence[str], provider: str | None, usage: Counts, at: int) -> float | None:
        day = min(at // (_DAY * 1_000_000_000), _LAST_DAY)
        return next((cost for model in models if (cost := ask(model, provider, usage, day)) is not None), None)

    return price


_DAY = 86_400
_LAST_DAY = 365 * 1000
"""What no date is beyond."""


def _from_file(path: Path) -> Price:
    table = _table(path)
    patterns = sorted((name[:-1] for name in table if name.endswith("*")), key=len, reverse=True)

    @lru_cache(maxsize=1000)
    def found(model: str) -> tuple[float, ...] | None:
        if model in table:
            return table[model]
        return next((table[start + "*"] for start in patterns if model.startswith(start)), None)

    def price(models: Sequence[str], provider: str | None, usage: Counts, at: int) -> float | None:
        each = next((prices for model in models if (prices := found(model)) is not None), None)
        if each is None:
            return None
        written, read, cached, stored, thought = *usage[1::-1], *usage[2:]
        parts = (max(0, read - cached - stored), max(0, written - thought), cached, stored, thought)
        return sum(count * cost for count, cost in zip(parts, each, strict=True)) / _MILLION

    return price


def _table(path: Path) -> dict[str, tuple[float, ...]]:
    try:
        told = json.loads(path.read_bytes())
    except OSError as error:
        raise PricesError(f"no prices in {path}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise PricesError(f"no prices in {path}: it is no JSON: {error}") from error
    if not isinstance(told, dict):
        raise PricesError(f"no prices in {path}: it must be an object with models for names")
    return {model: _prices(path, model, prices) for model, prices in told.items()}


def _prices(path: Path, model: str, told: Any) -> tuple[float, ...]:
    fail: Callable[[str], PricesError] = lambda why: PricesError(f"no price of {model!r} in {path}: {why}")  # noqa: E731
    if not isinstance(told, dict) or "input" not in told:
        raise fail('it must be an object like {"input": 0.25, "output": 2.0}, in US dollars for a million tokens')
    for name, value in told.items():
        if name not in _PARTS:
            raise fail(f"{name!r} has none; what has: {', '.join(_PARTS)}")
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf:
            raise fail(f"{name!r} is no amount of US dollars: {value!r}")
    into, out = told["input"], told.get("output", 0)
    # What has no price of its own is paid as what it is a part of.
    prices = (into, out, told.get("cache_read", into), told.get("cache_write", into), told.get("reasoning", out))
    return tuple(map(float, prices))
