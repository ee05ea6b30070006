"""For tests of programs that callspan traces: span trees as text, scripted models, and the runs that are still open."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from callspan.core.lifecycle import open_runs as open_runs
    from callspan.testing.openai_server import OpenAIServer as OpenAIServer
    from callspan.testing.recording import Recording as Recording
    from callspan.testing.recording import record as record
    from callspan.testing.replies import CallTools as CallTools
    from callspan.testing.replies import Fail as Fail
    from callspan.testing.replies import Say as Say
    from callspan.testing.replies import ToolCall as ToolCall
    from callspan.testing.scripted_model import ScriptedChatModel as ScriptedChatModel
    from callspan.testing.trace_file import read_trace_file as read_trace_file
    from callspan.testing.tree import TreeText as TreeText
    from callspan.testing.tree import span_tree as span_tree

# The same for run time: a module is imported when one of its names is first used (PEP 562)
_MODULES = {
    "CallTools": "testing.replies",
    "Fail": "testing.replies",
    "OpenAIServer": "testing.openai_server",
    "Recording": "testing.recording",
    "Say": "testing.replies",
    "ScriptedChatModel": "testing.scripted_model",
    "ToolCall": "testing.replies",
    "TreeText": "testing.tree",
    "open_runs": "core.lifecycle",
    "read_trace_file": "testing.trace_file",
    "record": "testing.recording",
    "span_tree": "testing.tree",
}

if not TYPE_CHECKING:  # type checkers have the imports above, and report every other name
    __all__ = sorted(_MODULES)  # noqa: PLE0605

    def __getattr__(name: str) -> Any:
        if name in _MODULES:
            return getattr(import_module(f"callspan.{_MODULES[name]}"), name)
        raise AttributeError(f"module 'callspan.testing' has no attribute {name!r}")

    def __dir__() -> list[str]:
        return __all__
