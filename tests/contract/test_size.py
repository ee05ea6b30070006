"""How large the packages may be, what imports what, and how it speaks: read from the source, so no load blurs it."""

import ast
from itertools import chain

import pytest
from tests.contract.layers import PACKAGE, imports, sources

CHECKED = ("core", "capture", "callback", "langchain", "viewer", "runner")

BUDGETS = {"core": 5_524, "capture": 1_995, "callback": 1_155, "langchain": 5_783}
BUDGETS |= {"viewer": 4_480, "runner": 1_040}
"""How many lines each package may have. Lower a number when a package has shrunk; a new feature needs a reason."""

LONGEST, SHORTEST = 500, 40

TOO_LONG: dict[str, int] = {}
"""Files above the limit, and how long they may be. No file is added here."""

SHORT = {
    "callspan/capture/patterns.py": "capture and core both compile patterns at first use",
    "callspan/runner/bootstrap/sitecustomize.py": "Python imports it by its name",
    "callspan/core/keys.py": "context keys, which files need that must not import each other",
}
"""Files under 40 lines, and why they are files."""

CIRCLES: set[str] = set()
"""Files that import each other, directly or in a circle. The set may only shrink."""

ADDRESS = ("Give", "Tell", "Let", "Take", "Look", "Hear", "Say")
"""Words that no docstring begins with."""

LONGEST_FUNCTION = 50

LONG_FUNCTIONS = {
    "callspan.core.lifecycle.start_run": 62,
    "callspan.core.lifecycle.end_run": 63,
    "callspan.core.run.__init__": 52,
}
"""Functions above the limit, and how long they may be. None is added here."""


def checked():
    return [source for source in sources(PACKAGE) if source.path.parts[1] in CHECKED]


def lines(path):
    return len((PACKAGE.parent / path).read_text(encoding="utf-8").splitlines())


@pytest.mark.parametrize("package", CHECKED)
def test_a_package_stays_within_its_lines(package):
    assert sum(lines(source.path) for source in checked() if source.path.parts[1] == package) <= BUDGETS[package]


def test_no_file_is_too_long():
    long = {source.path.as_posix(): lines(source.path) for source in checked()}
    assert {path: length for path, length in long.items() if length > TOO_LONG.get(path, LONGEST)} == {}


def test_a_short_file_has_its_reason():
    short = {
        source.path.as_posix()
        for source in checked()
        if lines(source.path) < SHORTEST and source.path.name != "__init__.py"
    }
    assert short <= set(SHORT)


def test_no_function_is_too_long():
    long = {
        f"{source.name}.{node.name}": length
        for source in checked()
        for node in ast.walk(source.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or 0) - node.lineno + 1) > LONGEST_FUNCTION
    }
    assert {name: length for name, length in long.items() if length > LONG_FUNCTIONS.get(name, 0)} == {}


def files_in_circles(package):
    """Return the modules that reach themselves by imports that run when a file is imported."""
    by_name = {source.name: source for source in sources(package)}
    reached = {
        name: {found for found in _imported(source, by_name) if found != name} for name, source in by_name.items()
    }
    for middle in by_name:  # Warshall: every path, one more file in its middle each time
        for name in by_name:
            if middle in reached[name]:
                reached[name] |= reached[middle]
    return {name for name in by_name if name in reached[name]}


def _imported(source, by_name):
    for found in imports(source):
        if found.early:
            package, _, _ = found.module.rpartition(".")
            yield from (name for name in (found.module, package) if name in by_name)


def test_no_two_files_import_each_other():
    assert files_in_circles(PACKAGE) <= CIRCLES


def test_a_circle_is_found(tmp_path):
    package = tmp_path / "callspan"
    (package / "core").mkdir(parents=True)
    for name, text in {
        "__init__": "",
        "core/__init__": "",
        "core/a": "from callspan.core.b import x\n",
        "core/b": "from callspan.core import c\n",
        "core/c": "from .a import y\n",
        "core/d": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from callspan.core.e import z\n",
        "core/e": "from callspan.core.d import z\ndef late():\n    import callspan.core.e\n",
    }.items():
        (package / f"{name}.py").write_text(text)
    assert files_in_circles(package) == {"callspan.core.a", "callspan.core.b", "callspan.core.c"}


def test_docstrings_say_what_is_done():
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    nodes = chain.from_iterable(((source, node) for node in ast.walk(source.tree)) for source in checked())
    addressed = [
        f"{source.path}: {text.splitlines()[0]}"
        for source, node in nodes
        if isinstance(node, documented) and (text := ast.get_docstring(node)) and text.split()[0] in ADDRESS
    ]
    assert addressed == []
