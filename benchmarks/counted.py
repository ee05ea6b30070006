"""What runs under callgrind: `python -m benchmarks.counted LIBRARY OFFICIAL [--only TEXT]`.

LangChain is imported once; each workload and contender is then counted in a fork of its own, so that nothing which
another contender imports (`Callback` above all) stands in its way. Two forks run at a time.
"""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import gc
import inspect
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any

os.environ["LANGSMITH_TRACING"] = "false"
os.environ["OTEL_SEMCONV_STABILITY_OPT_IN"] = "gen_ai_latest_experimental"  # the official package asks for it

from langchain.agents import create_agent
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.tools import StructuredTool
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased

from benchmarks.models import ScriptedModel
from benchmarks.workloads import Workload, all_workloads

CALLS = {
    "lambda": 20,
    "chat": 20,
    "chat, async": 20,
    "sequence of 20": 3,
    "tool": 20,
    "agent of 5 steps": 3,
    "stream of 500": 2,
    "fan-out of 50": 2,
    "200 kB with content": 5,
}
"""The workloads, and how often each is called in the shorter of its two counts."""

CONTENT, STREAM = "200 kB with content", "stream of 500"

OFFICIAL = ("official", "official, metrics")
CONTENDERS = (
    *("plain", "floor", "callspan", "floor, sampled out", "callspan, sampled out"),
    *("callspan, metrics", "callspan, heard", *OFFICIAL),
)


class _StepsModel(ScriptedModel):
    """Calls the tool until it has been answered twice."""

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        if sum(isinstance(message, ToolMessage) for message in messages) < 2:
            return super()._generate([HumanMessage("What is one and two?")])
        message = AIMessage(
            "The sum is three.", usage_metadata={"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
        )
        return ChatResult(generations=[ChatGeneration(message=message)])


def _add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def workloads() -> dict[str, Workload]:
    """Return the counted workloads by name."""
    named = {w.name if w.mode == "sync" else f"{w.name}, {w.mode}": w for w in all_workloads()}
    agent = create_agent(_StepsModel(), [StructuredTool.from_function(_add, name="add")])
    question = {"messages": [HumanMessage("What is one and two?")]}
    named["agent of 5 steps"] = Workload("agent of 5 steps", "sync", lambda config: agent.invoke(question, config))
    model, long = ScriptedModel(), [HumanMessage("It was still running. " * 9_100)]
    named[CONTENT] = Workload(CONTENT, "sync", lambda config: model.invoke(long, config))
    return {name: named[name] for name in CALLS}


def _provider(contender: str) -> TracerProvider:
    sampler = ALWAYS_OFF if "sampled out" in contender else ALWAYS_ON
    return TracerProvider(sampler=ParentBased(sampler), shutdown_on_exit=False)


def _meters(contender: str) -> MeterProvider | None:
    return MeterProvider([InMemoryMetricReader()], shutdown_on_exit=False) if "metrics" in contender else None


def _nothing() -> None:
    """Stand in for the floor's spans where there are none."""


def in_place(contender: str, workload: Workload, official: str) -> Callable[[], None]:
    """Put the contender in place; return what is to be done after each call."""
    content = workload.name == CONTENT
    if contender.startswith("floor"):
        from benchmarks.floor import recorded, write

        bare, tracer = recorded(workload, "span_only" if content else None), _provider(contender).get_tracer("floor")
        return lambda: write(tracer, bare)
    if contender.startswith("callspan"):
        import callspan

        callspan.instrument(
            tracer_provider=_provider(contender),
            meter_provider=_meters(contender),
            detail="all",
            content="span_only" if content else "no_content",
            callbacks=_listeners(workload) if "heard" in contender else (),
        )
    elif contender in OFFICIAL:
        sys.path.insert(0, official)
        import opentelemetry.instrumentation

        opentelemetry.instrumentation.__path__.append(os.path.join(official, "opentelemetry/instrumentation"))  # noqa: PTH118 - a path of a package
        import opentelemetry.util

        opentelemetry.util.__path__.append(os.path.join(official, "opentelemetry/util"))  # noqa: PTH118
        os.environ["OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"] = "SPAN_ONLY" if content else "NO_CONTENT"
        from opentelemetry.instrumentation.genai.langchain import (
            LangChainInstrumentor,
        )

        instrumentor: Any = LangChainInstrumentor()
        instrumentor.instrument(tracer_provider=_provider(contender), meter_provider=_meters(contender))
    return _nothing


def _listeners(workload: Workload) -> tuple[Any, ...]:
    from benchmarks.contenders import Runs, Tokens

    return (Tokens() if workload.tokens else Runs(),)


async def _wait(answer: Any) -> Any:
    return await answer


def count(name: str, contender: str, library: str, official: str) -> None:
    """Count N and 2N calls of the workload."""
    workload, calls = workloads()[name], CALLS[name]
    after = in_place(contender, workload, official)
    loop = asyncio.new_event_loop()

    def run(times: int) -> None:
        for _ in range(times):
            if inspect.isawaitable(answer := workload.call(None)):
                loop.run_until_complete(_wait(answer))
            after()

    callgrind = ctypes.CDLL(library)
    gc.disable()
    run(4 if workload.tokens else 25)
    gc.collect()
    for times in (calls, 2 * calls):
        callgrind.start()
        run(times)
        callgrind.dump(f"{name}|{contender}|{times}".encode())


def main() -> None:
    """Count every workload with every contender."""
    parser = argparse.ArgumentParser()
    parser.add_argument("library")
    parser.add_argument("official")
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    running = 0
    for name in CALLS:
        for contender in CONTENDERS:
            if options.only not in name or (contender in OFFICIAL and not options.official):
                continue
            if "heard" in contender and name not in ("chat", STREAM):
                continue
            if running == 2:
                os.wait()
                running -= 1
            if os.fork() == 0:
                failed = 1
                try:
                    count(name, contender, options.library, options.official)
                    failed = 0
                finally:
                    if failed:
                        traceback.print_exc()
                    os._exit(failed)
            running += 1
    for _ in range(running):
        os.wait()


if __name__ == "__main__":
    main()
