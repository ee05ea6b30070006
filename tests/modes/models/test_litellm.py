"""A model that is asked through LiteLLM says who answers and where, on spans and metrics alike."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from langchain_core.embeddings import Embeddings
from tests.modes.models.calls import call
from tests.modes.models.chat_models import ChatNative

from callspan.testing import record

FORMS = pytest.mark.parametrize("form", ["invoke", "ainvoke", "stream", "astream"])


class ChatLiteLLM(ChatNative):
    """Has the fields of the integration's models."""

    model: str = "gpt"
    model_name: str | None = None
    custom_llm_provider: str | None = None
    api_base: str | None = None
    model_kwargs: dict[str, Any] = {}  # noqa: RUF012 - pydantic copies it

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {
            "model": self.model_name or self.model,
            "api_base": self.api_base,
            "custom_llm_provider": self.custom_llm_provider,
        }

    def _get_ls_params(self, stop: Any = None, **kwargs: Any) -> Any:
        params = super()._get_ls_params(stop=stop, **kwargs)
        return {**params, "ls_model_name": self.model_name or self.model}


class ChatLiteLLMRouter(ChatLiteLLM):
    """Asks one of several deployments."""

    router: Any = None


class House(ChatLiteLLM):
    """A class of the user's own."""


class LiteLLMEmbeddings(Embeddings):
    """Has the fields of the integration's embeddings."""

    def __init__(self, **fields: Any) -> None:
        vars(self).update(fields)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [[0.0] for _ in texts]

    def embed_query(self, text: str) -> list[float]:
        return [0.0]


def said(model: Any, form: str = "invoke", **kwargs: Any) -> tuple[Any, ...]:
    """Give the provider, the model and the server that the span of a call says."""
    with record() as recording:
        call(form, model, "hi", **kwargs)
    [span] = recording.spans
    names = ("gen_ai.provider.name", "gen_ai.request.model", "server.address", "server.port")
    return tuple((span.attributes or {}).get(name) for name in names)


@pytest.mark.parametrize(
    ("model", "provider"),
    [
        ("anthropic/claude-sonnet-4-5", "anthropic"),
        ("azure/my-deployment", "azure.ai.openai"),
        ("azure_ai/mistral", "azure.ai.inference"),
        ("bedrock/anthropic.claude-3", "aws.bedrock"),
        ("bedrock/converse/anthropic.claude-3", "aws.bedrock"),
        ("gemini/gemini-2.5-pro", "gcp.gemini"),
        ("vertex_ai/gemini-2.5-pro", "gcp.vertex_ai"),
        ("xai/grok", "x_ai"),
        ("mistral/large", "mistral_ai"),
        ("litellm_proxy/anthropic/claude", "anthropic"),
        ("litellm_proxy/claude", "litellm"),
        ("house/llama", "litellm"),
        ("llama", "litellm"),
        ("/llama", "litellm"),
    ],
)
def test_the_models_name_says_who_answers(model, provider):
    asked = ChatLiteLLM(model=model, api_base="http://127.0.0.1:4000/v1")
    assert said(asked) == (provider, model, "127.0.0.1", 4000)


@FORMS
def test_it_is_the_same_in_every_form(form):
    asked = House(model="groq/llama", api_base="https://api.groq.com/openai/v1")
    assert said(asked, form) == ("groq", "groq/llama", "api.groq.com", 443)


def test_a_field_comes_before_the_name():
    assert said(ChatLiteLLM(model="llama", custom_llm_provider="groq"))[0] == "groq"
    assert said(ChatLiteLLM(model="openai/llama", custom_llm_provider="house"))[0] == "litellm"
    assert said(ChatLiteLLM(model="x", model_name="xai/grok"))[:2] == ("x_ai", "xai/grok")


@FORMS
def test_what_a_call_is_given_comes_first(form):
    asked = ChatLiteLLM(model="llama", api_base="http://here:1", model_kwargs={"custom_llm_provider": "groq"})
    assert said(asked, form) == ("groq", "llama", "here", 1)
    assert said(asked, form, custom_llm_provider="xai", base_url="http://there:2")[::2] == ("x_ai", "there")


def router(*deployments: dict[str, Any]) -> ChatLiteLLMRouter:
    """Make a model that asks one of these deployments."""
    entries = [{"model_name": "fast", "litellm_params": one} for one in deployments]
    other = {"model_name": "other", "litellm_params": {"model": "xai/grok", "api_base": "http://other"}}
    return ChatLiteLLMRouter(model="fast", router=SimpleNamespace(model_list=[*entries, other]))


def test_a_router_says_what_all_of_its_deployments_have_in_common():
    one, two = ({"model": "openai/gpt", "api_base": f"http://{host}:1"} for host in ("a", "b"))
    assert said(router(one, dict(one))) == ("openai", "fast", "a", 1)
    assert said(router(one, two)) == ("openai", "fast", None, None)
    assert said(router(one, {"model": "groq/gpt"})) == ("litellm", "fast", None, None)


def test_embeddings_say_it_too():
    with record() as recording:
        LiteLLMEmbeddings(model="cohere/embed", api_base="http://127.0.0.1:4000").embed_query("hi")
    [span] = recording.spans
    assert (span.attributes["gen_ai.provider.name"], span.attributes["server.port"]) == ("cohere", 4000)


def test_a_price_is_found_by_the_name_without_its_provider():
    pytest.importorskip("genai_prices", reason="needs the extra prices")
    from callspan.core.prices import price_from

    price = price_from("builtin")
    assert price is not None
    plain = price(["gpt-4o-mini"], "openai", (1000, 10, 0, 0, 0), 0)
    assert plain == price(["openai/gpt-4o-mini"], "openai", (1000, 10, 0, 0, 0), 0) is not None
    assert price(["house/llama"], "litellm", (1000, 10, 0, 0, 0), 0) is None
