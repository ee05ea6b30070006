"""How many functions and files of ours a call enters, where nobody listens: counted, so no load blurs it.

A limit may only be lowered. Each workload runs in a fresh process, after warm-up, in which nothing else was imported.
"""

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

CALLS = {"lambda": 30, "chat": 65, "tool": 46, "chat with a listener": 117}
"""Calls of our own functions."""

FILES = {"lambda": 13, "chat": 22, "tool": 16, "chat with a listener": 29}
"""Files of ours that they are in. To reach: 10 for a chat."""

STREAM = 597
"""Calls of a stream of 500 chunks: one a chunk, and what its start and end need."""

PROGRAM = r"""
import json, os, sys
from opentelemetry.sdk.trace import TracerProvider
from benchmarks.workloads import all_workloads
import callspan

folder, found = os.path.dirname(callspan.__file__), {}
name, listens = sys.argv[1], len(sys.argv) > 2
if listens:
    from benchmarks.contenders import Runs
callspan.instrument(
    tracer_provider=TracerProvider(shutdown_on_exit=False), detail="all", callbacks=[Runs()] if listens else []
)
call = next(w.call for w in all_workloads() if (w.name, w.mode) == (name, "sync"))

def count(frame, event, argument):
    path = frame.f_code.co_filename
    if event == "call" and path.startswith(folder):
        found[path] = found.get(path, 0) + 1

for _ in range(5):
    call(None)
sys.setprofile(count)
call(None)
sys.setprofile(None)
print(json.dumps([sum(found.values()), len(found)]))
"""

pytestmark = pytest.mark.skipif(
    version("langchain-core").startswith("0.") or version("langchain-core").startswith("1.0."),
    reason="the limits are those of the newest LangChain",
)


def counted(*arguments):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", CALLS)
def test_a_call_enters_few_functions_and_files(name):
    listens = ("listens",) if name.endswith("listener") else ()
    calls, files = counted(name.removesuffix(" with a listener"), *listens)
    assert (calls <= CALLS[name], files <= FILES[name]) == (True, True), f"{calls} calls in {files} files"


def test_a_streamed_chunk_enters_few_functions():
    calls, _ = counted("stream of 500")
    assert calls <= STREAM
