"""Imports go down the layers only, and what may stand in few places stands nowhere else.

A new package of src/callspan needs its line in `LAYERS`.
"""

import ast
import subprocess
import sys
from pathlib import Path

from tests.contract.layers import INIT, LAYERS, PACKAGE, imports, layer_of, sources

STRANGERS = {("langchain", "viewer"), ("viewer", "langchain"), ("langchain", "runner"), ("runner", "langchain")}
"""Packages of one layer that do not import each other."""

WRAPT = {"core/patching"}
"""The only file that imports wrapt."""

SDK = {"callback", "handlers", "viewer", "runner", "testing", "cli"}
"""The packages that may import OpenTelemetry's SDK when they are imported. The others cost the API only."""

LANGCHAIN = {"testing"}
"""Packages that may import LangChain when they are imported: the scripted model is a subclass of LangChain's."""

BROAD_EXCEPTS = {
    "core/patching": "our code around a call, and import hooks",
    "core/lifecycle": "the SDK's own start and end",
    "core/report": "the text of users' exceptions",
    "core/spans": "reading inputs and results",
    "core/metrics": "the SDK's own measuring, and what is read for it",
    "core/dispatch": "the users' hooks",
    "core/context": "a runtime context that fails, around the user's call",
    "handlers": "the users' scorers",
    "capture/redact": "the users' redactors",
    "capture/serialize": "the users' own mappings and fields",
    "core/logs": "the SDK's own writing",
    "core/wrappers": "our code around a call, where it is called most",
    "core/frames": "our code around a call",
    "core/drivers": "what is thrown into a generator goes on into the body",
    "viewer": "what is shown and written in the background, without which the program goes on",
    "runner": "what is saved and sent of a program under `callspan run`, which goes on without it",
    "cli": "what a broken installation raises, which the doctor tells",
}
"""Where a broad `except` may swallow, and what. One that raises again at its end may stand anywhere."""


def file_of(source):
    """Return a file's path in the package without its ending: `core/run`."""
    return "/".join(source.path.with_suffix("").parts[1:])


def stands_in(source, places):
    return any(file_of(source) == place or file_of(source).startswith(f"{place}/") for place in places)


def upward(package: Path) -> list[str]:
    """Return the imports that do not go down the layers, also those for types only and those in functions."""
    wrong = []
    for source in sources(package):
        for found in imports(source):
            here, there = source.layer, layer_of(found.module)
            if here == INIT or there is None or there == here:
                continue
            if there == INIT or LAYERS[there] > LAYERS[here] or (here, there) in STRANGERS:
                wrong.append(str(found))
    return wrong


def imported_outside(package: Path, names: tuple[str, ...], places: set[str], *, early_only: bool) -> list[str]:
    """Return the imports of modules whose name begins so, outside of these places."""
    return [
        str(found)
        for source in sources(package)
        if not stands_in(source, places)
        for found in imports(source)
        if (found.early or not early_only) and found.module.startswith(names)
    ]


def swallowing(package: Path) -> list[str]:
    """Return the broad excepts that do not raise again, outside of the places that may have them."""
    return [
        f"{source.path}:{node.lineno} swallows everything"
        for source in sources(package)
        if not stands_in(source, BROAD_EXCEPTS)
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ExceptHandler | ast.Call) and _swallows(node)
    ]


def _swallows(node: ast.ExceptHandler | ast.Call) -> bool:
    if isinstance(node, ast.ExceptHandler):
        return _is_broad(node.type) and not isinstance(node.body[-1], ast.Raise)
    suppresses = ast.unparse(node.func) in ("suppress", "contextlib.suppress")
    return suppresses and any(_is_broad(argument) for argument in node.args)


def _is_broad(caught: ast.expr | None) -> bool:
    if isinstance(caught, ast.Tuple):
        return any(_is_broad(element) for element in caught.elts)
    return caught is None or ast.unparse(caught) in (
        "Exception",
        "BaseException",
        "builtins.Exception",
        "builtins.BaseException",
    )


