"""Chains of the user's own, and memory, which may call models before the chain's own run has started."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.runnables import RunnableLambda

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

Fn = Callable[..., Any]


@pytest.fixture
def custom(classic: Fn, http: Fn) -> Fn:
    """Make a chain whose body makes a call to the world and then does something more."""

    def make(then: Fn, **fields: Any) -> Any:
        class Custom(classic("chains.base").Chain):  # type: ignore[misc]
            """A chain of the user's own."""

            @property
            def input_keys(self) -> list[str]:
                return ["question"]

            @property
            def output_keys(self) -> list[str]:
                return ["answer"]

            def _call(self, inputs: Any, run_manager: Any = None) -> dict[str, Any]:
                http()
                return {"answer": then(inputs, run_manager)}

            async def _acall(self, inputs: Any, run_manager: Any = None) -> dict[str, Any]:
                http()
                return {"answer": then(inputs, run_manager and run_manager.get_sync())}

        return Custom(**fields)

    return make


@pytest.mark.parametrize("passed_on", [True, False], ids=["with-callbacks", "without"])
def test_a_body(*, passed_on: bool, call: Fn, custom: Fn, speaker: Fn, tree: Fn) -> None:
    """What the body does and calls is the chain's, with the run manager passed on or not."""
    model = speaker("polly")

    def then(inputs: Any, run_manager: Any) -> str:
        config = {"callbacks": run_manager.get_child()} if passed_on else None
        return model.invoke(inputs["question"], config).content

    assert call(custom(then), {"question": "who?"})["answer"] == "polly"
    assert tree() == "invoke_workflow Custom\n  http\n  chat speaker\n    http\n"


def test_raises(call: Fn, custom: Fn, tree: Fn) -> None:
    """A body that raises fails the chain, and the caller gets the very object."""
    boom = ValueError("boom")

    def then(inputs: Any, run_manager: Any) -> str:
        raise boom

    with pytest.raises(ValueError, match="boom") as raised:
        call(custom(then), {"question": "who?"})
    assert raised.value is boom
    assert tree() == "invoke_workflow Custom !ValueError\n  http\n"


def test_a_chain_in_a_chain(call: Fn, custom: Fn, llm_chain: Any, tree: Fn) -> None:
    """A chain that another one's body calls is its child."""

    def then(inputs: Any, run_manager: Any) -> str:
        return llm_chain.invoke(inputs)["text"]

    assert call(custom(then), {"question": "who?"})["answer"] == "pretty polly"
    assert (
        tree()
        == """\
invoke_workflow Custom
  http
  chain LLMChain
    chat speaker
      http
"""
    )


@pytest.fixture
def remembering(classic: Fn) -> Fn:
    """Make a memory that runs something when it is read, and when it is written."""

    def make(when_read: Fn, when_written: Fn) -> Any:
        class Memory(classic("chains.base").BaseMemory):  # type: ignore[misc]
            """A memory of the user's own."""

            @property
            def memory_variables(self) -> list[str]:
                return ["past"]

            def load_memory_variables(self, inputs: Any) -> dict[str, Any]:
                return {"past": when_read()}

            def save_context(self, inputs: Any, outputs: Any) -> None:
                when_written()

            def clear(self) -> None:
                pass

        return Memory()

    return make


def test_memory_that_calls_a_model(call: Fn, custom: Fn, remembering: Fn, speaker: Fn, http: Fn, tree: Fn) -> None:
    """A model that the memory calls before the chain has started is not taken for it, nor for its child."""
    model = speaker("the past")
    memory = remembering(lambda: model.invoke("what was?").content, lambda: http("save"))

    answer = call(custom(lambda inputs, _: inputs["past"], memory=memory), {"question": "who?"})
    assert answer["answer"] == "the past"
    assert (
        tree()
        == """\
chat speaker
  http
invoke_workflow Custom
  http
  save
"""
    )


def test_memory_that_runs_a_chain(call: Fn, custom: Fn, remembering: Fn, http: Fn, tree: Fn) -> None:
    """A chain that the memory runs before the chain has started is not taken for it."""

    def summarise(text: str) -> str:
        http("summarise")
        return text

    summary = RunnableLambda(summarise)
    memory = remembering(lambda: summary.invoke("the past"), lambda: summary.invoke("now"))

    call(custom(lambda inputs, _: inputs["past"], memory=memory), {"question": "who?"})
    assert (
        tree()
        == """\
invoke_workflow summarise
  summarise
invoke_workflow Custom
  http
  chain summarise
    summarise
"""
    )


def test_memory_that_runs_a_classic_chain(call: Fn, custom: Fn, remembering: Fn, llm_chain: Any, tree: Fn) -> None:
    """A chain of the same old kind that the memory runs is told apart, too."""
    memory = remembering(lambda: llm_chain.invoke({"question": "what was?"})["text"], lambda: None)

    call(custom(lambda inputs, _: inputs["past"], memory=memory), {"question": "who?"})
    assert (
        tree()
        == """\
invoke_workflow
  chat speaker
    http
invoke_workflow Custom
  http
"""
    )


def test_sequential_chains(call: Fn, classic: Fn, custom: Fn, llm_chain: Any, tree: Fn) -> None:
    """Chains one after the other are children of the chain that runs them."""
    chains = classic("chains")
    first = custom(lambda inputs, _: "who?")
    second = chains.LLMChain(llm=llm_chain.llm, prompt=llm_chain.prompt.from_template("{answer}"))
    both = chains.SequentialChain(chains=[first, second], input_variables=["question"])

    assert call(both, {"question": "?"})["text"] == "pretty polly"
    assert (
        tree()
        == """\
invoke_workflow
  chain Custom
    http
  chain LLMChain
    chat speaker
      http
"""
    )


def test_simple_sequential_chains(call: Fn, classic: Fn, llm_chain: Any, tree: Fn) -> None:
    """The simpler kind, of one input and one output each, does the same."""
    both = classic("chains").SimpleSequentialChain(chains=[llm_chain, llm_chain])

    assert call(both, {"input": "who?"})["output"] == "pretty polly"
    one = "  chain LLMChain\n    chat speaker\n      http\n"
    assert tree() == f"invoke_workflow\n{one}{one}"
