"""A handler of LangChain's as a callback, for the scopes that LangChain does not have."""

from __future__ import annotations

from typing import Any

from callspan.callback.callback import Callback


class FromLangChain(Callback):
    """Tells a handler of LangChain's what callspan's callbacks hear.

    Args:
        handler: The handler.
    """

    def __init__(self, handler: Any) -> None:
        self.handler = handler
