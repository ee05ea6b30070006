"""A callback of your own: warn of slow model calls, and write on their spans that they were slow.

Run it:

    python examples/custom_callback.py
"""

from __future__ import annotations

import time

from langchain_core.messages import BaseMessage

import callspan
from callspan.testing import ScriptedChatModel


class SlowCalls(callspan.Callback):
    """Hears models, and speaks up if one took too long."""

    kinds = "llm"

    def __init__(self, limit: float) -> None:
        self.limit = limit

    def on_run_end(self, run: callspan.Run) -> None:
        if run.duration and run.duration > self.limit:
            run.set_attribute("app.slow", True)
            print(f"{run.model} was slow when it was asked {run.messages[-1].content!r}")


def answer(messages: list[BaseMessage]) -> str:
    if messages[-1].content == "why?":
        time.sleep(0.2)
    return "because"


def main() -> None:
    callspan.instrument()
    model = ScriptedChatModel(answer, model="small")
    with callspan.callbacks(SlowCalls(limit=0.1)):
        model.invoke("what?")
        model.invoke("why?")


if __name__ == "__main__":
    main()
