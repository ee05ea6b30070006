"""The house holds: imports go down the floors only, and what may stand in few places stands nowhere else.

Read from the source with `ast`, so it needs none of the libraries. Whatever is added is checked too: a new
file or folder wants its line in `FLOORS`.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "src" / "callspan"

FLOORS = {
    "core": 0,
    "capture": 0,
    # F0: frozen settings, names, records, safe text
    "settings": 0,
    "signals": 0,
    "keys": 0,
    "semconv": 0,
    "operations": 0,
    "prices": 0,
    "usage": 0,
    "text": 0,
    "version": 0,
    # F1: one run and its span; what is written, and with what; patches and the shapes of a call
    "run": 1,
    "lifecycle": 1,
    "report": 1,
    "context": 1,
    "event_loops": 1,
    "interop": 1,
    "compat": 0,
    "identity": 1,
    "registry": 1,
    "dispatch": 1,
    "skip": 1,
    "spans": 1,
    "errors": 1,
    "metrics": 1,
    "content": 1,
    "serialize": 0,
    "limit": 0,
    "redact": 1,
    "secrets": 0,
    "secret_keys": 0,
    "secret_literals": 0,
    "patterns": 0,
    "secret_values": 0,
    "logs": 1,
    "state": 1,
    "patching": 1,
    "drivers": 1,
    "frames": 1,
    "wrappers": 1,
    # F2: what users subclass
    "callback": 2,
    # F3: all that knows LangChain; traces without a server
    "langchain": 3,
    "local": 3,
    # F4: the callbacks that come with the package
    "handlers": 4,
    # F5: what puts it together
    "instrumentor": 5,
    "testing": 5,
    # F6
    "cli": 6,
}
"""The floor of each room: a file or a folder of src/callspan."""

STRANGERS = {("langchain", "local"), ("local", "langchain")}
"""Rooms of one floor that do not know each other."""

FRONT_DOOR = "callspan"
"""`callspan/__init__.py`, above all floors: it may import any room, but late; and no room goes in by it."""

WRAPT = {"patching"}
"""The only room that imports wrapt."""

SDK = {"callback", "handlers", "local", "testing", "cli"}
"""The rooms that may import OpenTelemetry's SDK when they are imported. The others cost the API only."""

LANGCHAIN = {"testing"}
"""Rooms that may import LangChain when they are imported: the scripted model is a subclass of LangChain's."""

BROAD_EXCEPTS = {
    "patching": "our code around a call, and import hooks",
    "lifecycle": "the SDK's own start and end",
    "report": "the text of users' exceptions",
    "spans": "reading inputs and results",
    "metrics": "the SDK's own measuring, and what is read for it",
    "dispatch": "the users' hooks",
    "context": "a runtime context that fails, around the user's call",
    "handlers": "the users' scorers",
    "redact": "the users' redactors",
    "serialize": "the users' own mappings and fields",
    "logs": "the SDK's own writing",
    "wrappers": "our code around a call, where it is called most",
    "frames": "our code around a call",
    "drivers": "what is thrown into a generator goes on into the body",
    "local": "what is shown, saved and sent of a program under `callspan run`, which goes on without it",
    "cli": "what a broken installation raises, which the doctor tells",
}
"""Where a broad `except` may swallow, and what. One that raises again at its end may stand anywhere."""


@dataclass(frozen=True)
class Import:
    """One imported module: where it stands, and whether it runs when the file is imported."""

    path: Path
    line: int
    module: str
    early: bool

    def __str__(self) -> str:
        return f"{self.path}:{self.line} imports {self.module}"


@dataclass(frozen=True)
class Source:
    """One file of the package."""

    path: Path
    room: str
    name: str
    is_package: bool
    tree: ast.Module


def sources(package: Path) -> list[Source]:
    """Parse every file of the package."""
    found = []
    for path in sorted(package.rglob("*.py")):
        inner = path.relative_to(package).with_suffix("").parts
        is_package = inner[-1] == "__init__"
        parts = inner[:-1] if is_package else inner
        room = _room(parts)
        tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
        found.append(Source(path.relative_to(package.parent), room, ".".join(("callspan", *parts)), is_package, tree))
    return found


def _room(parts: tuple[str, ...]) -> str:
    """Return the layer's name: of core and capture each file is one."""
    if len(parts) > 1 and parts[0] in ("core", "capture"):
        return parts[1]
    return parts[0] if parts else FRONT_DOOR


def imports(source: Source) -> Iterator[Import]:
    """Give each import, with `from a import b` as `a.b`."""
    for node, early in _walk(source.tree, early=True):
        for module in _modules(node, source):
            yield Import(source.path, getattr(node, "lineno", 0), module, early)


def _modules(node: ast.AST, source: Source) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            up = node.level - 1 if source.is_package else node.level
            package = source.name.split(".")
            base = ".".join([*package[: len(package) - up], *filter(None, [base])])
        return [f"{base}.{alias.name}" for alias in node.names]
    return []