def test_every_file_has_a_layer():
    without = {file_of(source) for source in sources(PACKAGE) if source.layer == INIT}
    assert without == {"__init__"}, "a new package or file of src/callspan needs its line in LAYERS"


def test_imports_go_down_the_layers_only():
    assert upward(PACKAGE) == []


def test_the_package_itself_imports_nothing_early():
    early = [
        found.module
        for source in sources(PACKAGE)
        if source.layer == INIT
        for found in imports(source)
        if found.early and not found.module.startswith("callspan.version.")
    ]
    assert [module for module in early if module.partition(".")[0] not in sys.stdlib_module_names] == []


def test_only_patching_imports_wrapt():
    assert imported_outside(PACKAGE, ("wrapt",), WRAPT, early_only=False) == []


def test_the_sdk_is_imported_by_callbacks_only():
    assert imported_outside(PACKAGE, ("opentelemetry.sdk",), SDK, early_only=True) == []


def test_langchain_is_never_imported_before_the_user_does():
    assert imported_outside(PACKAGE, ("langchain", "langgraph", "langsmith"), LANGCHAIN, early_only=True) == []


def test_broad_excepts_stand_where_the_failure_policy_says():
    assert swallowing(PACKAGE) == []


def test_importing_the_package_costs_neither_wrapt_nor_the_sdk():
    heavy = ("wrapt", "opentelemetry.sdk", "langchain_core")
    program = f"import sys, callspan; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


def test_the_checks_see_a_breach(tmp_path):
    """A package with one fault of each sort: were a check blind, the tests above would pass for nothing."""
    package = tmp_path / "callspan"
    for path, text in {
        "__init__.py": "",
        "core/text.py": "from callspan.capture.limit import Limit\n",
        "core/run.py": "def late():\n    from .. import instrumentor\n",
        "core/spans.py": "from callspan import Callback\n",
        "core/metrics.py": "import typing\nif typing.TYPE_CHECKING:\n    from callspan.callback import Callback\n",
        "core/shapes.py": "import wrapt\n",
        "langchain/__init__.py": "from ..viewer import read\nfrom . import chat\nimport langchain_core.load\n",
        "viewer/read.py": "import callspan.langchain.models\n",
        "callback/scope.py": "try:\n    pass\nexcept (ValueError, Exception):\n    pass\n",
        "handlers/good.py": "try:\n    pass\nexcept BaseException:\n    raise\n",
        "core/telemetry.py": "from opentelemetry.sdk.trace import TracerProvider\n",
    }.items():
        (package / path).parent.mkdir(parents=True, exist_ok=True)
        (package / path).write_text(text, encoding="utf-8")

    assert sorted(upward(package)) == [
        "callspan/core/metrics.py:3 imports callspan.callback.Callback",
        "callspan/core/run.py:2 imports callspan.instrumentor",
        "callspan/core/spans.py:1 imports callspan.Callback",
        "callspan/core/text.py:1 imports callspan.capture.limit.Limit",
        "callspan/langchain/__init__.py:1 imports callspan.viewer.read",
        "callspan/viewer/read.py:1 imports callspan.langchain.models",
    ]
    assert imported_outside(package, ("wrapt",), WRAPT, early_only=False) == ["callspan/core/shapes.py:1 imports wrapt"]
    assert imported_outside(package, ("langchain",), LANGCHAIN, early_only=True) == [
        "callspan/langchain/__init__.py:3 imports langchain_core.load"
    ]
    assert imported_outside(package, ("opentelemetry.sdk",), SDK, early_only=True) == [
        "callspan/core/telemetry.py:1 imports opentelemetry.sdk.trace.TracerProvider"
    ]
    assert swallowing(package) == ["callspan/callback/scope.py:3 swallows everything"]
