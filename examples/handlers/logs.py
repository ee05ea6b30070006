"""A log line for each model and tool call, with the ids that lead from the log to the trace."""

from __future__ import annotations

import logging
import sys

from langchain_core.tools import tool
from opentelemetry.sdk.trace import TracerProvider

import callspan
from callspan.testing import ScriptedChatModel


class CallLogs(callspan.Logs):
    """Of models and tools only."""

    kinds = ("llm", "tool")


@tool
def read(path: str) -> str:
    """Read a file."""
    raise FileNotFoundError(path)


def main() -> None:
    logging.basicConfig(stream=sys.stdout, format="%(levelname)s %(message)s", level=logging.INFO)
    callspan.instrument(tracer_provider=TracerProvider(), callbacks=[CallLogs()])
    with callspan.workflow("answer"):
        ScriptedChatModel("I shall look").invoke("Where are my keys?")
        try:
            read.invoke({"path": "/drawer"})
        except FileNotFoundError:
            print("it is not there")


if __name__ == "__main__":
    main()
