"""The demo's agent as the tests run it: what it needs, who answers it, and the tree of its spans."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from runpy import run_path

import pytest
from tests.pipeline.servers import ROOT

from callspan.testing import OpenAIServer

PROGRAM = ROOT / "examples/research_agent.py"
SERVICE = "research-agent"
AGENT = "invoke_agent research_agent"

TREE = """\
invoke_agent research_agent
  node model
    chat gpt-5-mini
      POST
  node tools
    execute_tool search_notes
      retrieval
        embeddings text-embedding-3-small
          POST
  node tools
    execute_tool search_notes
      retrieval
        embeddings text-embedding-3-small
          POST
  node model
    chat gpt-5-mini
      POST
  node tools
    execute_tool read_station !ConnectionError
    execute_tool read_station
  node model
    chat gpt-5-mini
      POST
"""


def skip_where_it_cannot_run() -> None:
    """Skip the test, and say why, where a package that the agent or its tree needs is missing or too old."""
    if not hasattr(pytest.importorskip("langchain.agents"), "create_agent"):
        pytest.skip("the demo's agent needs langchain 1.x")
    for package in ("langchain_openai", "numpy", "opentelemetry.instrumentation.httpx"):
        pytest.importorskip(package)


@contextmanager
def scripted_model() -> Iterator[dict[str, str]]:
    """Serve the demo's script, and give the variables with which the agent asks it."""
    with OpenAIServer(run_path(str(ROOT / "examples/demo.py"))["SCRIPT"]) as server:
        yield {"OPENAI_BASE_URL": server.base_url, "OPENAI_API_KEY": "scripted"}
