"""What a block of calls costs, by model and session; `prices="builtin"` would have the prices of genai-prices."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import callspan
from callspan.testing import ScriptedChatModel


def main() -> None:
    callspan.instrument()
    with TemporaryDirectory() as folder:
        prices = Path(folder, "prices.json")
        prices.write_text(
            json.dumps({"gpt-5-mini": {"input": 0.25, "output": 2}, "gpt-5": {"input": 1.25, "output": 10}})
        )
        usage = callspan.Usage(prices=str(prices))
    with callspan.callbacks(usage):
        for user in ("ada", "bob", "ada"):
            with callspan.session(user):
                ScriptedChatModel("In the drawer", model="gpt-5-mini").invoke("Where are my keys?")
        ScriptedChatModel("Because it was open", model="gpt-5").invoke("Why did the cat come in?")
        ScriptedChatModel("Nobody knows", model="our-own").invoke("And why did it leave?")

    used = usage.reset()
    for title, sums in (("model", used.models), ("session", used.sessions)):
        for name, one in sums.items():
            cost = "unknown" if one.cost is None else f"${one.cost:.6f}"
            print(f"{title} {name}: {one.calls} calls, {one.tokens} tokens, {cost}")
    print(f"in all {'' if used.total.is_whole else 'at least '}${used.total.cost or 0:.6f}")


if __name__ == "__main__":
    main()
