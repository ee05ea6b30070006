"""`callspan.show()`: the last run, inline in a notebook, as text elsewhere."""

from __future__ import annotations

import html
import json
import re
import subprocess
import sys
from typing import Any

import pytest

PROGRAM = """
import callspan
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.runnables import RunnableLambda

callspan.instrument(content="span_only")
model = FakeListChatModel(responses=["Hello <b>there</b>"])
chain = (RunnableLambda(lambda x: x) | model).with_config(run_name="greet")
"""


def run(program: str) -> str:
    """Run a program of its own: what is kept is the process's."""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120)
    return done.stdout


NOTEBOOK = """
import json
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

shell = InteractiveShell.instance()
shell.kernel = object()  # a notebook's has one
with capture_output() as captured:
    for cell in {cells!r}:
        shell.run_cell(cell).raise_error()
print(json.dumps([out.data for out in captured.outputs]))
"""


def shown(*cells: str) -> list[str]:
    """Run cells in IPython, and give the HTML that they showed."""
    pytest.importorskip("IPython", reason="needs ipython")
    found: list[dict[str, str]] = json.loads(run(NOTEBOOK.format(cells=cells)).splitlines()[-1])
    return [out["text/html"] for out in found if "text/html" in out]


def data_in(frame: str) -> Any:
    """Read what the page in a frame was given."""
    page = html.unescape(re.search(r'srcdoc="([^"]*)"', frame)[1])  # type: ignore[index]
    return json.loads(re.search(r'<script type="application/json"[^>]*>(.*?)</script>', page, re.DOTALL)[1])  # type: ignore[index]


def test_the_last_run_is_shown_inline_in_a_frame_that_reaches_nothing() -> None:
    [frame] = shown(PROGRAM, "chain.invoke('one'); chain.invoke('two')", "callspan.show()")
    assert 'sandbox="allow-scripts"' in frame
    data = data_in(frame)
    [trace] = data["traces"]
    assert trace["spans"][0]["name"] == "invoke_workflow greet"
    assert "two" in json.dumps(data["messages"])
    assert "Hello <b>there</b>" in json.dumps(data["messages"])


def test_more_runs_are_shown_on_request() -> None:
    [frame] = shown(PROGRAM, "for word in 'abc': chain.invoke(word)", "callspan.show(2, height=600)")
    assert "height:600px" in frame
    assert len(data_in(frame)["traces"]) == 2


def test_outside_of_a_notebook_it_is_text_of_what_ran_since_it_was_first_asked() -> None:
    said = run(PROGRAM + "chain.invoke('one'); callspan.show(); chain.invoke('two'); callspan.show()")
    first, *tree = said.splitlines()
    assert first == "callspan: nothing has run while runs are kept, which is from now on"
    assert tree[0].startswith("■ greet")
    assert "Hello <b>there</b>" in said


def test_without_instrumentation_it_says_so() -> None:
    with pytest.raises(subprocess.CalledProcessError) as failed:
        run("import callspan; callspan.show()")
    assert "callspan is not instrumented: call callspan.instrument() before" in failed.value.stderr
