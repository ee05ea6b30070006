"""Record what LangChain's integrations make of their providers' answers, into `recorded/`.

Each integration is called and streamed for real, against a local server that answers in the provider's format. What
it gives LangChain is recorded (its parameters, its results, its chunks), with what a span reads from the object.
Run it from the root of the repository, in an environment of its own that has the integrations:

    python -m venv /tmp/integrations
    /tmp/integrations/bin/pip install langchain-openai langchain-anthropic langchain-google-genai langchain-aws \
        langchain-ollama -e .
    PYTHONPATH=. /tmp/integrations/bin/python -m tests.recordings.record

The tests replay the files and need none of this.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

from langchain_core.callbacks import BaseCallbackHandler
from tests.recordings.scenarios import EMBEDDINGS, SCENARIOS, Scenario
from tests.recordings.wire import Reply, serving

from callspan.langchain.providers import PATHS
from callspan.langchain.requests import GROUPS, PARAMETERS

RECORDED = Path(__file__).with_name("recorded")
CONFIGURED = {*PARAMETERS, *GROUPS, "stream_usage"}
EMBEDDERS_SETTINGS = {"model", "model_id", "dimensions", "output_dimensionality", "model_kwargs"}


class Start(BaseCallbackHandler):
    """Keeps what LangChain said at the start."""

    def __init__(self) -> None:
        self.said: dict[str, Any] = {}

    def on_chat_model_start(self, serialized: Any, messages: Any, **said: Any) -> None:
        standard = {key: value for key, value in said["metadata"].items() if key.startswith("ls_")}
        shape = said["options"].get("ls_structured_output_format")
        self.said = {
            "standard": standard,
            "invocation_params": said["invocation_params"],
            "options": {"stop": said["options"]["stop"], **({"ls_structured_output_format": shape} if shape else {})},
        }


def spying(cls: type, kept: list[Any]) -> type:
    """Make a subclass that keeps what the integration gives LangChain, before LangChain changes it."""

    def generate(self: Any, *args: Any, **kwargs: Any) -> Any:
        result = cls._generate(self, *args, **kwargs)  # type: ignore[attr-defined]
        generations = [_generation(each) for each in result.generations]
        kept.append({"generations": generations, "llm_output": plain(result.llm_output)})
        return result

    def stream(self: Any, *args: Any, **kwargs: Any) -> Iterator[Any]:
        for chunk in cls._stream(self, *args, **kwargs):  # type: ignore[attr-defined]
            kept.append(_generation(chunk))
            yield chunk

    return type(cls.__name__, (cls,), {"__module__": cls.__module__, "_generate": generate, "_stream": stream})


def _generation(generation: Any) -> dict[str, Any]:
    message = generation.message.model_dump(exclude_defaults=True)
    return {"message": plain({"content": "", **message}), "generation_info": plain(generation.generation_info)}


def plain(value: Any) -> Any:
    """Give it as JSON has it, without what is another one at each recording."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items() if key != "HTTPHeaders"}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    return value if value is None or isinstance(value, (str, bool, int, float)) else repr(value)


def ask(scenario: Scenario, form: str, reply: Reply) -> tuple[dict[str, Any], list[Any]]:
    """Call the integration in one form, and give what was said at the start and what it gave LangChain."""
    kept: list[Any] = []
    cls = spying(getattr(import_module(scenario.module), scenario.cls), kept)
    start = Start()
    with serving(reply) as url:
        local = {key: value.format(url=url) for key, value in scenario.local.items()}
        model = scenario.prepare(cls(**{**scenario.fields, **local}))
        answer = getattr(model, form)("hi", {"callbacks": [start]}, **scenario.call)
        if form == "stream":
            list(answer)
    return plain(start.said), kept


def endpoints(model: Any) -> dict[str, str]:
    """Give the URLs that the object keeps, by the way to each."""
    kept: dict[str, str] = {}
    for path in PATHS:
        found = vars(model).get(path[0]) or (model.__pydantic_private__ or {}).get(path[0])
        for name in path[1:]:
            found = getattr(found, "__dict__", {}).get(name)
        if found is not None:
            kept[".".join(path)] = str(found)
    return kept


def record(scenario: Scenario) -> dict[str, Any]:
    """Record a scenario in both forms."""
    model = getattr(import_module(scenario.module), scenario.cls)(**scenario.fields)
    start, (invoked,) = ask(scenario, "invoke", scenario.invoked)
    package = scenario.module.replace("_", "-")
    said: dict[str, Any] = {
        "class": scenario.cls,
        "packages": {name: version(name) for name in ("langchain-core", package)},
        "fields": {name: plain(value) for name, value in vars(model).items() if name in CONFIGURED},
        "endpoints": endpoints(model),
        **start,
        "invoked": invoked,
    }
    if hasattr(model, "_use_responses_api"):
        said["responses_api"] = model._use_responses_api(start["invocation_params"])
    if scenario.streamed is not None:
        streamed_start, said["streamed"] = ask(scenario, "stream", scenario.streamed)
        assert streamed_start["standard"] == start["standard"]
    return said


def record_embeddings() -> dict[str, Any]:
    """Record what a span reads from embeddings objects; LangChain itself says nothing of their calls."""
    said: dict[str, Any] = {}
    for name, (module, fields) in EMBEDDINGS.items():
        made = getattr(import_module(module), name)(**fields)
        settings = {key: value for key, value in vars(made).items() if key in EMBEDDERS_SETTINGS}
        said[name] = {"fields": plain(settings), "endpoints": endpoints(made)}
    return said


def write(name: str, said: dict[str, Any]) -> None:
    """Write a recording."""
    text = json.dumps(said, indent=1, sort_keys=True)
    (RECORDED / f"{name}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    os.environ.update(OLLAMA_HOST="", AWS_EC2_METADATA_DISABLED="true")
    (RECORDED / "chat").mkdir(parents=True, exist_ok=True)
    for name, scenario in SCENARIOS.items():
        write(f"chat/{name}", record(scenario))
    write("embeddings", record_embeddings())
