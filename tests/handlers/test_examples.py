"""The programs of `examples/handlers` run as they stand, and print what they say they print."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAMS = sorted(path for path in (ROOT / "examples/handlers").glob("*.py") if "# -> " in path.read_text())
"""Those that say what they print; `test_counting_examples.py` has the others."""


def run(program: Path) -> subprocess.CompletedProcess[str]:
    """Run a program, with this callspan."""
    if "create_agent" in program.read_text() and not hasattr(pytest.importorskip("langchain.agents"), "create_agent"):
        pytest.skip("create_agent came with langchain 1")
    path = os.pathsep.join((str(ROOT / "src"), os.environ.get("PYTHONPATH", "")))
    command = [sys.executable, "-W", "error::RuntimeWarning", str(program)]
    variables = {**os.environ, "PYTHONPATH": path}
    return subprocess.run(command, env=variables, capture_output=True, text=True, check=True, timeout=60)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.stem)
def test_a_program_prints_what_it_says(program: Path) -> None:
    assert run(program).stdout.splitlines() == re.findall(r"# -> (.*)", program.read_text())


def test_the_console_shows_what_failed() -> None:
    lines = run(ROOT / "examples/handlers/console.py").stderr.splitlines()
    assert len(lines) == 4
    assert "ERROR ConnectionError: the network is down" in lines[1]
