"""The suite on every supported LangChain, Python and OpenTelemetry: `make matrix`.

A row is a session by its name, on the Python that runs nox; with a Python behind it (`core-0.3-3.13`) it runs there.
Without names, every row runs, and the newest one on each other Python too. Each run makes its environment anew, from
what the index has that day, and says what it got. tests/contract/test_matrix.py reads the tables.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import nox

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
"""What is not installed is skipped, and never downloaded."""

LANGCHAIN = {
    # There is no langchain-classic yet: `langchain` itself is the classic one.
    "0.3": (
        "langchain-core >=0.3,<0.4",
        "langchain >=0.3,<0.4",
        "langchain-openai >=0.3,<0.4",
        "langgraph >=0.6,<0.7",
    ),
    # langgraph 1.0 allows newer parts of its own: a prebuilt that does not work with it, a checkpoint that does not
    # work with langchain-core 1.0.
    "1.0": (
        "langchain-core ~=1.0.0",
        "langchain ~=1.0.0",
        "langchain-classic ~=1.0.0",
        "langchain-openai ~=1.0.0",
        "langgraph ~=1.0.0",
        "langgraph-prebuilt ~=1.0.0,<1.0.9",
        "langgraph-checkpoint ~=4.0.0",
    ),
    "1.4": (
        "langchain-core ~=1.4.0",
        "langchain ~=1.3.0",
        "langchain-classic ~=1.0.0",
        "langchain-openai ~=1.3.0",
        "langgraph ~=1.2.0",
    ),
    "newest": ("--group", "newest"),
}

OPENTELEMETRY = {
    # The lower bounds of pyproject.toml's dependencies. Without the extra `otlp`: its exporters want a newer API.
    "oldest": (
        "opentelemetry-api ==1.41.0",
        "opentelemetry-sdk ==1.41.0",
        "opentelemetry-instrumentation ==0.62b0",
        "wrapt ==2.4.0",
    ),
    "newest": ("--group", "telemetry"),
}

ROWS = {
    # row: LangChain, OpenTelemetry
    "core-0.3": ("0.3", "newest"),
    "core-1.0": ("1.0", "newest"),
    "core-1.4": ("1.4", "newest"),
    "newest": ("newest", "newest"),
    "oldest-otel": ("newest", "oldest"),
}

TOLD = ("langchain", "langgraph", "openai", "opentelemetry-", "wrapt", "certifi")
"""How the names of the packages begin whose versions are told before the suite runs."""

HERE = f"{sys.version_info.major}.{sys.version_info.minor}"

nox.options.default_venv_backend = "uv"
nox.options.download_python = "never"
nox.options.error_on_missing_interpreters = False  # not in CI either, where nox would


def suite(session: nox.Session, row: str) -> None:
    """Install a row and run the suite on it, with every combination of forms; what stands behind `--` goes to pytest.

    CALLSPAN_TESTS and CALLSPAN_WORKERS say it otherwise.
    """
    langchain, opentelemetry = ROWS[row]
    wanted = (*LANGCHAIN[langchain], *OPENTELEMETRY[opentelemetry])
    session.install("--quiet", "--editable", ".", "--group", "test-tools", *wanted)
    session.log(f"Got {', '.join(versions(session))}")
    cases, workers = os.environ.get("CALLSPAN_TESTS", "all"), os.environ.get("CALLSPAN_WORKERS", "2")
    spread = ("-n", workers, "--dist", "worksteal")
    session.run("python", "-m", "pytest", "-q", *spread, *session.posargs, env={"CALLSPAN_TESTS": cases})


def versions(session: nox.Session) -> list[str]:
    """Give what was installed of the packages that the rows are about."""
    installed = session.run("uv", "pip", "list", "--format", "freeze", silent=True, log=False) or ""
    return [line for line in installed.splitlines() if line.startswith(TOLD)]


def interpreter(python: str) -> str:
    """Give pyenv's own path of a Python, if it has it: its commands work for the chosen version only."""
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    return next((str(path) for path in root.glob(f"versions/{python}.*/bin/python")), python)


def add(row: str, python: str | None = None) -> None:
    """Make a session of a row, on a Python or on the one that runs nox."""
    where = python and interpreter(python)
    name = f"{row}-{python}" if python else row

    @nox.session(name=name, python=where, default=python is None or (row == "newest" and python != HERE))
    def session(session: nox.Session) -> None:
        suite(session, row)


for row in ROWS:
    add(row)
    for python in PYTHONS:
        add(row, python)
