"""What is patched stays what it was to everybody who asks: its kind, its signature, its copies."""

from __future__ import annotations

import copy
import inspect
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.callbacks import manager as managers
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.language_models.llms import BaseLLM
from langchain_core.outputs import LLMResult
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableConfig, RunnableLambda
from langchain_core.runnables import config as configs
from langchain_core.tools import BaseTool
from tests.modes.models.chat_models import ChatNative

from callspan.testing import record

OWNERS: dict[type, str] = {
    BaseChatModel: "stream astream generate agenerate _generate_with_cache _agenerate_with_cache",
    BaseLLM: "stream astream generate agenerate _generate_helper _agenerate_helper",
    BaseTool: "run arun",
    BaseRetriever: "invoke ainvoke",
    DeterministicFakeEmbedding: "embed_query embed_documents",
    managers.CallbackManager: "on_llm_start on_chat_model_start on_chain_start on_tool_start on_retriever_start",
    managers.AsyncCallbackManager: "on_llm_start on_chat_model_start on_chain_start on_tool_start on_retriever_start",
    managers.CallbackManagerForLLMRun: "on_llm_end on_llm_error",
    managers.AsyncCallbackManagerForLLMRun: "on_llm_end on_llm_error",
    managers.CallbackManagerForToolRun: "on_tool_end on_tool_error",
    managers.AsyncCallbackManagerForToolRun: "on_tool_end on_tool_error",
}
METHODS = [(owner, name) for owner, names in OWNERS.items() for name in names.split()]
each_method = pytest.mark.parametrize(
    ("owner", "name"), METHODS, ids=[f"{owner.__name__}.{name}" for owner, name in METHODS]
)


def _pickled(thing: Any) -> Any:
    return pickle.loads(pickle.dumps(thing))


DUPLICATES = [copy.copy, copy.deepcopy, _pickled]


def _facts(function: Any) -> dict[str, Any]:
    """Tell what a program can ask about a function."""
    return {
        "signature": inspect.signature(function),
        "annotations": function.__annotations__,
        "doc": function.__doc__,
        "name": (function.__module__, function.__qualname__, function.__name__),
        "is a function": inspect.isfunction(function),
        "is a method": inspect.ismethod(function),
        "is a routine": inspect.isroutine(function),
        "is a generator function": inspect.isgeneratorfunction(function),
        "is a coroutine function": inspect.iscoroutinefunction(function),
        "is an async generator function": inspect.isasyncgenfunction(function),
        "is callable": callable(function),
    }


@each_method
def test_wrapped_method_answers_as_before(owner: type, name: str) -> None:
    """Of a wrapped method one learns what one learns of the original, on its class and on an object."""

    def told() -> list[dict[str, Any]]:
        method = vars(owner)[name]
        return [_facts(method), _facts(getattr(owner, name)), _facts(method.__get__(object(), owner))]

    plain, original = told(), vars(owner)[name]
    with record():
        assert vars(owner)[name] is not original
        assert told() == plain
    assert vars(owner)[name] is original


@each_method
@pytest.mark.parametrize("duplicate", DUPLICATES)
def test_wrapped_method_can_be_copied(owner: type, name: str, duplicate: Callable[[Any], Any], recording: Any) -> None:
    """A wrapped method is copied and pickled as a function is: it stays the same one."""
    assert duplicate(getattr(owner, name)) is getattr(owner, name)


def test_wrapped_method_is_the_same_each_time(recording: Any) -> None:
    """Bound methods of one object are equal, and are methods; on the class it is one object."""
    model = ChatNative()
    assert BaseChatModel.stream is BaseChatModel.stream
    assert ChatNative.stream == BaseChatModel.stream
    assert model.stream == model.stream
    assert inspect.ismethod(model.stream)
    assert model.stream.__self__ is model


@pytest.mark.parametrize("duplicate", DUPLICATES)
def test_bound_method_can_be_copied(duplicate: Callable[[Any], Any], tree: Callable[..., str]) -> None:
    """A copied or pickled bound method works, and its calls have spans."""
    embed = duplicate(DeterministicFakeEmbedding(size=2).embed_query)
    assert len(embed("hello")) == 2
    assert tree() == "embeddings\n"


def test_module_function_answers_as_before() -> None:
    """The function that prepares a body's context stays a function of its module, also for pickle."""
    plain = _facts(configs._set_config_context)
    with record():
        assert _facts(configs._set_config_context) == plain
        assert pickle.loads(pickle.dumps(configs._set_config_context)) is configs._set_config_context


class _Keeper(BaseCallbackHandler):
    """Keeps the handlers' arguments of nobody: it only makes managers that have a handler."""


@pytest.mark.parametrize("duplicate", DUPLICATES)
def test_run_manager_and_config_can_be_copied(duplicate: Callable[[Any], Any], tree: Callable[..., str]) -> None:
    """Inside a body its config and run manager are copied and pickled; a copy does not end the run, nor own it."""
    handler = _Keeper()

    def body(text: str, config: RunnableConfig) -> str:
        kept = duplicate(dict(config))
        assert kept["callbacks"].parent_run_id == config["callbacks"].parent_run_id
        return text

    RunnableLambda(body, name="f").invoke("hello", {"callbacks": [handler]})
    assert tree() == "invoke_workflow f\n"


@pytest.mark.parametrize("duplicate", DUPLICATES)
def test_copy_of_a_run_manager_does_not_own_the_run(
    duplicate: Callable[[Any], Any], http: Callable[..., None], tree: Callable[..., str]
) -> None:
    """A copy of a run manager that dies leaves the run open for the original, which ends it with its result."""
    (run_manager,) = managers.CallbackManager([]).on_chat_model_start({"name": "m"}, [[]])
    twin = duplicate(run_manager)
    assert twin.run_id == run_manager.run_id
    del twin
    assert tree() == ""
    run_manager.on_llm_end(LLMResult(generations=[]))
    assert tree() == "chat\n"


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy])
def test_model_can_be_copied(duplicate: Callable[[Any], Any], tree: Callable[..., str]) -> None:
    """A copied model works as the model does."""
    assert duplicate(ChatNative()).invoke("hello").content
    assert tree() == "chat m\n"
