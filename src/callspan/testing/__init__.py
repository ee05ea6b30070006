"""For tests of programs that callspan traces, its own among them: span trees as text, and what is still open."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from callspan.core.lifecycle import open_runs
    from callspan.testing.openai_replies import CallTools, Fail, Say, ToolCall
    from callspan.testing.openai_server import OpenAIServer
    from callspan.testing.recording import Recording, record
    from callspan.testing.scripted_model import ScriptedChatModel
    from callspan.testing.trace_file import read_trace_file
    from callspan.testing.tree import span_tree
    from callspan.testing.tree_text import TreeText

__all__ = [
    "CallTools",
    "Fail",
    "OpenAIServer",
    "Recording",
    "Say",
    "ScriptedChatModel",
    "ToolCall",
    "TreeText",
    "open_runs",
    "read_trace_file",
    "record",
    "span_tree",
]

_HOME = {
    "CallTools": "testing.openai_replies",
    "Fail": "testing.openai_replies",
    "OpenAIServer": "testing.openai_server",
    "Recording": "testing.recording",
    "Say": "testing.openai_replies",
    "ScriptedChatModel": "testing.scripted_model",
    "ToolCall": "testing.openai_replies",
    "TreeText": "testing.tree_text",
    "open_runs": "core.lifecycle",
    "read_trace_file": "testing.trace_file",
    "record": "testing.recording",
    "span_tree": "testing.tree",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for."""
    if name in _HOME:
        return getattr(import_module(f"callspan.{_HOME[name]}"), name)
    raise AttributeError(f"module 'callspan.testing' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
