"""The fixtures, in suites of somebody's own: each is run by a pytest of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SRC = Path(__file__).parents[2] / "src"

MODEL = """
    import pytest
    from langchain_core.runnables import RunnableLambda
    from callspan.testing import ScriptedChatModel, open_runs

    chain = RunnableLambda(lambda x: x).with_config(run_name="prepare").pipe(ScriptedChatModel("hello"), name="greet")
"""


@pytest.fixture
def suite(tmp_path):
    """Run a test file in a folder without a configuration; gives the exit code and what pytest printed."""

    def run(source: str, *options: str) -> tuple[int, str]:
        lines = [line.removeprefix("    ") for line in (MODEL + source).splitlines()]
        tmp_path.joinpath("test_own.py").write_text("\n".join(lines))
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--strict-markers", *options]
        path = os.pathsep.join((str(SRC), os.environ.get("PYTHONPATH", "")))
        environment = {name: value for name, value in os.environ.items() if name not in ("CI", "PYTEST_ADDOPTS")}
        done = subprocess.run(
            command,
            cwd=tmp_path,
            env={**environment, "PYTHONPATH": path, "COLUMNS": "120"},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    return run


def test_spans_and_their_tree_are_at_hand(suite):
    """The tree is compared as it stands in the test; a marker has the options; no run is left open."""
    code, printed = suite(
        '''
    def test_greet(spans, span_tree):
        assert chain.invoke("hi").content == "hello"
        assert span_tree() == """
            invoke_workflow greet
              chain prepare
              chat scripted
        """
        assert len(spans) == 3
        assert [span.name for span in spans][-1] == "invoke_workflow greet"
        assert spans.named("chat scripted").attributes["gen_ai.usage.output_tokens"] == 2
        assert open_runs() == []

    @pytest.mark.callspan(detail="steps", content="span_only")
    def test_few(spans, span_tree):
        ScriptedChatModel("hello").invoke("hi")
        assert span_tree() == "chat scripted"
        assert "hello" in spans.named("chat scripted").attributes["gen_ai.output.messages"]
    ''',
        "-p",
        "callspan.testing.fixtures",
    )
    assert code == 0, printed
    assert "2 passed" in printed


def test_another_tree_is_shown_as_the_lines_that_differ_and_whole(suite, tmp_path):
    """The lines that differ stand in the failure, and below it the tree that was recorded."""
    tmp_path.joinpath("conftest.py").write_text('pytest_plugins = ["callspan.testing.fixtures"]\n')
    code, printed = suite(
        '''
    def test_greet(span_tree):
        chain.invoke("hi")
        assert span_tree() == """
            invoke_workflow greet
              chat scripted
              execute_tool add
        """
    '''
    )
    assert code == 1
    lines = [line.removeprefix("E").strip() for line in printed.splitlines() if line.startswith("E  ")]
    start = lines.index("invoke_workflow greet")
    assert lines[start - 2].endswith("the span tree is another one (- expected, + recorded):")
    assert lines[start : start + 4] == [
        "invoke_workflow greet",
        "+   chain prepare",
        "chat scripted",
        "-   execute_tool add",
    ]
    assert "Captured spans teardown" in printed
    assert "invoke_workflow greet\n  chain prepare\n  chat scripted\n" in printed


def test_nobody_has_the_fixtures_who_did_not_ask(suite):
    """There is no entry point: other people's suites are left alone."""
    code, printed = suite("\n    def test_greet(span_tree):\n        pass\n")
    assert code == 1
    assert "fixture 'span_tree' not found" in printed
