"""What a big trace file costs: `python -m benchmarks.big_file [MEGABYTES] [--keep FILE]`.

Writes a file of agent runs, one span a line, as `callspan run` does. Reads it in processes of their own, and prints the
seconds and the most memory that each took:

- `read`: every span, none kept. What replaying a file and counting cost at least.
- `skeletons`: every span without what was said, in its place, explained: failures, usage, critical path.
- `stats`: what `callspan stats` adds up, without content and events.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from callspan.viewer.analyze import analyze
from callspan.viewer.conversation import CONTENT
from callspan.viewer.read import Source, read
from callspan.viewer.stats import stats_of

WORDS = (
    "shark",
    "whale",
    "station",
    "water",
    "cold",
    "refund",
    "order",
    "jacket",
    "memory",
    "graph",
    "café",
    "水",
    "…",
)
STARTED = 1_795_000_000_000_000_000


def main() -> None:
    """Write the file, read it, and print what it cost."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.big_file", description="What a big trace file costs.")
    parser.add_argument("megabytes", type=int, nargs="?", default=1024)
    parser.add_argument("--keep", type=Path, metavar="FILE", help="write the file there, and leave it")
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way is not None:
        print(WAYS[options.way](options.keep))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = options.keep or Path(folder) / "big.jsonl"
        write(path, options.megabytes * 1_000_000)
        print(f"{path.stat().st_size / 1e6:,.0f} MB", flush=True)
        for way in WAYS:
            # Each in a process of its own: the most memory that a process took never gets less.
            subprocess.run([sys.executable, "-m", "benchmarks.big_file", "--way", way, "--keep", path], check=True)


def _measured(way: str, work: Callable[[Path], str]) -> Callable[[Path], str]:
    def measured(path: Path) -> str:
        begun, used = time.monotonic(), time.process_time()
        found = work(path)
        seconds, cpu = time.monotonic() - begun, time.process_time() - used
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return f"{way:10}  {seconds:6.1f} s  {cpu:6.1f} s CPU  {memory:6.0f} MB  {found}"

    return measured


def _read(path: Path) -> str:
    source = Source()
    for _ in read([path], source):
        pass
    return f"{source.spans:,} spans, {source.skips} lines skipped"


def _skeletons(path: Path) -> str:
    traces = analyze(read([path], Source(), CONTENT))
    return f"{len(traces):,} runs, {sum(len(trace.spans) for trace in traces):,} spans"


def _stats(path: Path) -> str:
    found = stats_of([path])
    return f"{found.total.calls:,} runs, {found.spans:,} spans"


_WORK = {"read": _read, "skeletons": _skeletons, "stats": _stats}
WAYS = {way: _measured(way, work) for way, work in _WORK.items()}


def write(path: Path, size: int) -> None:
    """Write a file of runs of an agent.

    Args:
        path: Where.
        size: Its bytes, about.
    """
    chance = random.Random(7)
    with path.open("w", encoding="utf-8") as file:
        run = 0
        while file.tell() < size:
            run += 1
            for span in _run(run, chance):
                export = {"resourceSpans": [{"resource": _SERVICE, "scopeSpans": [{"scope": _SCOPE, "spans": [span]}]}]}
                file.write(json.dumps(export, ensure_ascii=False, separators=(",", ":")) + "\n")


_SERVICE = {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]}
_SCOPE = {"name": "callspan", "version": "0.1.0"}


def _run(run: int, chance: random.Random) -> Iterator[dict[str, Any]]:
    """Give the spans of one run, as they end: three calls of a model, each with all that was said before."""
    trace, start = f"{run:032x}", STARTED + run * 10_000_000_000
    said = [_message("system", _text(chance, 300)), _message("user", _text(chance, 60))]
    for step in range(3):
        at, node, model = start + step * 3_000_000_000, f"{4 * step + 2:016x}", f"{4 * step + 3:016x}"
        answer = _message("assistant", _text(chance, 80))
        yield _span(trace, f"{4 * step + 4:016x}", model, "POST", at + 1000, 1000, {"http.request.method": "POST"})
        asked = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-5-mini",
            "gen_ai.usage.input_tokens": 100 * len(said),
            "gen_ai.usage.output_tokens": 80,
            "gen_ai.input.messages": json.dumps(said, ensure_ascii=False),
            "gen_ai.output.messages": json.dumps([answer], ensure_ascii=False),
        }
        yield _span(trace, model, node, "chat gpt-5-mini", at, 2000, asked)
        yield _span(trace, node, f"{1:016x}", "node model", at, 2500, {"langgraph.node": "model"})
        said = [*said, answer, _message("tool", _text(chance, 200))]
    yield _span(trace, f"{1:016x}", "", "invoke_agent shop", start, 9000, {"gen_ai.operation.name": "invoke_agent"})


def _span(
    trace: str, identity: str, parent: str, name: str, start: int, milliseconds: int, said: dict[str, Any]
) -> dict[str, Any]:
    every = {
        **said,
        "langchain.run.id": f"{trace[:8]}-{identity[:4]}-4{identity[5:8]}-8000-{identity[4:]}",
        "langchain.run.name": name,
        "langchain.run.type": "chain",
        "gen_ai.conversation.id": f"thread-{trace}",
        "langchain.metadata.deployment": "production",
    }
    return {
        "traceId": trace,
        "spanId": identity,
        "parentSpanId": parent,
        "name": name,
        "kind": 1,
        "startTimeUnixNano": str(start),
        "endTimeUnixNano": str(start + milliseconds * 1_000_000),
        "attributes": [
            {"key": key, "value": {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}}
            for key, value in every.items()
        ],
        "status": {},
        "flags": 256,
    }


def _text(chance: random.Random, words: int) -> str:
    return " ".join(chance.choices(WORDS, k=words))


def _message(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": text}]}


if __name__ == "__main__":
    main()
