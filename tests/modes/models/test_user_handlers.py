"""A user's own callback handlers hear what they hear without us, in the same order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler
from tests.modes.models.calls import Standstill, acall, call, cancel, failing, settle
from tests.modes.models.chat_models import ChatInvoking, ChatNative, ChatStreaming
from tests.modes.models.completion_models import CompletingNative
from tests.modes.models.everyday_chain import GIVEN, everyday_chain

from callspan.testing import record

_RUNS = ("llm", "chain", "tool", "retriever")
HEARD = [
    *(f"on_{kind}_{event}" for kind in _RUNS for event in ("start", "end", "error")),
    "on_chat_model_start",
    "on_llm_new_token",
    "on_text",
    "on_retry",
    "on_custom_event",
]


class _Ear:
    """Notes each event: its name, what was said apart from ids, and how its runs hang together."""

    def __init__(self) -> None:
        self.events: list[Any] = []
        self._ids: dict[UUID, int] = {}

    def note(self, name: str, args: Any, kwargs: dict[str, Any]) -> None:
        ids = {key: self._number(kwargs.pop(key, None)) for key in ("run_id", "parent_run_id")}
        said = sorted(key for key, value in kwargs.items() if value is not None)
        self.events.append((name, ids, [type(arg).__name__ for arg in args], said, kwargs.get("tags")))

    def _number(self, run_id: UUID | None) -> int | None:
        return None if run_id is None else self._ids.setdefault(run_id, len(self._ids))


def _hearing(base: type, *, is_async: bool) -> type:
    def method(name: str) -> Any:
        def hear(self: Any, *args: Any, **kwargs: Any) -> None:
            self.note(name, args, kwargs)

        async def ahear(self: Any, *args: Any, **kwargs: Any) -> None:
            self.note(name, args, kwargs)

        return ahear if is_async else hear

    return type(f"Hearing{base.__name__}", (_Ear, base), {name: method(name) for name in HEARD})


Hearing, AsyncHearing = (
    _hearing(BaseCallbackHandler, is_async=False),
    _hearing(AsyncCallbackHandler, is_async=True),
)


class Inline(Hearing):  # type: ignore[misc, valid-type]
    """Is called in place, before the others."""

    run_inline = True


def _fail(text: str) -> None:
    raise LookupError(text)


CALLS: dict[str, Callable[[], tuple[Any, Any]]] = {
    "chat by threads": lambda: (ChatInvoking(), "hello"),
    "streaming chat": lambda: (ChatStreaming(), "hello"),
    "chat": lambda: (ChatNative(), "hello"),
    "failing chat": lambda: (ChatNative(body=_fail), "hello"),
    "chat that fails on the way": lambda: (ChatNative(body=failing(lambda text: None, LookupError(), at=2)), "hello"),
    "completion": lambda: (CompletingNative(), "hello"),
    "failing completion": lambda: (CompletingNative(body=_fail), "hello"),
    "chain": lambda: (everyday_chain(ChatNative()), GIVEN),
    "failing chain": lambda: (everyday_chain(ChatNative(body=_fail)), GIVEN),
    "chain with fallbacks": lambda: (everyday_chain(ChatNative(body=_fail).with_fallbacks([ChatNative()])), GIVEN),
}


@pytest.mark.parametrize("handler", [Hearing, AsyncHearing, Inline])
@pytest.mark.parametrize("form", ["invoke", "ainvoke", "stream", "astream"])
@pytest.mark.parametrize("what", CALLS)
def test_handler_hears_the_same(what: str, form: str, handler: type) -> None:
    """A handler in the config hears the same events, of the same runs, with and without us."""

    def hear() -> tuple[list[Any], Any]:
        runnable, given = CALLS[what]()
        ear = handler()
        try:
            result = call(form, runnable, given, {"callbacks": [ear], "tags": ["mine"]})
        except LookupError as error:
            return ear.events, (type(error), error.args)
        return ear.events, result if isinstance(result, (str, list)) and "chat" not in what else None

    plain = hear()
    with record() as recording:
        assert hear() == plain
        assert len([span for span in recording.spans if span.parent is None]) == 1
    assert plain[0]


@pytest.mark.may_log
@pytest.mark.parametrize("form", ["invoke", "ainvoke", "stream", "astream"])
@pytest.mark.parametrize("handler", [BaseCallbackHandler, AsyncCallbackHandler])
def test_raising_handler_breaks_the_call_as_before(
    form: str, handler: type[BaseCallbackHandler], native: ChatNative, tree: Callable[..., str]
) -> None:
    """A handler that insists on its exceptions stops the call before there is a run to see."""
    error = LookupError("not today")

    class Strict(handler):  # type: ignore[misc, valid-type]
        raise_error = True
        run_inline = True

        def on_chat_model_start(self, *args: Any, **kwargs: Any) -> None:
            raise error

    with pytest.raises(LookupError) as raised:
        call(form, native, "hello", {"callbacks": [Strict()]})
    assert raised.value is error
    assert tree() == ""


@pytest.mark.parametrize("form", ["ainvoke", "astream"])
async def test_cancelled_in_a_slow_handler(form: str, native: ChatNative, tree: Callable[..., str]) -> None:
    """A call that is cancelled while a handler hears of its start never had a body, and is no run."""
    standstill = Standstill()

    class Slow(AsyncCallbackHandler):
        async def on_chat_model_start(self, *args: Any, **kwargs: Any) -> None:
            await standstill()

    await cancel(acall(form, native, "hello", {"callbacks": [Slow()]}), standstill.reached)
    assert tree() == ""


@pytest.mark.parametrize("form", ["ainvoke", "astream"])
async def test_cancelled_in_a_slow_handler_of_the_end(form: str, native: ChatNative, tree: Callable[..., str]) -> None:
    """A call that is cancelled while a handler hears of its end is over: its span is that of a call that went well."""
    standstill = Standstill()
    kept: set[Any] = set()

    class Slow(AsyncCallbackHandler):
        async def on_llm_end(self, *args: Any, **kwargs: Any) -> None:
            kept.update(asyncio.all_tasks())  # LangChain shields the end with a task that nobody else holds
            await standstill()

    await cancel(acall(form, native, "hello", {"callbacks": [Slow()]}), standstill.reached)
    assert tree() == "chat m\n" + "  http\n" * (3 if form == "astream" else 1)
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
    await settle()


class Reporting(BaseCallbackHandler):
    """Works when it hears of the start and of the end of a model's call.

    Args:
        work: Called with what it heard.
    """

    def __init__(self, work: Callable[[str], None]) -> None:
        self.work = work

    def on_chat_model_start(self, *args: Any, **kwargs: Any) -> None:
        self.work("start")

    def on_llm_end(self, *args: Any, **kwargs: Any) -> None:
        self.work("end")


@pytest.mark.parametrize("form", ["invoke", "ainvoke", "stream", "astream"])
def test_handlers_are_no_part_of_the_call(
    form: str, native: ChatNative, http: Callable[..., None], recording: Any
) -> None:
    """What handlers do at the start and at the end of a call belongs to what is around it, in every form."""
    with recording.tracer.start_as_current_span("mine"):
        call(form, native, "hello", {"callbacks": [Reporting(http)]})
    chunks = "    http\n" * (3 if form.endswith("stream") else 1)
    assert recording.tree() == f"mine\n  start\n  chat m\n{chunks}  end\n"
