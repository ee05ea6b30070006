"""The demo: the research agent, unchanged, under `opentelemetry-instrument`; the tree of its spans, its file, its page.

The agent talks to a scripted server in this process, so neither a key nor the network is needed. With LIVE=1
in the environment it talks to OpenAI (or to OPENAI_BASE_URL) with OPENAI_API_KEY.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from callspan.testing.openai_server import CallTools, OpenAIServer, Reply, Say, ToolCall
from callspan.testing.zero_code import run_instrumented
from callspan.viewer.analyze import read_traces
from callspan.viewer.page import write_page
from callspan.viewer.page_data import page_data
from callspan.viewer.terminal import look_of
from callspan.viewer.tree import tree_lines

AGENT = Path(__file__).with_name("research_agent.py")
TRACE_FILE = Path("demo-trace.jsonl")
PAGE = Path("demo-trace.html")

SCRIPT: list[Reply] = [
    CallTools(
        ToolCall("search_notes", {"query": "Greenland shark oldest years"}),
        ToolCall("search_notes", {"query": "bowhead whale life years"}),
    ),
    CallTools(ToolCall("read_station", {"station": "K7"})),
    Say(
        "Greenland sharks reach about 390 years (note 1) and bowhead whales over 200 (note 2). "
        "The water at K7 is at 1.2 °C, 400 metres down."
    ),
]


def main() -> int:
    """Run the demo; the exit code is the agent's own, 1 if there are no spans, 2 if LIVE=1 lacks its key."""
    if os.environ.get("LIVE") == "1":
        if not os.environ.get("OPENAI_API_KEY"):
            print("LIVE=1 talks to the real endpoint: set OPENAI_API_KEY", file=sys.stderr)
            return 2
        code = run_agent({})
    else:
        with OpenAIServer(SCRIPT) as server:
            endpoint = {"OPENAI_BASE_URL": server.base_url, "OPENAI_API_KEY": "scripted"}
            # No proxy stands between the agent and this process, whatever the environment says.
            code = run_agent(endpoint | {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"})
    return code or show()


def show() -> int:
    """Print the trees of the trace file, and write its page; 1 if there are no spans."""
    traces, source = read_traces([TRACE_FILE])
    look = look_of(sys.stdout)
    for skipped in source.skipped:
        print(skipped, file=sys.stderr)
    for trace in traces:
        print("\n" + "\n".join(tree_lines(trace, look)))
    if not traces:
        print("no span was written: is callspan installed in this Python?", file=sys.stderr)
        return 1
    PAGE.write_text(write_page(page_data(traces, source)), encoding="utf-8")
    print(f"\n{source.spans} spans in {TRACE_FILE}, to be sent to any server; {PAGE} is the page to look at")
    return 0


def run_agent(environment: dict[str, str]) -> int:
    """Run the agent with its spans going to the trace file.

    Args:
        environment: Where its model is.
    """
    named = {"OTEL_SERVICE_NAME": "research-agent", "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "span_only"}
    return run_instrumented([str(AGENT)], TRACE_FILE, environment=named | environment)


if __name__ == "__main__":
    sys.exit(main())
