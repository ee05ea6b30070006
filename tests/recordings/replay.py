"""A chat model that answers as a recorded one did, through all of LangChain."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from pydantic import ConfigDict, create_model

_RECORDED = Path(__file__).with_name("recorded")
NAMES = sorted(path.stem for path in _RECORDED.glob("*.json"))


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
    said: dict[str, Any] = json.loads((_RECORDED / f"{name}.json").read_text(encoding="utf-8"))
    return said


def replaying(name: str, **changed: Any) -> Any:
    """Make a model of the recorded class's name, with its settings and its endpoints.

    Args:
        name: The recording.
        **changed: What stands in the recording instead.
    """
    said = recording(name) | changed
    public: dict[str, Any] = dict(said["fields"])
    private: dict[str, Any] = {}
    for path, url in said["endpoints"].items():
        first, *rest = path.split(".")
        found: Any = url
        for attribute in reversed(rest):
            found = SimpleNamespace(**{attribute: found})
        (private if first.startswith("_") else public)[first] = found
    fields: Any = {name: (Any, value) for name, value in public.items()}
    model = create_model(said["class"], __base__=_Replaying, **fields)(recording=said)
    object.__setattr__(model, "__pydantic_private__", private)
    return model


def call(form: str, model: Any) -> Any:
    """Call a replaying model as the recorded one was called."""
    result = getattr(model, form)("hi", **{key: value for key, value in model.recording["options"].items() if value})
    return list(result) if form == "stream" else result
