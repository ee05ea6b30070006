"""Traces of a few words, for tests of what is shown of them."""

from __future__ import annotations

from typing import Any

from callspan.viewer.analyze import analyze
from callspan.viewer.otlp import Event, RawSpan
from callspan.viewer.trace import Trace

MS = 1_000_000
"""Nanoseconds."""

BEGAN = 1_790_000_000_000_000_000


def span(
    identity: int, name: str, start: int, stop: int | None, parent: int | None = None, error: str = "", **said: Any
) -> RawSpan:
    """A span by milliseconds; `error` is a type and a message, and attributes have `__` for a dot."""
    attributes = {key.replace("__", "."): value for key, value in said.items()}
    events = []
    if error:
        kind, _, message = error.partition(": ")
        attributes["error.type"] = kind
        where = f'Traceback:\n  File "/usr/lib/python3/x.py", line 3, in f\n  File "client.py", line 118, in g\n{error}'
        told = {"exception.type": kind, "exception.message": message, "exception.stacktrace": where}
        events = [Event("exception", BEGAN, told)]
    return RawSpan(
        f"{1:032x}",
        f"{identity:016x}",
        None if parent is None else f"{parent:016x}",
        name,
        BEGAN + start * MS,
        None if stop is None else BEGAN + stop * MS,
        attributes,
        failed=bool(error),
        events=events,
    )


def chat(identity: int, start: int, stop: int | None, parent: int | None, **said: Any) -> RawSpan:
    """A call of a model."""
    used = {"gen_ai__usage__input_tokens": 412, "gen_ai__usage__output_tokens": 24, "gen_ai__usage__cost": 0.0002}
    return span(identity, "chat gpt-5-mini", start, stop, parent, gen_ai__operation__name="chat", **used | said)


def trace_of(*spans: RawSpan) -> Trace:
    """One trace, explained."""
    (found,) = analyze(spans)
    return found


def refund(**changed: Any) -> Trace:
    """An agent that fails after three tries."""
    asks = '[{"role": "assistant", "parts": [{"type": "tool_call", "name": "lookup_order", "arguments": {}}]}]'
    says = '[{"role": "assistant", "parts": [{"type": "text", "content": "I am sorry about the zip!\\nYour order"}]}]'
    tool = {"gen_ai__operation__name": "execute_tool", "gen_ai__tool__call__id": "1"}
    gone = "app.gateway.PaymentGatewayError: card_not_refundable: closed"
    return trace_of(
        span(1, "invoke_agent refund_agent", 0, 9840, error=gone),
        span(2, "node model", 0, 1500, 1),
        chat(
            3,
            10,
            1460,
            2,
            gen_ai__output__messages=asks,
            gen_ai__response__time_to_first_chunk=0.48,
        ),
        span(4, "node tools", 1500, 1840, 1),
        span(
            5,
            "execute_tool lookup_order",
            1510,
            1830,
            4,
            gen_ai__tool__call__arguments='{"order": "A-1042"}',
            gen_ai__operation__name="execute_tool",
        ),
        span(6, "node model", 1850, 3560, 1),
        chat(7, 1860, 3520, 6, gen_ai__output__messages=says),
        span(8, "node tools", 3570, 9770, 1, error=gone),
        span(9, "execute_tool issue_refund", 3580, 5610, 8, error="TimeoutError: slow", **tool),
        span(
            10,
            "execute_tool issue_refund",
            5620,
            7650,
            8,
            error="TimeoutError: slow",
            langchain__run__attempt=2,
            **tool,
        ),
        span(11, "execute_tool issue_refund", 9170, 9760, 8, error=gone, langchain__run__attempt=3, **tool),
    )
