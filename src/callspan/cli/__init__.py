"""The command line: `callspan run | view | stats | send | doctor`, one file each."""

from __future__ import annotations

import sys
from importlib.util import find_spec

# Exit codes besides 0: a wrong call; input that cannot be read; a finding or a regression
USAGE, UNREADABLE, FINDING = 2, 3, 1


def main() -> None:
    """Run the command line, or write which package it lacks."""
    missing = next((name for name in ("click", "rich") if find_spec(name) is None), None)
    if missing is not None:
        print(f"callspan's command line needs {missing}: pip install 'callspan[cli]'", file=sys.stderr)
        sys.exit(USAGE)
    from callspan.cli.commands import commands

    commands(prog_name="callspan")
