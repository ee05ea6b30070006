"""Where the time goes: percentiles of each model and tool, and the slowest call with the id of its trace."""

from __future__ import annotations

import random
import time

from langchain_core.runnables import RunnableLambda

import callspan
from callspan.testing import ScriptedChatModel


def look_up(question: str) -> str:
    time.sleep(random.uniform(0.001, 0.01))
    return question


def main() -> None:
    callspan.instrument()
    model = ScriptedChatModel(lambda messages: "In the drawer", model="gpt-5-mini")
    with callspan.callbacks(callspan.Latency(slowest=1)) as latency:
        (RunnableLambda(look_up) | model).batch(["Where are my keys?"] * 50)

    measured = latency.snapshot()
    for (kind, name), timing in measured.names.items():
        print(f"{kind} {name}: {timing.count} times, p50 {timing.p50 * 1000:.1f} ms, p95 {timing.p95 * 1000:.1f} ms")
    [slow] = measured.slowest
    print(f"slowest: {slow.name}, {slow.seconds * 1000:.1f} ms, trace {slow.span_context.trace_id:032x}")


if __name__ == "__main__":
    main()
