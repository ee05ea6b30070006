"""Which patches took, in a process in which all of LangChain was imported."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from callspan.cli.checks.finding import NOTE, OK, PROBLEM, Case, Finding
from callspan.core.patching import ABSENT, PATCHED, UNPATCHED, WAITING

_SHOWN = 8
"""How many names stand in one line."""


def check(case: Case) -> Iterable[Finding]:
    """Check patches."""
    states: Mapping[str, str] = case.probe.get("patches", {})
    if not states:
        return
    count = Counter(states.values())
    for module, why in case.probe.get("broken", {}).items():
        yield Finding(PROBLEM, f"{module} cannot be imported: {why}", "repair the installation of the package")
    failed = [where for where, state in states.items() if state == UNPATCHED]
    if failed:
        yield Finding(
            PROBLEM,
            f"{len(failed)} callables could not be patched: {_some(failed)}",
            "another library replaces them: import it before LangChain, or do without it",
        )
    lost = _lost(states)
    if lost:
        yield Finding(
            PROBLEM,
            f"nothing that callspan knows is left in {_some(lost)}: calls there are not traced",
            "install a version that callspan supports, or a newer callspan",
        )
    if count[PATCHED]:
        others = f"; {count[ABSENT]} more are of other versions" if count[ABSENT] else ""
        waiting = f"; {count[WAITING]} are of packages that are not installed" if count[WAITING] else ""
        yield Finding(OK, f"{count[PATCHED]} patches took{others}{waiting}")
    elif "langchain-core" in case.installed:
        yield Finding(NOTE, "no patch took: LangChain could not be imported", "repair its installation")


def _lost(states: Mapping[str, str]) -> list[str]:
    """Return the modules that are there and have none of the callables."""
    by_module: dict[str, set[str]] = defaultdict(set)
    for where, state in states.items():
        by_module[where.partition(":")[0]].add(state)
    # A name that a module imported, in older versions only, is no callable of its own.
    return [module for module, found in by_module.items() if found == {ABSENT} and not _is_copy(module, states)]


def _is_copy(module: str, states: Mapping[str, str]) -> bool:
    paths = [where.partition(":")[2] for where in states if where.startswith(f"{module}:")]
    return all(path.startswith("_set_config_context") for path in paths)


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
