"""The rows that `make matrix` runs cover what pyproject.toml declares. Read from the files, without nox."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterable
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]


def tables():
    """Give the noxfile's names in capitals that are written out."""
    for statement in ast.parse((ROOT / "noxfile.py").read_text(encoding="utf-8")).body:
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Dict | ast.Tuple):
            yield statement.targets[0].id, ast.literal_eval(statement.value)


TABLES = dict(tables())
LANGCHAIN, OPENTELEMETRY, ROWS = TABLES["LANGCHAIN"], TABLES["OPENTELEMETRY"], TABLES["ROWS"]


def bounds(requirements: Iterable[str], *operators: str) -> dict[str, Version]:
    """Give the version behind one of these operators, for each package that has one."""
    return {
        wanted.name: Version(bound.version.removesuffix(".*"))
        for wanted in map(Requirement, requirements)
        for bound in wanted.specifier
        if bound.operator in operators
    }


def test_the_pythons_are_those_that_are_declared():
    said = "Programming Language :: Python :: 3."
    declared = [line.rpartition(" ")[2] for line in PROJECT["classifiers"] if line.startswith(said)]
    assert list(TABLES["PYTHONS"]) == declared
    assert PROJECT["requires-python"] == f">={declared[0]}"


def test_the_oldest_opentelemetry_is_the_oldest_that_is_declared():
    declared = bounds(PROJECT["dependencies"], ">=")
    assert len(declared) == len(PROJECT["dependencies"])
    assert bounds(OPENTELEMETRY["oldest"], "==") == declared


def test_the_oldest_langchain_is_the_oldest_that_is_declared():
    lines = [bounds(line, ">=", "~=") for line in LANGCHAIN.values() if "--group" not in line]
    declared = bounds(PROJECT["optional-dependencies"]["instruments"], ">=")
    assert min(line["langchain-core"] for line in lines) == declared["langchain-core"]


def test_nothing_holds_the_newest_back():
    assert LANGCHAIN["newest"] == ("--group", "newest")
    assert OPENTELEMETRY["newest"] == ("--group", "telemetry")
    groups = PYPROJECT["dependency-groups"]
    newest = [*groups["newest"], *groups["telemetry"]]
    assert {bound.operator for wanted in newest for bound in Requirement(wanted).specifier} == {">="}


def test_every_langchain_and_every_opentelemetry_has_a_row():
    assert {langchain for langchain, _ in ROWS.values()} == set(LANGCHAIN)
    assert {opentelemetry for _, opentelemetry in ROWS.values()} == set(OPENTELEMETRY)


@pytest.mark.parametrize("row", ROWS)
def test_every_row_is_described(row):
    assert f"| `{row}` |" in (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def test_ci_runs_both_ends():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    [oldest] = [line.partition(": matrix-")[2] for line in makefile.splitlines() if line.startswith("matrix-oldest:")]
    assert ROWS[oldest] == ("0.3", "newest")
    run = (ROOT / ".ci/run").read_text(encoding="utf-8").splitlines()
    assert "make test" in run  # on the newest
    assert "make --jobs=2 --output-sync matrix-oldest matrix-oldest-otel" in run
