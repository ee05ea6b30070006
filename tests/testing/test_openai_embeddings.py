"""The scripted server's embeddings, asked for by the real clients."""

import pytest
from langchain_openai import OpenAIEmbeddings
from openai import OpenAI

from callspan.testing.openai_server import OpenAIServer


def similarity(one, other):
    return sum(a * b for a, b in zip(one, other, strict=True))


def test_embeds_like_texts_near():
    """Texts that share words have vectors that lie nearer than those of texts that share none."""
    with OpenAIServer() as server, OpenAI(base_url=server.base_url, api_key="test") as client:
        # A client that it makes itself is in a ring and cannot be closed: its socket would warn when collected.
        model = OpenAIEmbeddings(client=client.embeddings, api_key="test", check_embedding_ctx_length=False)
        shark, whale, quahog = model.embed_documents(
            ["The Greenland shark grows old.", "Bowhead whales live long lives", ""]
        )
        query = model.embed_query("how old is a greenland shark?")
    assert similarity(query, shark) > 0.5 > similarity(query, whale)
    assert similarity(quahog, quahog) == pytest.approx(1)


@pytest.mark.parametrize("given", ["one text", ["one text"], [11, 12], [[11, 12]]])
def test_embeds_texts_and_tokens(given):
    """The input may be a text, texts, tokens or lists of tokens, and the vectors of the size that is asked for."""
    with OpenAIServer() as server, OpenAI(base_url=server.base_url, api_key="test") as client:
        packed = client.embeddings.create(model="e", input=given, dimensions=16)
        plain = client.embeddings.create(model="e", input=given, dimensions=16, encoding_format="float")
    assert len(packed.data) == 1
    assert packed.data[0].embedding == pytest.approx(plain.data[0].embedding)
    assert len(plain.data[0].embedding) == 16
    assert packed.usage.prompt_tokens > 0
