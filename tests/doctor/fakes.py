"""Distributions that are not what they say, for one folder of the path."""

from __future__ import annotations

import textwrap
from pathlib import Path


def distribution(folder: Path, name: str, version: str, **entry_points: str) -> None:
    """Put a distribution's metadata there, with instrumentors by name."""
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    info.joinpath("METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    lines = "".join(f"{entry} = {target}\n" for entry, target in entry_points.items())
    info.joinpath("entry_points.txt").write_text(f"[opentelemetry_instrumentor]\n{lines}")


def langchain_instrumentation(folder: Path) -> None:
    """Put something there that calls itself OpenInference, and makes a span of every run, as that does."""
    name = "openinference-instrumentation-langchain"
    distribution(folder, name, "0.1.80", langchain="openinference.instrumentation.langchain:LangChainInstrumentor")
    package = folder / "openinference" / "instrumentation" / "langchain"
    package.mkdir(parents=True)
    package.joinpath("__init__.py").write_text(
        textwrap.dedent(
            """
            from contextvars import ContextVar

            from langchain_core.callbacks import BaseCallbackHandler
            from langchain_core.tracers.context import register_configure_hook
            from opentelemetry import trace
            from opentelemetry.instrumentation.instrumentor import BaseInstrumentor


            class Handler(BaseCallbackHandler):
                run_inline = True

                def __init__(self):
                    self.open = {}

                def on_chat_model_start(self, serialized, messages, *, run_id, **kwargs):
                    attributes = {"openinference.span.kind": "LLM"}
                    self.open[run_id] = trace.get_tracer(__name__).start_span("ChatModel", attributes=attributes)

                def on_llm_end(self, response, *, run_id, **kwargs):
                    self.open.pop(run_id).end()


            class LangChainInstrumentor(BaseInstrumentor):
                def instrumentation_dependencies(self):
                    return ()

                def _instrument(self, **kwargs):
                    register_configure_hook(ContextVar("handler", default=Handler()), inheritable=True)

                def _uninstrument(self, **kwargs):
                    pass
            """
        )
    )
