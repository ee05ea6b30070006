"""The snippets of the documentation run as they stand, and print what they say they print.

The rule: the ```python blocks of one `##` section, and those before the first, run in order, in one namespace, after
those of the page's section `## Set-up`, if it has one. What they print, line by line, is what stands behind `# ->` in
them. Those of docs/testing.md are test files, one for each section, for a pytest of their own.
"""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import callspan
from callspan import testing

ROOT = Path(__file__).parents[2]
PAGE = "docs/callbacks.md"
HANDLERS = "docs/handlers.md"
PAGES = (
    *(PAGE, HANDLERS, "docs/from_langchain.md"),
    *("docs/migrate.md", "docs/content.md", "docs/identity.md", "README.md"),
)
APART = PAGES[3:]
"""The pages that are not about callbacks alone."""

TESTS = "In your tests"
"""The section of README.md that is a test file, of a chain that the reader has."""

MY_CHAIN = """
from langchain_core.runnables import RunnableLambda
from callspan.testing import ScriptedChatModel
prepare = RunnableLambda(str.strip, name="prepare")
my_chain = prepare.pipe(ScriptedChatModel("hello", model="gpt-5-mini"), name="my_chain")
"""

GRANTED = {
    "docs/identity.md": """
from queue import SimpleQueue
from langchain_core.runnables import RunnableLambda
agent, question, job, queue = RunnableLambda(str), "hi", "hi", SimpleQueue()
"""
}
"""What a page takes for granted that its reader has."""

LOG = {"Order and async", "Failures", "Other instrumentations", "Logs"}
"""The sections whose subject is what callspan logs."""


def sections(page: str) -> dict[str, str]:
    """Give the code of each section that has any, by its heading; what comes before the first has the page's."""
    text = (ROOT / page).read_text(encoding="utf-8").removeprefix("# ")
    found: dict[str, str] = {}
    for section in re.split(r"^## ", text, flags=re.MULTILINE):
        heading, _, rest = section.partition("\n")
        found[heading] = "\n".join(re.findall(r"^```python\n(.*?)^```", rest, flags=re.MULTILINE | re.DOTALL))
    return {heading: code for heading, code in found.items() if code}


def said(code: str) -> list[str]:
    """Give what the snippets say that they print."""
    return re.findall(r"# -> (.*)", code)


def cases() -> Iterator[object]:
    """Give the sections of the pages."""
    for page in PAGES:
        for heading in sections(page):
            if heading == TESTS:
                continue
            marks = [pytest.mark.may_log] if heading in LOG else []
            yield pytest.param(page, heading, id=f"{page} {heading}", marks=marks)


@pytest.fixture
def clean() -> Iterator[None]:
    """Nothing is instrumented before, nor after."""
    assert not callspan.CallspanInstrumentor().is_instrumented_by_opentelemetry
    yield
    callspan.uninstrument()


@pytest.mark.usefixtures("clean")
@pytest.mark.parametrize(("page", "heading"), list(cases()))
def test_the_snippets_of_a_section_run_and_print_what_they_say(page, heading, capsys):
    """What a reader copies works, and shows what the page shows."""
    written = sections(page)
    code = written[heading]
    if "create_agent" in code and not hasattr(pytest.importorskip("langchain.agents"), "create_agent"):
        pytest.skip("create_agent came with langchain 1")
    namespace: dict[str, object] = {"__name__": "snippet"}
    exec(GRANTED.get(page, ""), namespace)
    if heading != "Set-up":
        exec(compile(written.get("Set-up", ""), f"{page} Set-up", "exec"), namespace)
    exec(compile(code, f"{page} {heading}", "exec"), namespace)
    assert capsys.readouterr().out.splitlines() == said(code)


