"""A chat model that answers as a recorded one did, through all of LangChain."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from langchain_core.embeddings import Embeddings
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from pydantic import ConfigDict, create_model

_RECORDED = Path(__file__).with_name("recorded")
NAMES = sorted(path.stem for path in _RECORDED.glob("chat/*.json"))


class _Replaying(BaseChatModel):
    model_config = ConfigDict(arbitrary_types_allowed=True, protected_namespaces=())

    recording: Any

    @property
    def _llm_type(self) -> str:
        return "replayed"

    def _get_ls_params(self, stop: Any = None, **kwargs: Any) -> Any:
        return dict(self.recording["standard"])

    def _get_invocation_params(self, stop: Any = None, **kwargs: Any) -> dict[str, Any]:
        return dict(self.recording["invocation_params"])

    def _use_responses_api(self, payload: Any) -> bool:
        return bool(self.recording.get("responses_api"))

    def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> ChatResult:
        said = self.recording["invoked"]
        made = [
            ChatGeneration(message=AIMessage(**each["message"]), generation_info=each["generation_info"])
            for each in said["generations"]
        ]
        return ChatResult(generations=made, llm_output=said["llm_output"])

    def _stream(
        self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> Iterator[ChatGenerationChunk]:
        for each in self.recording["streamed"]:
            message = AIMessageChunk(**each["message"])
            yield ChatGenerationChunk(message=message, generation_info=each["generation_info"])


def recording(name: str) -> dict[str, Any]:
    """Read a recording."""
    said: dict[str, Any] = json.loads((_RECORDED / "chat" / f"{name}.json").read_text(encoding="utf-8"))
    return said


def replaying(name: str, **changed: Any) -> Any:
    """Make a model of the recorded class's name, with its settings and its endpoints.

    Args:
        name: The recording.
        **changed: What stands in the recording instead.
    """
    said = recording(name) | changed
    public, private = settings(said)
    fields: Any = {name: (Any, value) for name, value in public.items()}
    model = create_model(said["class"], __base__=_Replaying, **fields)(recording=said)
    object.__setattr__(model, "__pydantic_private__", private)
    return model


def settings(said: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Give the settings of a recorded object and its private ones, with stand-ins for the clients it keeps."""
    public: dict[str, Any] = dict(said["fields"])
    private: dict[str, Any] = {}
    for path, url in said["endpoints"].items():
        first, *rest = path.split(".")
        found: Any = url
        for attribute in reversed(rest):
            found = SimpleNamespace(**{attribute: found})
        (private if first.startswith("_") else public)[first] = found
    return public, private


def recorded_embeddings() -> dict[str, Any]:
    """Give what was recorded of embeddings objects, by their classes."""
    said: dict[str, Any] = json.loads((_RECORDED / "embeddings.json").read_text(encoding="utf-8"))
    return said


def embedder(name: str) -> Any:
    """Make an embeddings object with the name, the settings and the endpoints of a recorded one."""
    public, private = settings(recorded_embeddings()[name])
    made = type(name, (_Embedding,), {})()
    vars(made).update(public, __pydantic_private__=private)
    return made


class _Embedding(Embeddings):
    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [[1.0] for _ in texts]

    def embed_query(self, text: str) -> list[float]:
        return [1.0]


def call(form: str, model: Any) -> Any:
    """Call a replaying model as the recorded one was called."""
    result = getattr(model, form)("hi", **{key: value for key, value in model.recording["options"].items() if value})
    return list(result) if form == "stream" else result
