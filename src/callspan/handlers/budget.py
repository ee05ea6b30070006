"""A limit to tokens, cost, calls and time: who is over it is stopped."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping
from threading import RLock
from time import time_ns
from types import MappingProxyType
from typing import Any, Literal

from callspan.callback.callback import Callback
from callspan.core import state
from callspan.core.run import OK, SKIPPED, Run
from callspan.core.usage import BILLED, TokenCounts, UsageRecord, usage_record
from callspan.handlers.arguments import whole
from callspan.handlers.billing import billed, models_around, price_of, root_id, session_of, user_of, was_stopped_before
from callspan.handlers.limits import Account, Limits, OverBudget
from callspan.handlers.token_text import said_in_chunk, said_in_event

_log = logging.getLogger("callspan")

Per = Literal["block", "session", "user", "root"]

_KEYS: dict[str, Callable[[Run], Any]] = {
    "block": lambda run: None,
    "session": session_of,
    "user": user_of,
    "root": root_id,
}

_WHOLE = (OK, SKIPPED)
"""The outcomes of an answer that did not break off."""

_STOPPED = (*BILLED, "tool", "retriever")
"""What is not begun once the time is over."""


class Budget(Callback):
    """Stops calls once a limit is reached: the next one is not made, and an answer that streams ends in its middle.

    The caller gets an `OverBudget`, a `callspan.Stop` that says which limit, what was stopped and what is left. Calls
    that run at once share the account; each has counted as a call before it is made. Tokens are known when a call has
    ended; until then those of a streamed answer are estimated from what has come of it. If it is cut short, the larger
    of the estimate and the provider's own count stays.

    Args:
        tokens: How many tokens may be used, of input and output.
        output_tokens: How many tokens of output.
        cost: How many US dollars; what is not known counts as nothing.
        calls: How many calls of models and embeddings.
        seconds: How long after the first run that it hears calls may begin, and answers go on.
        per: Whose account it is: `block` (all that it hears), `session`, `user` or `root` (each outermost run).
        prices: What calls cost: `builtin`, a JSON file, or `off`; by default as the setting `prices` says.
        keep: How many accounts are kept; beyond, the one that was used longest ago is forgotten.

    Raises:
        ValueError: There is no limit, or a wrong one; `per` is none of the words; `keep` is not positive; there are no
            such prices.
    """

    def __init__(
        self,
        *,
        tokens: int | None = None,
        output_tokens: int | None = None,
        cost: float | None = None,
        calls: int | None = None,
        seconds: float | None = None,
        per: Per = "block",
        prices: str | None = None,
        keep: int = 10_000,
    ) -> None:
        if per not in tuple(_KEYS):
            raise ValueError(f"per={per!r} is not allowed: {' | '.join(_KEYS)}")
        self.limits = Limits(tokens, output_tokens, cost, calls, seconds)
        self._key = _KEYS[per]
        self._per_root = per == "root"
        self._price = price_of(prices)
        self._keep = whole("keep", keep)
        self._accounts: OrderedDict[Any, Account] = OrderedDict()
        self._lock = RLock()
        if not any(name != "calls" for name, _ in self.limits.given()):
            self.callspan_heard = self.callspan_heard - {"on_llm_new_token", "on_stream_event"}

    def on_run_start(self, run: Run) -> None:
        key, now = self._key(run), time_ns()
        inside = run.kind in BILLED and next(models_around(run), None) is not None
        with self._lock:
            account = self._account(key, run.started)
            over = self._over(account, now, run, inside=inside)
            if over is None and run.kind in BILLED and not inside and not run.is_foreign:
                account.calls += 1
        if over is not None:
            raise self._stop(over, account, now, run, key, begun=False)
        if run.kind in BILLED:
            run.state[self] = _Open(account, key, inside=inside)

    def on_llm_new_token(self, run: Run, token: Any, chunk: Any) -> None:
        self._heard(run, "tokens", said_in_chunk(token, chunk))

    def on_stream_event(self, run: Run, event: Any) -> None:
        self._heard(run, "events", said_in_event(event))

    def on_run_end(self, run: Run) -> None:
        opened = run.state.pop(self, None)
        found = billed(self, run)
        if opened is not None:
            cost = None if found is None else found.cost(self._price)
            if self.limits.cost is not None and found is not None and found.is_counted and cost is None:
                _warn_of_no_price(run, found)
            with self._lock:
                opened.account.calls += _late(run, opened, found)
                self._settle(opened, None if found is None else found.tokens, cost, whole=run.outcome in _WHOLE)
        if self._per_root and run.parent is None and not run.ancestors:
            with self._lock:
                self._accounts.pop(root_id(run), None)

    def on_run_error(self, run: Run) -> None:
        self.on_run_end(run)

    def left(self, key: Any = None) -> Mapping[str, float]:
        """Return what is left of each limit, never below 0.

        Args:
            key: Whose: the id of the session, user or root, as `per` says.
        """
        now = time_ns()
        with self._lock:
            return MappingProxyType(self._left(self._accounts.get(key) or Account(now), now))

    def reset(self, key: Any = None) -> None:
        """Begin an account anew; calls that are open count in the old one.

        Args:
            key: Whose, as for `left`.
        """
        with self._lock:
            self._accounts.pop(key, None)

    def _account(self, key: Any, started: int) -> Account:
        account = self._accounts.get(key)
        if account is None:
            account = self._accounts[key] = Account(started)
            if len(self._accounts) > self._keep:
                self._accounts.popitem(last=False)
        else:
            self._accounts.move_to_end(key)
        return account

    def _over(self, account: Account, now: int, run: Run, *, inside: bool) -> str | None:
        """Return the limit that does not let a run begin; inside a model's call it is a part of that call."""
        if run.kind not in _STOPPED or not run.is_stoppable:
            return None
        used = account.used(now)
        reached = (name for name, allowed in self.limits.given() if used[name] >= allowed)
        if run.kind not in BILLED:  # they cost nothing of the others
            return "seconds" if "seconds" in reached else None
        return next((name for name in reached if not (inside and name == "calls")), None)

    def _heard(self, run: Run, how: str, count: int) -> None:
        opened: _Open | None = run.state.get(self)
        if opened is None or not run.is_stoppable:
            return
        if self.limits.cost is not None and opened.each is None:
            asked = usage_record(run.identity, TokenCounts(0, _MILLION), run.started)
            opened.each = (asked.cost(self._price) or 0.0) / _MILLION
        now = time_ns()
        with self._lock:
            self._estimate(opened, how, count)
            used = opened.account.used(now)
        over = [name for name, allowed in self.limits.given() if name != "calls" and used[name] > allowed]
        if over:
            raise self._stop(over[0], opened.account, now, run, opened.key, begun=True)

    def _estimate(self, opened: _Open, how: str, count: int) -> None:
        """Add what has come of an answer; some models say it in both ways, so the larger one counts."""
        opened.heard[how] += count
        more = max(opened.heard.values()) - opened.tokens
        if more <= 0 or opened.inside:
            return
        opened.tokens += more
        opened.account.begun_tokens += more
        cost = more * (opened.each or 0.0)
        opened.cost += cost
        opened.account.begun_cost += cost

    def _settle(self, opened: _Open, tokens: TokenCounts | None, cost: float | None, *, whole: bool) -> None:
        """Put what a call used in the place of what was estimated; if it does not say, the estimate stays.

        Some providers count the output in their last chunk: of an answer that broke off the larger number counts.
        """
        account = opened.account
        account.begun_tokens -= opened.tokens
        account.begun_cost -= opened.cost
        if tokens is None:
            return
        used = tokens.output_tokens
        estimated = opened.tokens if used is None or not whole else 0
        account.input_tokens += tokens.input_tokens or 0
        account.output_tokens += max(used or 0, estimated)
        if cost is None:
            account.cost += opened.cost if used is None else 0.0
        else:
            account.cost += cost + max(0, estimated - (used or 0)) * (opened.each or 0.0)

    def _stop(self, limit: str, account: Account, now: int, run: Run, key: Any, *, begun: bool) -> OverBudget:
        used = account.used(now)
        call = f"{run.row.span_prefix} {run.model or run.name}"
        allowed = dict(self.limits.given())[limit]
        return OverBudget(limit, allowed, used[limit], self._left(account, now), call, begun=begun, key=key)

    def _left(self, account: Account, now: int) -> dict[str, float]:
        used = account.used(now)
        return {name: max(0, allowed - used[name]) for name, allowed in self.limits.given()}


