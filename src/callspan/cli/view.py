"""`callspan view`: trace files as one page that needs no server, or as text."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from callspan.cli import UNREADABLE
from callspan.cli.shared import exit_unreadable, prices_option, report_skipped, warn
from callspan.viewer.analyze import ORIGIN, Price, analyze
from callspan.viewer.page import write_page
from callspan.viewer.page_data import page_data
from callspan.viewer.page_limit import PageLimit
from callspan.viewer.private import open_private
from callspan.viewer.read import Source, read
from callspan.viewer.trace import Trace


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("files", nargs=-1, required=True, type=click.Path(), metavar="FILE...")
@click.option("-o", "--output", type=click.Path(dir_okay=False), help="The page's file; FILE.html by default.")
@click.option("--serve", is_flag=True, help="Serve the page on this machine, read anew when a file has grown.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="With --serve: the port; else a free one.")
@click.option("--text", is_flag=True, help="Print the trees instead.")
@click.option("--trace", "ids", multiple=True, metavar="ID", help="Only this trace: the first digits of its id.")
@click.option("--errors", is_flag=True, help="Only the runs that failed.")
@click.option("--last", type=click.IntRange(1), metavar="N", help="Only the last N runs.")
@prices_option
def view(
    *,
    files: tuple[str, ...],
    output: str | None,
    serve: bool,
    port: int,
    text: bool,
    ids: tuple[str, ...],
    errors: bool,
    last: int | None,
    price: Price | None,
) -> None:
    """Write trace files as one page: open it in a browser, send it to somebody.

    The page asks no network for anything. Of files that are too large for one page, it has the newest runs.

    \b
    callspan view trace.jsonl
    callspan view *.jsonl --errors -o failed.html
    callspan view trace.jsonl --text --last 1
    callspan view trace.jsonl --serve
    """  # noqa: D301 - click reads the backspace
    selection = _Selection(files, tuple(one.lower() for one in ids), errors, last, price)
    if serve:
        from callspan.viewer.serve import serve as serve_page

        selection.page()  # what is wrong with the files is reported first
        try:
            serve_page(selection.page, [Path(file) for file in files], port, say=warn)
        except OSError as error:
            raise click.UsageError(f"port {port} cannot be had: {error.strerror or error}") from error
        return
    if text:
        _print(selection)
    else:
        target = Path(output or f"{files[0]}.html")
        page = selection.page()
        if selection.shown:
            _write(target, page, files)
    if not selection.found:
        sys.exit(UNREADABLE)
    if not selection.shown:
        warn("no run matches the options; nothing is written")


def _write(target: Path, page: str, files: Sequence[str]) -> None:
    """Write the page for its owner alone, as its trace file is; never over one of the files."""
    if target.exists() and any(target.samefile(file) for file in files):
        raise click.UsageError(f"-o {target} is the trace file itself")
    try:
        with open(target, "w", encoding="utf-8", opener=open_private) as written:
            written.write(page)
    except OSError as error:
        raise click.UsageError(f"{target} cannot be written: {error.strerror or error}") from error
    click.echo(os.fspath(target))


def _print(selection: _Selection) -> None:
    """Print the trees, a summary below them."""
    from callspan.viewer.summary import Summary, summary_lines
    from callspan.viewer.terminal import look_of
    from callspan.viewer.tree import tree_lines

    traces, source, dropped = selection.read()
    _report(source, dropped)
    look, summary = look_of(sys.stdout), Summary()
    for trace in traces:
        summary.add(trace, look)
        for line in tree_lines(trace, look):
            click.echo(line)
    for line in summary_lines(summary, look) if traces else ():
        click.echo(line)


def _report(source: Source, dropped: dict[str, Any] | None) -> None:
    """Write to stderr what could not be read, and what is left out."""
    report_skipped(source)
    if dropped:
        warn(f"{dropped['why']}; --trace and --errors choose others")


@dataclass(slots=True)
class _Selection:
    """The runs that the options select, and how many spans were found and runs are shown."""

    files: Sequence[str]
    ids: tuple[str, ...]  # the first digits of the ids of traces; empty: all
    errors: bool
    last: int | None
    price: Price | None
    found: int = 0
    shown: int = 0
    is_reported: bool = False

    def read(self) -> tuple[list[Trace], Source, dict[str, Any] | None]:
        source, limit = Source(), PageLimit(failed_first=self.errors)
        spans = read(self.files, source)
        try:
            limit.add(span for span in spans if not self.ids or span.trace_id.startswith(self.ids))
        except OSError as error:
            exit_unreadable(error, source)
        traces = analyze(limit.kept(), self.price)
        if self.errors:
            traces = [trace for trace in traces if any(span.rank == ORIGIN for span in trace.spans)]
        traces = traces[-self.last :] if self.last else traces
        self.found, self.shown = source.spans, len(traces)
        return traces, source, limit.left_out()

    def page(self) -> str:
        traces, source, dropped = self.read()
        if not self.is_reported:
            self.is_reported = True
            _report(source, dropped)
        return write_page(page_data(traces, source, dropped))
