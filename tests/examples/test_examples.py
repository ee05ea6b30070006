"""The examples run as they stand, say what they say here, and leave these trees."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from runpy import run_path

import pytest

import callspan
from callspan.testing import Recording, span_tree

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"

SAID = {
    "custom_callback": """\
small was slow when it was asked 'why?'
""",
    "tenants": """\
operator has 12 spans, of acme and globex
acme has 8 spans, of acme
globex has 4 spans, of globex
""",
    "approval": """\
pay has ended: paused
refund waits: refund 250 for 17?
refund goes on
pay has ended: ok
the refund is paid
""",
}
"""What each prints."""

TREES = {
    "custom_callback": """\
chat small
chat small app.slow=true
""",
    "approval": """\
invoke_workflow refund ~paused
  node check
  node pay ~paused
invoke_workflow refund
  node pay
""",
}
"""The spans of those that leave the tracer provider to whoever runs them."""


def skip_where_it_cannot_run(name: str) -> None:
    """Skip the test where a package that the example needs is missing."""
    for package in {"rag_evaluation": ("numpy",), "service": ("fastapi", "httpx")}.get(name, ()):
        pytest.importorskip(package)


@pytest.mark.parametrize("name", SAID)
def test_it_says_this_when_a_user_runs_it(name):
    """As `python examples/...`, with nothing on stderr."""
    skip_where_it_cannot_run(name)
    path = os.pathsep.join((str(ROOT / "src"), os.environ.get("PYTHONPATH", "")))
    command = [sys.executable, "-W", "error", str(EXAMPLES / f"{name}.py")]
    variables = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr, done.returncode) == (SAID[name], "", 0)


@pytest.mark.parametrize("name", TREES)
def test_it_leaves_this_tree(name, recording: Recording, capsys):
    """The same spans, whoever set OpenTelemetry up, and the same words."""
    skip_where_it_cannot_run(name)
    run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
    assert recording.tree(attributes=["app.slow"]) == TREES[name]
    assert capsys.readouterr().out == SAID[name]


def test_each_tenant_gets_its_own_spans():
    """Each exporter has whole trees, and the operator's has all of them."""
    example = run_path(str(EXAMPLES / "tenants.py"))
    try:
        example["main"]()
    finally:
        callspan.uninstrument()
    one = """\
invoke_workflow answer
  chain tidy
  chat scripted
  chain RunnableLambda
"""
    trees = {name: span_tree(exporter.get_finished_spans()) for name, exporter in example["EXPORTERS"].items()}
    assert trees == {"acme": one * 2, "globex": one, "operator": one * 3}


def test_an_example_is_small_and_listed():
    """What a user would copy has less than 120 lines, and its line in README.md and in the list of examples."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for example in EXAMPLES.glob("*.py"):
        assert len(example.read_text(encoding="utf-8").splitlines()) < 120, example
        assert f"(examples/{example.name})" in readme, example
