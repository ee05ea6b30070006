"""Whether an exception comes from a signal handler: then it is the program's time limit, and no failure of ours."""

from __future__ import annotations

import signal
from functools import partial
from types import CodeType, MethodType
from typing import Any


def is_from_handler(error: BaseException) -> bool:
    """Return whether a Python signal handler that is installed now raised this exception, or something it called.

    Call it only where an exception was caught. Exceptions that another thread sets (`PyThreadState_SetAsyncExc`), and
    those of handlers in C, look like any other.
    """
    raised = error.__traceback__
    trace = None if raised is None else raised.tb_next  # the first frame is the one where it was caught
    if trace is None:
        return False
    handlers = _handlers()
    while trace is not None:
        if trace.tb_frame.f_code in handlers:
            return True
        trace = trace.tb_next
    return False


def _handlers() -> set[CodeType]:
    found: set[CodeType] = set()
    for number in signal.valid_signals():
        code = _code_of(signal.getsignal(number))
        if code is not None:
            found.add(code)
    return found


def _code_of(handler: Any) -> CodeType | None:
    while isinstance(handler, (partial, MethodType)):
        handler = handler.func if isinstance(handler, partial) else handler.__func__
    code = getattr(handler, "__code__", None)
    if code is None and callable(handler):
        code = getattr(type(handler).__call__, "__code__", None)
    return code if isinstance(code, CodeType) else None
