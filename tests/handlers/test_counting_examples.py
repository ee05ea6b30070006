"""The examples of the handlers that count and write run as they stand, and show what they are for."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples" / "handlers"

SHOWN = {
    "usage": r"model gpt-5-mini: 3 calls, .*session ada: 2 calls, .*in all at least \$0\.00",
    "budget": r"stopped by its calls: chat scripted after 5 of 5\n\d+ tokens are left",
    "latency": r"chain look_up: 50 times, p50 .*llm gpt-5-mini: 50 times.*slowest: .*trace [0-9a-f]{32}",
    "collect": r"'Where are my keys\?': ok 'In the drawer', \d+ tokens\n'Hm\.': error 'that is no question', 0 tokens",
    "logs": r"INFO chat scripted ok .*ERROR execute_tool read error .*FileNotFoundError.* span=[0-9a-f]{16}",
    "recorder": r"ada asked scripted: 'My key is \[\w+\]', and it said 'I did not see it'",
}


@pytest.mark.parametrize("name", SHOWN)
def test_an_example_runs(name):
    path = os.pathsep.join((str(EXAMPLES.parents[1] / "src"), os.environ.get("PYTHONPATH", "")))
    program = EXAMPLES / f"{name}.py"
    if "create_agent" in program.read_text() and not hasattr(pytest.importorskip("langchain.agents"), "create_agent"):
        pytest.skip("create_agent came with langchain 1")
    command = [sys.executable, "-W", "error::RuntimeWarning", str(program)]
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(SHOWN[name], done.stdout, re.DOTALL), done.stdout
