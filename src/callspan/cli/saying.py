"""What commands say on stderr."""

from __future__ import annotations

import click

from callspan.viewer.formats import one_line
from callspan.viewer.read import Source

_TOLD = 5  # skipped lines that are reported one by one


def say(text: str) -> None:
    """Write something, on one line."""
    click.echo(f"callspan: {one_line(text)}", err=True)


def tell_skipped(source: Source) -> None:
    """Write which lines could not be read, and why."""
    for one in source.skipped[:_TOLD]:
        say(str(one))
    if source.skips > _TOLD:
        say(f"{source.skips - _TOLD:,} more lines could not be read")
