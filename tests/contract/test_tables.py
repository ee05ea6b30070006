"""Every row of a table stands for something that is there: LangChain's methods, and the files CONTRIBUTING names."""

import ast
import re
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import pytest
from langchain_core.callbacks import manager
from langchain_core.language_models.chat_models import BaseChatModel
from tests.contract.layers import LAYERS, PACKAGE

from callspan.langchain import events
from callspan.langchain.patches import INTEGRATIONS, PATCHES

ROOT = Path(__file__).parents[2]
EVENTS = [row for row in vars(events).values() if isinstance(row, events.Event)]

OLDER = {
    "langchain_core.runnables.base:_set_config_context": "langchain-core before 0.3.60",
    "langchain_core.runnables.fallbacks:_set_config_context": "langchain-core before 0.3.60",
    "langchain_core.tools.base:_set_config_context": "langchain-core before 0.3.60",
    "langgraph.utils.runnable:_set_config_context": "langgraph before 0.6",
}
"""Patches for older versions than those that are tested, and what has the callable."""

OLDER_MODULES = {
    "langchain.agents.agent_iterator": "langchain before 1.0",
    "langchain.chains.base": "langchain before 1.0",
    "langchain.retrievers.ensemble": "langchain before 1.0",
}
"""Patched modules of older versions than the newest, and what has them."""

NEWEST = int(version("langchain-core").split(".")[0]) >= 1 and hasattr(BaseChatModel, "_iter_v2_events")
"""Whether this LangChain has everything that is patched."""


def is_absent(patch):
    """Return whether the module is there without the callable."""
    try:
        found = import_module(patch.module)
    except ModuleNotFoundError:
        return False
    for name in patch.path.split("."):
        found = getattr(found, name, None)
    return found is None


@pytest.mark.skipif(not NEWEST, reason="an older LangChain lacks what came later")
def test_no_patch_is_absent_on_the_newest_langchain():
    absent = {f"{patch.module}:{patch.path}" for patch in (*PATCHES, *INTEGRATIONS) if is_absent(patch)}
    assert absent == set(OLDER)


def is_there(module):
    """Return whether the module can be imported here."""
    try:
        import_module(module)
    except ModuleNotFoundError:
        return False
    return True


@pytest.mark.skipif(not NEWEST, reason="an older LangChain lacks what came later")
def test_no_patched_module_has_gone_from_the_newest_langchain():
    gone = {module for module in {patch.module for patch in PATCHES} if not is_there(module)}
    assert gone <= set(OLDER_MODULES)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.hook)
def test_an_events_method_exists(event):
    owners = (manager.RunManager, manager.CallbackManagerForChainRun, manager.CallbackManager)
    found = next(getattr(owner, event.hook) for owner in owners if hasattr(owner, event.hook))
    assert callable(found)


def test_contributing_names_the_layers_as_they_are():
    section = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("## The layers")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (\d) \| (.*?) \|", section, re.MULTILINE)
    told = {name.rstrip("/"): int(layer) for layer, names in rows for name in re.findall(r"`(.*?)`", names)}
    assert told == LAYERS


def test_contributing_names_files_that_are_there():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = re.findall(
        r"`((?:core|capture|callback|langchain|handlers|cli|viewer|runner|testing)/[a-z_/]+(?:\.py)?)`", text
    )
    assert [name for name in named if not (PACKAGE / name).exists() and not (PACKAGE / f"{name}.py").exists()] == []


@pytest.mark.parametrize("package", ["callspan", "callspan.testing"])
def test_type_checkers_see_the_names_that_are_imported_late(package):
    found = import_module(package)
    tree = ast.parse(Path(found.__file__).read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    imported = {
        alias.asname: node.module for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert imported == {name: f"callspan.{module}" for name, module in found._MODULES.items()}
