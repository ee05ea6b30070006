"""The command line: `callspan run | view | stats | send | doctor`, one file each."""

from __future__ import annotations

import sys

USAGE, UNREADABLE, FINDING = 2, 3, 1
"""Exit codes besides 0: a wrong call; input that cannot be read; a finding or a regression."""


def main() -> None:
    """Run the command line; without what it needs it says how to get it."""
    try:
        import click  # noqa: F401  # pyright: ignore[reportUnusedImport]
        import rich  # noqa: F401  # pyright: ignore[reportUnusedImport]
    except ImportError as missing:
        print(f"callspan's command line needs {missing.name}: pip install 'callspan[cli]'", file=sys.stderr)
        sys.exit(USAGE)
    from callspan.cli.commands import commands

    commands(prog_name="callspan")
