"""The layers of src/callspan, and what each of its files imports. Read with `ast`, so it needs no library."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "src" / "callspan"

LAYERS = {
    # Names and records that everybody reads.
    "settings": 0,
    "semconv": 0,
    "version": 0,
    # One run and its span. What looks for secrets in a text knows nothing of ours, and errors and names need it too.
    "core": 0,
    "capture/patterns": 0,
    "capture/secret_keys": 0,
    "capture/secret_literals": 0,
    "capture/secret_values": 0,
    "capture/secrets": 0,
    # What was said.
    "capture": 1,
    # What users subclass.
    "callback": 2,
    # All that knows LangChain; traces without a server.
    "langchain": 3,
    "viewer": 3,
    "runner": 3,
    # The callbacks that come with the package.
    "handlers": 4,
    # What puts it together, and what helps tests.
    "instrumentor": 5,
    "testing": 5,
    # Commands.
    "cli": 6,
}
"""The layer of each package or file of src/callspan; a file's own line goes before its package's."""

INIT = "callspan"
"""`callspan/__init__.py`, above all layers: it imports what it must late, and no module of the package imports it."""


def place(path: str) -> str:
    """Return the line of `LAYERS` that a file or module belongs to: its own or its package's."""
    while path and path not in LAYERS:
        path = path.rpartition("/")[0]
    return path or INIT


def layer_of(module: str) -> str | None:
    """Return the line of `LAYERS` for a module of ours; None for everybody else's."""
    first, _, rest = module.partition(".")
    return place(rest.replace(".", "/")) if first == "callspan" else None


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
    layer: str
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
        layer = place("/".join(parts))
        tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
        found.append(Source(path.relative_to(package.parent), layer, ".".join(("callspan", *parts)), is_package, tree))
    return found


def imports(source: Source) -> Iterator[Import]:
    """Return each import, with `from a import b` as `a.b`."""
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
    """Return every node below, and whether it runs when the file is imported."""
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
