"""What the spans of LangChain's own embeddings say, read from objects as they were recorded."""

from __future__ import annotations

from typing import Any

import pytest
from tests.recordings import replay

OPENAI: dict[str, Any] = {"gen_ai.request.model": "text-embedding-ada-002", "server.port": 443}
EXPECTED: dict[str, dict[str, Any]] = {
    "OpenAIEmbeddings": OPENAI
    | {
        "gen_ai.provider.name": "openai",
        "gen_ai.embeddings.dimension.count": 256,
        "gen_ai.request.encoding_formats": ("float",),
        "server.address": "api.openai.com",
    },
    "AzureOpenAIEmbeddings": OPENAI
    | {"gen_ai.provider.name": "azure.ai.openai", "server.address": "mine.openai.azure.com"},
    "GoogleGenerativeAIEmbeddings": {
        "gen_ai.provider.name": "gcp.gemini",
        "gen_ai.request.model": "gemini-embedding-001",
        "gen_ai.embeddings.dimension.count": 768,
        "server.address": "generativelanguage.googleapis.com",
        "server.port": 443,
    },
    "BedrockEmbeddings": {
        "gen_ai.provider.name": "aws.bedrock",
        "gen_ai.request.model": "amazon.titan-embed-text-v2:0",
        "server.address": "bedrock-runtime.eu-central-1.amazonaws.com",
        "server.port": 443,
    },
    "OllamaEmbeddings": {
        "gen_ai.provider.name": "ollama",
        "gen_ai.request.model": "nomic-embed-text",
        "server.address": "127.0.0.1",
        "server.port": 11434,
    },
}


def test_every_recording_has_its_expectation() -> None:
    """No recording is left out."""
    assert EXPECTED.keys() == replay.recorded_embeddings().keys()


@pytest.mark.parametrize("name", EXPECTED)
def test_embeddings(name: str, recording: Any) -> None:
    """A call says the provider, the model, what the vectors shall be, and the server."""
    replay.embedder(name).embed_query("a")
    (span,) = recording.spans
    said = {key: value for key, value in span.attributes.items() if key.startswith(("gen_ai.", "server."))}
    assert said == EXPECTED[name] | {"gen_ai.operation.name": "embeddings"}
