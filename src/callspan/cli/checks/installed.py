"""What is installed, and whether it goes together."""

from __future__ import annotations

import re
from collections.abc import Iterable

from callspan.cli.checks.finding import OK, PROBLEM, Case, Finding
from callspan.version import __version__

# The oldest supported version of each distribution.
_LEAST = {
    "langchain-core": (0, 3),
    "langgraph": (0, 6),
    "opentelemetry-api": (1, 41),
    "opentelemetry-sdk": (1, 41),
    "opentelemetry-instrumentation": (0, 62),
    "wrapt": (2, 4),
}
_BELOW = {"wrapt": (3,)}  # the first version that is too new
_OPTIONAL = ("langgraph", "langchain-core")


def check(case: Case) -> Iterable[Finding]:
    """Check versions."""
    present = {name: case.installed[name] for name in _LEAST if name in case.installed}
    listed = ", ".join(f"{name} {version}" for name, version in {"callspan": __version__, **present}.items())
    yield Finding(OK, f"installed: {listed}")
    for name, least in _LEAST.items():
        version = present.get(name)
        wanted = _wanted(name)
        if version is None and name not in _OPTIONAL:
            yield Finding(PROBLEM, f"{name} is not installed", f"pip install '{wanted}'")
        elif version is not None and not _fits(name, version, least):
            yield Finding(PROBLEM, f"{name} {version} is not supported", f"pip install '{wanted}'")
    if "langchain-core" not in present:
        yield Finding(
            PROBLEM,
            "langchain-core is not installed in this Python, so callspan is not loaded",
            "run the doctor of the environment that your program runs in",
        )


def _wanted(name: str) -> str:
    below = f",<{_number(_BELOW[name])}" if name in _BELOW else ""
    return f"{name}>={_number(_LEAST[name])}{below}"


def _number(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def _fits(name: str, version: str, least: tuple[int, ...]) -> bool:
    own = _version(version)
    return own >= least and own < _BELOW.get(name, (1_000_000,))


def _version(text: str) -> tuple[int, ...]:
    """Return the numbers that a version begins with: (0, 62) of "0.62b0"."""
    found = re.match(r"\d+(\.\d+)*", text)
    return tuple(map(int, found[0].split("."))) if found else ()
