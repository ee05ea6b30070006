"""What LangChain asks of a handler, so that a callback can stand in its lists; it delivers nothing to it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from callspan.core import state
from callspan.core.patching import when_imported

_log = logging.getLogger("callspan")


def asked() -> bool:
    """Answer LangChain that a handler ignores an event; say once if that means that nobody hears it."""
    if not state.is_inforce() and state.once("hears nothing"):
        _log.warning("a callback in LangChain's lists hears nothing: call callspan.instrument()")
    return True


if TYPE_CHECKING:
    LangChainHandler: Any  # so that type checkers take a callback where LangChain wants a handler
else:

    class _Root:
        """Another empty class than `object` at the end: CPython changes no other bases."""

    class LangChainHandler(_Root):
        """Gets LangChain's `BaseCallbackHandler` as its base once that is imported: pydantic asks `isinstance`."""

        run_inline = False
        ignore_llm = property(lambda self: asked())
        ignore_chat_model = ignore_chain = ignore_agent = ignore_retriever = ignore_llm
        ignore_retry = ignore_custom_event = ignore_llm


def _become_handler(module: Any) -> Any:
    handler: Any = LangChainHandler
    try:
        handler.__bases__ = (module.BaseCallbackHandler,)
    except TypeError as error:  # a class of the user's whose bases then have no order
        _log.warning("callbacks cannot stand in LangChain's lists: %s", error)
    return lambda: None


when_imported("langchain_core.callbacks.base", _become_handler)
