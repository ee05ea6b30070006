"""`callspan run app.py`: run a program unchanged, with tracing and a live tree on the terminal."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import click

from callspan.cli import USAGE
from callspan.cli.shared import warn
from callspan.runner.options import (
    BOOTSTRAP,
    FILE,
    FILE_DEFAULT,
    MAIN,
    TIMEOUT,
    TIMEOUT_DEFAULT,
    VARIABLE,
    RunOptions,
    file_of,
    is_sent,
    timeout_of,
)
from callspan.settings import CONTENT, DETAILS


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option("-m", "module", is_flag=True, help="PROGRAM is a module, as in `python -m`.")
@click.option("--no-content", is_flag=True, help="Neither show nor save prompts and answers.")
@click.option("--plain", is_flag=True, help="A line for each call that has ended, in place of a tree that grows.")
@click.option("--ascii", "only_ascii", is_flag=True, help="Draw with ASCII signs only.")
@click.option("--file", metavar="FILE", help=f"The trace file; {FILE_DEFAULT} by default, {{pid}} is allowed too.")
@click.option("--detail", type=click.Choice(DETAILS), help="Which runs get a span: all of them by default.")
@click.argument("program", nargs=-1, type=click.UNPROCESSED, required=True)
def run(
    *,
    module: bool,
    no_content: bool,
    plain: bool,
    only_ascii: bool,
    file: str | None,
    detail: str | None,
    program: tuple[str, ...],
) -> None:
    """Run a Python program with tracing, and show what happens in it.

    \b
    callspan run app.py --its-own option
    callspan run -m my_package.app
    callspan run --no-content --file traces/{time}.jsonl app.py
    callspan run uvicorn app:app

    The program runs as without callspan: its output, its signals, its exit code. Its spans are saved in a file for
    `callspan view`, and go where OTEL_* variables or the program itself send them.
    """  # noqa: D301 - click reads the backspace
    if program[0].startswith("--"):
        context = click.get_current_context()
        names = [name for option in context.command.get_params(context) for name in option.opts]
        raise click.NoSuchOption(program[0], possibilities=[name for name in names if name[:5] == program[0][:5]])
    if not _has_exporter():
        raise click.ClickException("the trace file needs a package: pip install 'callspan[cli]'")
    environ = dict(os.environ)
    if detail is not None:
        environ["CALLSPAN_DETAIL"] = detail
    content = _wants_content(environ, wanted=not no_content)
    template = file or environ.get(FILE) or FILE_DEFAULT
    plan = RunOptions(file_of(template), _timeout(environ), plain=plain, ascii=only_ascii, content=content)
    environ[VARIABLE] = plan.text()
    environ.pop(MAIN, None)
    environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(BOOTSTRAP), environ.get("PYTHONPATH"))))
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        warn("OTEL_SDK_DISABLED is set: nothing is traced")
    _become(_command(program, module=module), environ)


def _has_exporter() -> bool:
    try:
        return find_spec("opentelemetry.exporter.otlp.json.file") is not None
    except ImportError:  # one of the folders above it is not there either
        return False


def _wants_content(environ: dict[str, str], *, wanted: bool) -> bool:
    """Return whether content is on by default: its variable is not set, and nothing sends spans from this machine."""
    if not wanted:
        environ[CONTENT] = "no_content"
    if environ.get(CONTENT):
        return False
    if is_sent(environ):
        sent = "OTEL_* variables send spans elsewhere, so prompts and answers are left out"
        warn(f"{sent} ({CONTENT}=span_only: with them)")
        return False
    return True


def _timeout(environ: dict[str, str]) -> float:
    text = environ.get(TIMEOUT, "")
    seconds = timeout_of(text) if text else TIMEOUT_DEFAULT
    if seconds is None:
        warn(f"{TIMEOUT}={text!r} is not allowed, the default is used; allowed: seconds")
        return TIMEOUT_DEFAULT
    return seconds


def _command(program: Sequence[str], *, module: bool) -> list[str]:
    """Return the command: this Python with the program, or another command of this name that starts a Python."""
    if module:
        return [sys.executable, "-m", *program]
    here = Path(program[0])
    if here.is_file() and _is_command(here):
        return [os.path.join(here.parent, here.name), *program[1:]]  # noqa: PTH118 - keeps the `./` before a bare name
    is_program = here.is_file() or (here / "__main__.py").is_file()
    found = None if is_program else shutil.which(program[0], path=_path())
    if found is None and not program[0].startswith("-") and not here.exists():
        warn(f"can't open file {program[0]!r}: it is not in this folder, and no command on PATH has this name")
        sys.exit(USAGE)
    return [sys.executable, *program] if found is None else [found, *program[1:]]


def _is_command(file: Path) -> bool:
    """Return whether a file that was named by its path is a command: a binary, such as a Python, or a shell script."""
    if not os.access(file, os.X_OK) or file.suffix in (".py", ".pyw", ".pyz"):
        return False
    try:
        with file.open("rb") as opened:
            first = opened.readline(256)
    except OSError:
        return False
    return first.startswith(_BINARY) or (first.startswith(b"#!") and b"python" not in first)


# How programs of Linux, Windows and macOS begin
_BINARY = (b"\x7fELF", b"MZ", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe")


def _path() -> str:
    """Return where commands are looked for: beside this Python first."""
    return os.pathsep.join(filter(None, (str(Path(sys.executable).parent), os.environ.get("PATH"))))


def _become(command: list[str], environ: dict[str, str]) -> None:
    """Become the program: whoever watches this process watches the program."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # Python sets None for a stream that was closed before it started
            stream.flush()
    try:
        if hasattr(os, "fork"):
            os.execvpe(command[0], command, environ)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the program's, which is in the same console
        sys.exit(subprocess.run(command, env=environ, check=False).returncode)
    except OSError as error:
        warn(f"{command[0]} cannot be run: {error.strerror}")
        sys.exit(USAGE)
