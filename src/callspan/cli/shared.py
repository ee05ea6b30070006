"""What commands share: messages on stderr, and the option `--prices`."""

from __future__ import annotations

import sys
from typing import NoReturn

import click

from callspan.cli import UNREADABLE
from callspan.core.prices import PricesError
from callspan.viewer.analyze import Price, price_from
from callspan.viewer.formats import one_line
from callspan.viewer.read import Source

_REPORTED = 5  # skipped lines that are reported one by one


def warn(text: str) -> None:
    """Write a message to stderr, on one line; nothing where that is closed or nobody reads it."""
    try:
        click.echo(f"callspan: {one_line(text)}", err=True)
    except (OSError, ValueError):
        pass


def report_skipped(source: Source) -> None:
    """Write which lines could not be read, and why."""
    for one in source.skipped[:_REPORTED]:
        warn(str(one))
    if source.skips > _REPORTED:
        warn(f"{source.skips - _REPORTED:,} more lines could not be read")


def exit_unreadable(error: OSError, source: Source) -> NoReturn:
    """End the command because a file cannot be opened or read."""
    warn(f"cannot read {error.filename or source.files[-1]}: {error.strerror or error}")
    sys.exit(UNREADABLE)


def _read_prices(context: click.Context, option: click.Parameter, where: str) -> Price | None:
    try:
        return price_from(where)
    except PricesError as error:
        raise click.UsageError(str(error)) from error


# The command gets what the option names as `price`
prices_option = click.option(
    *("--prices", "price"),
    envvar="CALLSPAN_PRICES",
    default="off",
    show_default=True,
    metavar="builtin|FILE",
    callback=_read_prices,
    help="Prices of calls that have no cost: from genai-prices, or from a JSON file.",
)