def _warn_of_no_price(run: Run, found: UsageRecord) -> None:
    if not found.is_whole:
        if state.first_time("a budget with half a bill"):
            _log.warning(
                "a budget of cost counts a call as nothing that reports only a part of its tokens (%s)", run.model
            )
    elif state.first_time("a budget without a price"):
        _log.warning("a budget of cost counts what has no price as nothing: give it `prices` (%s)", run.model)


def _late(run: Run, opened: _Open, found: UsageRecord | None) -> int:
    """Return how many calls more there were than was known at the start of a call."""
    if run.is_foreign:  # it may be around one of ours, which counts
        return int(found is not None)
    cached = found is not None and found.cached
    was_made = run.outcome != SKIPPED and not cached and not was_stopped_before(run)
    return 0 if was_made or opened.inside else -1


_MILLION = 1_000_000


class _Open:
    """One call that is open: its account, and what has come of its answer.

    Args:
        account: Whose account it is.
        key: The key of the account.
        inside: Whether it is inside another model's call, which hands on its answer.
    """

    __slots__ = ("account", "cost", "each", "heard", "inside", "key", "tokens")

    def __init__(self, account: Account, key: Any, *, inside: bool) -> None:
        self.account, self.key, self.inside = account, key, inside
        self.heard = {"tokens": 0, "events": 0}
        self.tokens = 0
        self.cost = 0.0
        self.each: float | None = None  # US dollars of a token