def _walk(node: ast.AST, *, early: bool) -> Iterator[tuple[ast.AST, bool]]:
    """Give every node below, and whether it runs when the file is imported."""
    if isinstance(node, ast.If) and _is_type_checking(node.test):
        for statement in node.body:
            yield statement, False
            yield from _walk(statement, early=False)
        for statement in node.orelse:
            yield statement, early
            yield from _walk(statement, early=early)
        return
    late = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
    for child in ast.iter_child_nodes(node):
        yield child, early and not late
        yield from _walk(child, early=early and not late)


def _is_type_checking(test: ast.expr) -> bool:
    return (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING") or (
        isinstance(test, ast.Attribute) and test.attr == "TYPE_CHECKING"
    )


def room_of(module: str) -> str | None:
    """Give the room a module of ours is in; None for everybody else's."""
    first, _, rest = module.partition(".")
    if first != "callspan":
        return None
    room = _room(tuple(rest.split(".")))
    return room if room in FLOORS else FRONT_DOOR


def upward(package: Path) -> list[str]:
    """Give the imports that do not go down the floors, also those for types only and those in functions."""
    wrong = []
    for source in sources(package):
        if source.room == FRONT_DOOR:
            continue
        here = FLOORS.get(source.room, max(FLOORS.values()))
        for found in imports(source):
            there = room_of(found.module)
            if there is None or there == source.room:
                continue
            if there == FRONT_DOOR or FLOORS[there] > here or (source.room, there) in STRANGERS:
                wrong.append(str(found))
    return wrong


def imported_outside(package: Path, names: tuple[str, ...], rooms: set[str], *, early_only: bool) -> list[str]:
    """Give the imports of modules whose name begins so, outside of these rooms."""
    return [
        str(found)
        for source in sources(package)
        if source.room not in rooms
        for found in imports(source)
        if (found.early or not early_only) and found.module.startswith(names)
    ]


def swallowing(package: Path) -> list[str]:
    """Give the broad excepts that do not raise again, outside of the places that may have them."""
    return [
        f"{source.path}:{node.lineno} swallows everything"
        for source in sources(package)
        if source.room not in BROAD_EXCEPTS
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


def test_every_file_stands_on_a_floor():
    rooms = {source.room for source in sources(PACKAGE)} - {FRONT_DOOR}
    assert rooms - set(FLOORS) == set(), "a new file or folder of src/callspan wants its line in FLOORS"


def test_imports_go_down_the_floors_only():
    assert upward(PACKAGE) == []


def test_the_front_door_imports_no_room_early():
    early = [
        found.module
        for source in sources(PACKAGE)
        if source.room == FRONT_DOOR
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
    """A house with one fault of each sort: were a check blind, the tests above would pass for nothing."""
    house = tmp_path / "callspan"
    for path, text in {
        "__init__.py": "",
        "core/text.py": "from callspan.core.run import Run\n",
        "core/run.py": "def late():\n    from .. import instrumentor\n",
        "core/spans.py": "from callspan import Callback\n",
        "core/metrics.py": "import typing\nif typing.TYPE_CHECKING:\n    from callspan.callback import Callback\n",
        "core/shapes.py": "import wrapt\n",
        "langchain/__init__.py": "from ..local import read\nfrom . import chat\nimport langchain_core.load\n",
        "local/read.py": "import callspan.langchain.models\n",
        "callback/scope.py": "try:\n    pass\nexcept (ValueError, Exception):\n    pass\n",
        "handlers/good.py": "try:\n    pass\nexcept BaseException:\n    raise\n",
        "core/telemetry.py": "from opentelemetry.sdk.trace import TracerProvider\n",
    }.items():
        (house / path).parent.mkdir(parents=True, exist_ok=True)
        (house / path).write_text(text, encoding="utf-8")

    assert sorted(upward(house)) == [
        "callspan/core/metrics.py:3 imports callspan.callback.Callback",
        "callspan/core/run.py:2 imports callspan.instrumentor",
        "callspan/core/spans.py:1 imports callspan.Callback",
        "callspan/core/text.py:1 imports callspan.core.run.Run",
        "callspan/langchain/__init__.py:1 imports callspan.local.read",
        "callspan/local/read.py:1 imports callspan.langchain.models",
    ]
    assert imported_outside(house, ("wrapt",), WRAPT, early_only=False) == ["callspan/core/shapes.py:1 imports wrapt"]
    assert imported_outside(house, ("langchain",), LANGCHAIN, early_only=True) == [
        "callspan/langchain/__init__.py:3 imports langchain_core.load"
    ]
    assert imported_outside(house, ("opentelemetry.sdk",), SDK, early_only=True) == [
        "callspan/core/telemetry.py:1 imports opentelemetry.sdk.trace.TracerProvider"
    ]
    assert swallowing(house) == ["callspan/callback/scope.py:3 swallows everything"]
