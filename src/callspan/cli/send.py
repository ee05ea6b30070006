"""`callspan send`: trace files to a Collector, Jaeger, or any other server that accepts OTLP over HTTP."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from types import FrameType
from urllib.parse import urlsplit

import click
from opentelemetry.util.re import parse_env_headers
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from callspan.cli import FINDING, UNREADABLE
from callspan.cli.shared import report_skipped, warn
from callspan.viewer.formats import many_text, one_line
from callspan.viewer.otlp_http import Sender, SendError
from callspan.viewer.send import Checkpoint, SendResult, SendStateError, send_file

_INTERRUPTED = 130  # the exit code of what Ctrl-C ended, as shells have it
_TRACES = "/v1/traces"


@click.command(short_help="Send trace files to a server.")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@click.option(
    *("--endpoint", "-e"),
    envvar=["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"],
    default="http://localhost:4318",
    show_default=True,
    metavar="URL",
    help="Where to; /v1/traces is added where it is missing.",
)
@click.option(
    "--protocol",
    type=click.Choice(["http/json", "http/protobuf"]),
    default="http/json",
    show_default=True,
    help="Protobuf needs the extra `otlp`.",
)
@click.option("--header", "headers", multiple=True, metavar="NAME=VALUE", help="A header, for instance a key.")
@click.option("--since-start", is_flag=True, help="Send all spans, also those sent before.")
@click.option(
    "--patience",
    type=click.FloatRange(min=0),
    default=60,
    show_default=True,
    metavar="SECONDS",
    help="How long a server may take nothing.",
)
def send(
    files: tuple[Path, ...],
    endpoint: str,
    protocol: str,
    headers: tuple[str, ...],
    since_start: bool,
    patience: float,
) -> None:
    """Send trace FILEs to a server that takes OTLP over HTTP: spans exactly as they were.

    \b
    callspan send trace.jsonl                                  to a Collector or Jaeger on this machine
    callspan send trace-*.jsonl --endpoint https://otel.example.com --header authorization="Bearer ..."

    FILE.sent keeps how many spans have been sent. After an interruption the same command sends the rest, and of a
    file that has grown what is new. Ctrl-C waits for the answer that is due; a second one does not.

    Exit codes: 0, 1 not all was taken, 2 a wrong call, 3 unreadable input, 130 Ctrl-C.
    """  # noqa: D301 - click reads the backspace
    if protocol == "http/protobuf":
        _need_protobuf()
    stop = Event()
    sender = Sender(_url(endpoint), _headers(headers), protocol == "http/protobuf", patience, stop)
    code = 0
    try:
        with _stopping(stop):
            for place, file in enumerate(files):
                code = max(code, _send(file, sender, since_start))
                if stop.is_set():
                    sys.exit(_INTERRUPTED)
                if sender.gave_up and files[place + 1 :]:
                    warn(f"not tried: {', '.join(map(str, files[place + 1 :]))}")
                    break
    except KeyboardInterrupt:  # the second one
        sys.exit(_INTERRUPTED)
    sys.exit(code)


def _send(file: Path, sender: Sender, since_start: bool) -> int:
    """Send a file, and return the exit code."""
    result, failed = SendResult(), ""
    try:
        checkpoint = Checkpoint(file, sender.url, from_start=since_start)
        before = checkpoint.sent
        if checkpoint.pending:
            on_the_way = many_text(checkpoint.pending, "span")
            warn(f"{on_the_way} of {file} were on the way when it ended: they are sent again")
        try:
            with _progress(file, sender) as moved:
                send_file(file, checkpoint, sender, result, moved)
        except SendError as error:
            failed = str(error)
        finally:
            if result.source.files:  # it was opened
                _report(file, sender, result, before, failed)
    except OSError as error:
        warn(f"cannot read or write {error.filename or file}: {error.strerror or error}")
        return UNREADABLE
    except SendStateError as error:
        raise click.UsageError(str(error)) from error
    if result.rejected or failed:
        return FINDING
    return UNREADABLE if result.source.skips and not result.sent and not before else 0


def _report(file: Path, sender: Sender, result: SendResult, before: int, failed: str) -> None:
    report_skipped(result.source)
    for why in result.why:
        warn(f"{file}, {why}")
    if before and not result.sent and not failed:
        click.echo(f"{file}: nothing new, {before:,} spans were sent to {sender.name} before", err=True)
    else:
        earlier = f", {before:,} before" if before else ""
        accepted = many_text(result.sent - result.rejected, "span")
        click.echo(f"{file}: {accepted} sent to {sender.name}{earlier}", err=True)
    if result.rejected:
        warn(f"{many_text(result.rejected, 'span')} rejected")
    if result.cut:
        warn(f"the last line of {file} is not whole; the rest of it is sent when it is")
    if failed:
        warn(failed)
    if failed or result.stopped:
        warn("not all spans were sent; run the same command again to send the rest")


@contextmanager
def _progress(file: Path, sender: Sender) -> Generator[Callable[[int], None]]:
    """Show a bar on a terminal, with the retries above it; yields the function that moves the bar."""
    console = Console(stderr=True)
    size = file.stat().st_size
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task(file.name.replace("[", "\\["), total=size)
        sender.on_retry = lambda why, seconds: console.print(
            Text(f"callspan: {one_line(why)}; trying again in {seconds:.1f} s"), soft_wrap=True
        )
        yield lambda at: bar.update(task, completed=at, total=max(size, at))


@contextmanager
def _stopping(stop: Event) -> Generator[None]:
    """Stop after the answer that is due at the first signal, and at once at the second."""

    def on_signal(number: int, frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    signals = (signal.SIGINT, signal.SIGTERM)
    try:
        before = [signal.signal(one, on_signal) for one in signals]
    except ValueError:  # not the main thread: nobody's signals
        yield
        return
    try:
        yield
    finally:
        for one, handler in zip(signals, before, strict=True):
            signal.signal(one, handler)


def _url(endpoint: str) -> str:
    try:
        parts = urlsplit(endpoint)
        port = parts.port
    except ValueError as error:
        raise click.UsageError(f"--endpoint {endpoint!r}: {error}") from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise click.UsageError(f"--endpoint must be like http://localhost:4318, not {endpoint!r}")
    if parts.username is not None:
        raise click.UsageError("--endpoint must not have a name or password; give them with --header")
    if port == 4317:  # noqa: PLR2004 - the port that OTLP has for gRPC
        warn("port 4317 is gRPC's by custom; over HTTP it is 4318")
    path = parts.path.rstrip("/")
    return parts._replace(path=path if path.endswith(_TRACES) else path + _TRACES, fragment="").geturl()


def _headers(given: Sequence[str]) -> dict[str, str]:
    """Return the headers of OpenTelemetry's variable, replaced by those of the command line."""
    variable = os.environ.get("OTEL_EXPORTER_OTLP_TRACES_HEADERS") or os.environ.get("OTEL_EXPORTER_OTLP_HEADERS")
    found = dict(parse_env_headers(variable or "", liberal=True))
    for pair in given:
        name, sign, value = pair.partition("=")
        if not sign or not name.strip() or "\n" in pair or "\r" in pair:
            raise click.UsageError(f"--header must be NAME=VALUE, not {name!r}")
        found[name.strip().lower()] = value.strip()
    return found


def _need_protobuf() -> None:
    try:
        import opentelemetry.proto.collector.trace.v1.trace_service_pb2  # noqa: F401  # pyright: ignore[reportUnusedImport]
    except ImportError as missing:
        raise click.UsageError("http/protobuf needs the extra `otlp`: pip install 'callspan[otlp]'") from missing
