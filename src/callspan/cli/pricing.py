"""`--prices`: what calls cost that do not say so themselves."""

from __future__ import annotations

import click

from callspan.core.prices import PricesError
from callspan.viewer.analyze import Price, price_from


def _read(context: click.Context, option: click.Parameter, where: str) -> Price | None:
    try:
        return price_from(where)
    except PricesError as error:
        raise click.UsageError(str(error)) from error


# The option; the command gets what it names as `price`
prices_option = click.option(
    *("--prices", "price"),
    envvar="CALLSPAN_PRICES",
    default="off",
    show_default=True,
    metavar="builtin|FILE",
    callback=_read,
    help="What calls cost that do not say so: by genai-prices, or by a JSON file.",
)
