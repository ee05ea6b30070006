"""The commands by name; the file of a command is imported when that is called."""

from __future__ import annotations

from importlib import import_module

import click

from callspan.version import __version__

# Each command is a function of this name in the file of this name
_COMMANDS = {
    "run": "Run a program with tracing, and show what happens in it.",
    "view": "Write trace files as one page, or show them as text.",
    "stats": "Count, time and price the calls in trace files.",
    "send": "Send a trace file to a server.",
    "doctor": "Find out why something is not traced.",
}


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        found: click.Command = getattr(import_module(f"callspan.cli.{cmd_name}"), cmd_name)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="callspan")
def commands() -> None:
    """Traces of LangChain and LangGraph programs, without a server.

    \b
    callspan run app.py             run a program and watch its calls
    callspan view trace.jsonl       write the page and print its path
    callspan stats trace.jsonl      calls, times, tokens, cost
    callspan send trace.jsonl       to a Collector or Jaeger
    callspan doctor -- python app.py

    Exit codes: `run` has the program's own; else 0, 1 a finding or a regression, 2 a wrong call, 3 unreadable input.
    """  # noqa: D301 - click reads the backspace
