"""Write a large trace file, to see that reading is streamed: `python -m benchmarks.big_file FILE [--megabytes N]`.

Agents with models, tools and what was said, many runs beside each other, as a service writes them. `--dense` leaves out
what was said, so that the same size has many more spans; `--one-trace` puts all of them into one.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_START = 1_760_000_000_000_000_000
_WORDS = ("the", "order", "of", "your", "card", "was", "shipped", "on", "Monday", "to", "café", "“Müller”", "東京")


def main() -> None:
    """Write the file, and say what is in it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.big_file", description="Write a large trace file.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--megabytes", type=float, default=1024)
    parser.add_argument("--dense", action="store_true", help="spans without what was said")
    parser.add_argument("--one-trace", action="store_true", help="all spans in one trace")
    options = parser.parse_args()
    begun = time.perf_counter()
    spans, size = write(options.file, int(options.megabytes * 1024 * 1024), options.dense, options.one_trace)
    print(f"{options.file}: {size:,} bytes, {spans:,} spans, written in {time.perf_counter() - begun:.0f} s")


def write(file: Path, size: int, dense: bool = False, one_trace: bool = False) -> tuple[int, int]:
    """Write runs until the file is large enough.

    Args:
        file: The file.
        size: The bytes it should have, at least.
        dense: Leave out what was said.
        one_trace: Put all spans into one trace.

    Returns:
        The spans and the bytes that were written.
    """
    chance = random.Random(7)
    spans = written = 0
    with file.open("w", encoding="utf-8") as out:
        while written < size:
            trace = 1 if one_trace else chance.getrandbits(128)
            for span in _run(chance, f"{trace:032x}", dense):
                line = json.dumps(_export(span), ensure_ascii=False, separators=(",", ":"))
                written += len(line.encode()) + 1
                spans += 1
                out.write(line + "\n")
    return spans, written


def _run(chance: random.Random, trace: str, dense: bool) -> Iterator[dict[str, Any]]:
    """Give the spans of one agent in the order in which they end."""
    start = _START + chance.randrange(10**15)
    agent = _id(chance)
    history: list[dict[str, Any]] = []
    at = start
    for step in range(1, 4):
        node = _id(chance)
        took = int(chance.lognormvariate(0.3, 0.5) * 1e9)
        history.append(_message("user" if step == 1 else "tool", chance, 60))
        said = {} if dense else {"gen_ai.input.messages": json.dumps(history, ensure_ascii=False)}
        history.append(_message("assistant", chance, 120))
        said |= {} if dense else {"gen_ai.output.messages": json.dumps(history[-1:], ensure_ascii=False)}
        tokens = {"gen_ai.usage.input_tokens": 400 * step, "gen_ai.usage.output_tokens": chance.randrange(10, 300)}
        model = {
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "gpt-5-mini",
            "gen_ai.provider.name": "openai",
        }
        yield _span(trace, _id(chance), node, "chat gpt-5-mini", at, took, {**model, **tokens, **said})
        yield _span(trace, node, agent, "node model", at, took + 10**6, {"langchain.run.type": "chain"})
        at += took + 2 * 10**6
        took = int(chance.lognormvariate(-1, 0.7) * 1e9)
        tool = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "search"}
        failed = chance.random() < 0.02
        yield _span(trace, _id(chance), agent, "execute_tool search", at, took, tool, failed)
        at += took
    about = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "refund_agent"}
    yield _span(trace, agent, "", "invoke_agent refund_agent", start, at - start, about)


def _span(
    trace: str, own: str, parent: str, name: str, start: int, took: int, said: dict[str, Any], failed: bool = False
) -> dict[str, Any]:
    return {
        "traceId": trace,
        "spanId": own,
        "parentSpanId": parent,
        "flags": 256,
        "name": name,
        "kind": 1,
        "startTimeUnixNano": str(start),
        "endTimeUnixNano": str(start + took),
        "attributes": [{"key": key, "value": _value(value)} for key, value in said.items()],
        "status": {"code": 2, "message": "TimeoutError"} if failed else {},
    }


def _value(value: Any) -> dict[str, Any]:
    return {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}


def _export(span: dict[str, Any]) -> dict[str, Any]:
    service = [{"key": "service.name", "value": {"stringValue": "shop"}}]
    scope = {"scope": {"name": "callspan", "version": "0.1.0"}, "spans": [span]}
    return {"resourceSpans": [{"resource": {"attributes": service}, "scopeSpans": [scope]}]}


def _message(role: str, chance: random.Random, words: int) -> dict[str, Any]:
    text = " ".join(chance.choices(_WORDS, k=words))
    return {"role": role, "parts": [{"type": "text", "content": text}]}


def _id(chance: random.Random) -> str:
    return f"{chance.getrandbits(64) or 1:016x}"


if __name__ == "__main__":
    main()
