"""When a model's first chunk came, and that it streamed at all."""

from __future__ import annotations

import copy
import inspect
import pickle
from typing import Any

import pytest
from langchain_core.callbacks import AsyncCallbackManager, CallbackManager
from langchain_core.outputs import LLMResult
from tests.modes.models.calls import call
from tests.modes.models.chat_models import ChatInvoking, ChatNative, ChatStreaming

STREAM, FIRST = "gen_ai.request.stream", "gen_ai.response.time_to_first_chunk"
CHUNKS = ("on_llm_new_token", "on_stream_event")


@pytest.mark.parametrize("model", [ChatNative, ChatStreaming])
@pytest.mark.parametrize("form", ["stream", "astream", "astream_events v2"])
def test_a_streamed_answer_says_when_it_began(form: str, model: Any, recording: Any) -> None:
    """Within the span's time, also where each chunk is made in a thread."""
    call(form, model(), "hello")
    span = recording.named("chat m")
    assert span.attributes[STREAM] is True
    assert 0 <= span.attributes[FIRST] <= (span.end_time - span.start_time) / 1e9


@pytest.mark.parametrize("form", ["invoke", "ainvoke", "batch", "stream", "astream"])
def test_an_answer_in_one_piece_says_nothing_of_chunks(form: str, recording: Any) -> None:
    """A model that cannot stream does not, whatever it is asked for."""
    call(form, ChatInvoking(), ["hello"] if form == "batch" else "hello")
    assert not {STREAM, FIRST} & set(recording.named("chat m").attributes)


async def test_a_sync_model_under_an_async_run_is_heard(recording: Any) -> None:
    """Its run manager is a sync copy of the async one."""
    (manager,) = await AsyncCallbackManager([]).on_chat_model_start({"name": "m"}, [[]])
    manager.get_sync().on_llm_new_token("one")
    await manager.on_llm_end(LLMResult(generations=[]))
    assert recording.named("chat").attributes[FIRST] >= 0


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))])
def test_a_copied_run_manager_tells_tokens_as_ever(duplicate: Any, recording: Any) -> None:
    """A copy is a run manager like any other; nothing of ours stays on the original after its first token."""
    (manager,) = CallbackManager([]).on_chat_model_start({"name": "m"}, [[]])
    twin = duplicate(manager)
    for method in CHUNKS:
        if hasattr(twin, method):
            getattr(twin, method)({"event": "message-start"} if method == "on_stream_event" else "one")
    manager.on_llm_new_token("one")
    assert not set(CHUNKS) & set(vars(manager))
    manager.on_llm_end(LLMResult(generations=[]))
    assert recording.named("chat").attributes[STREAM] is True


def test_nothing_is_put_in_place_where_nothing_is_recorded() -> None:
    """Sampled out, a run manager is LangChain's own."""
    from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

    from callspan.testing import record

    with record(sampler=ALWAYS_OFF):
        (manager,) = CallbackManager([]).on_chat_model_start({"name": "m"}, [[]])
        assert not set(CHUNKS) & set(vars(manager))
        manager.on_llm_end(LLMResult(generations=[]))


def test_a_wrapper_of_the_program_stays(recording: Any) -> None:
    """What a program puts around the method hears every token, and is its own to take away."""
    (manager,) = CallbackManager([]).on_chat_model_start({"name": "m"}, [[]])
    told, own = [], manager.on_llm_new_token
    manager.on_llm_new_token = lambda token, **more: told.append(token) or own(token, **more)
    for token in "abc":
        manager.on_llm_new_token(token)
    assert told == ["a", "b", "c"]
    assert "on_llm_new_token" in vars(manager)
    manager.on_llm_end(LLMResult(generations=[]))


async def test_the_method_answers_as_before(recording: Any) -> None:
    """Whoever asks whether it is to be awaited, and whose it is, gets LangChain's answer."""
    (sync,) = CallbackManager([]).on_chat_model_start({"name": "m"}, [[]])
    (other,) = await AsyncCallbackManager([]).on_chat_model_start({"name": "m"}, [[]])
    for manager, awaited in ((sync, False), (other, True)):
        method = manager.on_llm_new_token
        assert inspect.iscoroutinefunction(method) is awaited
        assert (method.__name__, method.__self__) == ("on_llm_new_token", manager)
    sync.on_llm_end(LLMResult(generations=[]))
    await other.on_llm_end(LLMResult(generations=[]))