def test_the_tests_that_the_pages_show_pass(tmp_path):
    """Each section of the page about testing is a file, as README.md's is, with the fixtures they tell of."""
    tmp_path.joinpath("conftest.py").write_text('pytest_plugins = ["callspan.testing.fixtures"]\n')
    for number, code in enumerate(sections("docs/testing.md").values()):
        if "create_agent" in code and not hasattr(pytest.importorskip("langchain.agents"), "create_agent"):
            continue  # it came with langchain 1
        tmp_path.joinpath(f"test_section_{number}.py").write_text(code)
    tmp_path.joinpath("test_readme.py").write_text(MY_CHAIN + sections("README.md")[TESTS])
    path = os.pathsep.join((str(ROOT / "src"), os.environ.get("PYTHONPATH", "")))
    command = [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", "--strict-markers"]
    variables = {**os.environ, "PYTHONPATH": path, "NO_PROXY": "127.0.0.1"}
    done = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_public_name_of_testing_is_explained():
    """Whatever can be imported from `callspan.testing` stands on its page."""
    text = (ROOT / "docs/testing.md").read_text(encoding="utf-8")
    assert [name for name in testing.__all__ if name not in text and name not in {"Recording", "TreeText"}] == []


def test_every_public_name_of_callbacks_is_explained():
    """Whatever has to do with callbacks and can be imported from `callspan` stands on its pages."""
    text = "".join((ROOT / page).read_text(encoding="utf-8") for page in PAGES if page not in APART)
    elsewhere = {"CallspanInstrumentor", "Place", "__version__", "redact_secrets", "session", "uninstrument"}
    assert [name for name in callspan.__all__ if name not in elsewhere and name not in text] == []


def test_nothing_of_langchains_callbacks_is_missing():
    """Whatever LangChain and LangGraph offer around callbacks has its row: what does it here, or why nothing does."""
    base = pytest.importorskip("langchain_core.callbacks.base").BaseCallbackHandler
    text = (ROOT / "docs/from_langchain.md").read_text(encoding="utf-8")
    # "and their `Async` twins"
    missing = [name for module in SURFACE for name in offered_by(module) if name.removeprefix("Async") not in text]
    assert missing == []
    hooks = (ROOT / PAGE).read_text(encoding="utf-8").partition("\n## Hooks\n")[2].partition("\n## ")[0]
    methods = [name for name in dir(base) if not name.startswith("_")]
    endings = {name: re.sub(r"_(end|error)$", "_start", name) for name in methods}
    assert [name for name in methods if f"`{name}" not in hooks and f"`{endings[name]}`, `_end`" not in hooks] == []


SURFACE = (
    "langchain_core.callbacks",
    "langchain_core.tracers",
    "langchain_core.tracers.context",
    "langchain_core.tracers.root_listeners",
    "langchain_classic.callbacks",
    "langgraph.callbacks",
)
"""Where LangChain has its callbacks; what one of its versions does not have is not asked for."""

INNER = {
    *("Run", "GraphCallbacks", "GraphLifecycleEvent", "GraphLifecycleStatus"),
    *("get_sync_graph_callback_manager_for_config", "get_async_graph_callback_manager_for_config"),
}
"""Types of what handlers get, which stand on the page in other words, and what LangGraph itself calls."""


def offered_by(module: str) -> list[str]:
    """Give the public names of a module of its own; those that a list of it names, if it has one."""
    try:
        found = importlib.import_module(module)
    except ImportError:
        return []
    own = [
        name
        for name, value in vars(found).items()
        if not name.startswith("_") and callable(value) and getattr(value, "__module__", "") == module
    ]
    return [name for name in getattr(found, "__all__", own) if name not in INNER]


def test_the_table_of_hooks_has_every_hook():
    """No hook is missing among those that the page lists."""
    from callspan.callback.callback import HOOKS

    text = (ROOT / PAGE).read_text(encoding="utf-8")
    table = text.partition("\n## Hooks\n")[2].partition("\n\nLangGraph reports")[0]
    listed = set(re.findall(r"`(on_\w+)`", table))
    for kind in re.findall(r"`on_(\w+)_start`, `_end`, `_error`", table):
        listed |= {f"on_{kind}_end", f"on_{kind}_error"}
    assert listed == set(HOOKS)


def test_the_table_of_the_run_has_every_public_attribute():
    """What a `Run` offers is explained, and nothing else."""
    text = (ROOT / PAGE).read_text(encoding="utf-8")
    table = text.partition("\n## The run\n")[2].partition("\n\nKeep what you need")[0]
    first_cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    listed = {name for cell in first_cells for name in re.findall(r"`(\w+)", cell)}
    given = {
        "id",
        "parent_id",
        "name",
        "tags",
        "metadata",
        "inputs",
        "outputs",
        "error",
        "outcome",
        "span",
        "is_foreign",
    }
    offered = {name for name, value in vars(callspan.Run).items() if isinstance(value, property)}
    assert listed == given | offered | {"set_attribute", "add_event", "skip"}
