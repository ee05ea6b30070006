"""The four shapes of a call, each with a frame around it."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import threading
from collections.abc import Coroutine

import pytest
from opentelemetry.context import Context, attach, detach, get_current

from callspan.core.frames import Frame
from callspan.core.patching import wrap
from callspan.core.wrappers import wrap_body

MINE = Context({"mine": True})


class Body(Frame):
    """A frame whose body runs in `MINE`, and that notes how the body ended."""

    __slots__ = ("ends",)

    def __init__(self, ends: list[object]) -> None:
        super().__init__()
        self.ends = ends

    def on_enter(self) -> Context | None:
        return MINE

    def on_exit(self, error: BaseException | None) -> None:
        self.ends.append(error)


class Library:
    """What is patched: one method of each shape; each says in which context it runs."""

    def function(self, fail=False):
        if fail:
            raise KeyError("f")
        return get_current()

    async def coroutine(self, fail=False):
        first = get_current()
        await asyncio.sleep(0)
        if fail:
            raise KeyError("c")
        return first, get_current()

    def generator(self, fail=False):
        got = yield get_current()
        if fail:
            raise KeyError("g")
        try:
            yield got, get_current()
        except LookupError as thrown:
            yield thrown
        return "done"

    async def async_generator(self, fail=False):
        got = yield get_current()
        await asyncio.sleep(0)
        if fail:
            raise KeyError("a")
        try:
            yield got, get_current()
        except LookupError as thrown:
            yield thrown


@pytest.fixture
def ends():
    """How the bodies ended, as their frames were told."""
    ends: list[object] = []
    undos = [
        wrap(Library, name, wrap_body(lambda args, kwargs: Body(ends)))
        for name in ("function", "coroutine", "generator", "async_generator")
    ]
    yield ends
    for undo in undos:
        undo()


def test_a_function_runs_in_the_frame_and_leaves_nothing(ends):
    """The result is the body's own, and the caller's context is the very object it was."""
    before = get_current()
    assert Library().function() is MINE
    assert get_current() is before
    assert ends == [None]


def test_a_functions_exception_is_the_very_object(ends):
    """The frame sees the exception; the caller gets it untouched."""
    with pytest.raises(KeyError) as caught:
        Library().function(fail=True)
    assert ends == [caught.value]


async def test_a_coroutine_is_in_the_frame_at_each_step_and_out_of_it_between(ends):
    """While it is suspended, nobody can find its context in place."""
    call = Library().coroutine()
    assert inspect.iscoroutine(call)
    between = []
    asyncio.get_running_loop().call_soon(lambda: between.append(get_current()))
    before = get_current()
    assert await call == (MINE, MINE)
    assert get_current() is before
    assert MINE not in between
    assert ends == [None]


def test_a_coroutine_may_be_driven_in_another_context_at_each_step(ends):
    """No token crosses a suspension: whoever resumes it finds his own context afterwards."""
    call = Library().coroutine()
    here, there = contextvars.copy_context(), contextvars.copy_context()
    here.run(call.send, None)
    with pytest.raises(StopIteration) as stop:
        there.run(call.send, None)
    assert stop.value.value == (MINE, MINE)
    assert MINE not in (here.run(get_current), there.run(get_current))


async def test_a_coroutines_exception_and_cancellation_are_seen(ends):
    """Both leave the coroutine as they would without us."""
    with pytest.raises(KeyError) as caught:
        await Library().coroutine(fail=True)
    task = asyncio.create_task(Library().coroutine())
    asyncio.get_running_loop().call_soon(task.cancel)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ends[0] is caught.value
    assert isinstance(ends[1], asyncio.CancelledError)


def test_a_coroutine_that_was_never_awaited_is_reported_by_python_as_ever(ends):
    """Python's own warning names the user's function."""
    with pytest.warns(RuntimeWarning, match=r"coroutine 'Library.coroutine' was never awaited"):
        del [Library().coroutine()][0]
    assert ends == []


def test_a_generator_is_in_the_frame_at_each_step_and_out_of_it_between(ends):
    """It is a real generator: values go in, exceptions are thrown in, the return value comes out."""
    before = get_current()
    steps = Library().generator()
    assert inspect.isgenerator(steps)
    assert steps.__name__ == "generator"
    assert next(steps) is MINE
    assert get_current() is before
    assert steps.send("in") == ("in", MINE)
    thrown = LookupError()
    assert steps.throw(thrown) is thrown
    with pytest.raises(StopIteration, match="done"):
        next(steps)
    assert get_current() is before
    assert ends == [None]


def test_a_context_that_the_body_leaves_open_is_its_own(ends):
    """What a generator attaches in one step is there in its next, and never in its consumer."""
    inner = Context({"inner": True})

    def generator(self):
        token = attach(inner)
        yield
        yield get_current()
        detach(token)
        yield get_current()

    other = type("Other", (), {"generator": generator})
    undo = wrap(other, "generator", wrap_body(lambda args, kwargs: Body(ends)))
    steps = other().generator()
    before = get_current()
    next(steps)
    assert get_current() is before
    assert next(steps) is inner
    assert next(steps) is MINE
    undo()


@pytest.mark.parametrize("how", ["close", "drop"])
def test_a_generator_left_early_is_closed_within_its_frame(ends, how):
    """Closing it, or letting go of it, ends the body once."""
    steps = Library().generator()
    next(steps)
    if how == "close":
        steps.close()
    del steps
    assert [type(end) for end in ends] == [GeneratorExit]


def test_a_generator_may_be_resumed_by_other_threads(ends):
    """The frame's context goes with the generator, not with the thread."""
    steps = Library().generator()
    seen = []
    for value in (None, "in"):
        thread = threading.Thread(target=lambda value=value: seen.append(steps.send(value)))
        thread.start()
        thread.join()
    assert seen == [MINE, ("in", MINE)]
    steps.close()


def test_a_generator_that_is_never_begun_begins_nothing(ends):
    """No step, no body, no end."""
    Library().generator().close()
    assert ends in ([], [None])


async def test_an_async_generator_is_in_the_frame_at_each_step_and_out_of_it_between(ends):
    """It passes for an async generator: `asend`, `athrow`, `aclose` and its end are as without us."""
    before = get_current()
    steps = Library().async_generator()
    assert inspect.isasyncgen(steps)
    assert await anext(steps) is MINE
    assert get_current() is before
    assert await steps.asend("in") == ("in", MINE)
    thrown = LookupError()
    assert await steps.athrow(thrown) is thrown
    with pytest.raises(StopAsyncIteration):
        await anext(steps)
    assert get_current() is before
    assert ends == [None]


async def test_each_step_of_an_async_generator_may_be_a_task_of_its_own(ends):
    """A task runs on a copied context; the frame's own goes from step to step."""
    steps = Library().async_generator()
    assert await asyncio.create_task(anext(steps)) is MINE
    later = steps.asend("in")
    assert isinstance(later, Coroutine)  # `create_task` takes nothing else since Python 3.12
    later.close()
    assert await asyncio.create_task(steps.asend("in")) == ("in", MINE)
    await asyncio.create_task(steps.aclose())
    assert [type(end) for end in ends] == [GeneratorExit]


async def test_an_async_generators_exception_is_the_very_object(ends):
    """The frame sees the exception; the consumer gets it untouched."""
    steps = Library().async_generator(fail=True)
    await anext(steps)
    with pytest.raises(KeyError) as caught:
        await anext(steps)
    assert ends == [caught.value]


async def test_a_dropped_async_generator_is_closed_in_its_frame(ends):
    """The event loop closes it in a task of its own, which runs in the context the body had."""
    seen = []

    async def async_generator(self):
        try:
            yield
        finally:
            seen.append(get_current())

    other = type("Other", (), {"async_generator": async_generator})
    undo = wrap(other, "async_generator", wrap_body(lambda args, kwargs: Body(ends)))
    steps = other().async_generator()
    before = get_current()
    await anext(steps)
    del steps
    assert get_current() is before
    while not seen:
        await asyncio.sleep(0)
    assert seen == [MINE]
    undo()


async def test_two_steps_at_once_are_refused_and_end_nothing(ends):
    """Python refuses the second step; the generator goes on, and so does its frame."""
    steps = Library().async_generator()
    assert await anext(steps) is MINE
    one, other = await asyncio.gather(steps.asend(1), steps.asend(2), return_exceptions=True)
    assert one == (1, MINE)
    assert isinstance(other, RuntimeError)
    assert ends == []
    await steps.aclose()
    assert [type(end) for end in ends] == [GeneratorExit]


def test_kinds_signatures_and_names_are_the_originals(ends):
    """Whoever inspects a patched method sees the method."""
    assert inspect.iscoroutinefunction(Library.coroutine)
    assert inspect.iscoroutinefunction(Library().coroutine)
    assert inspect.isgeneratorfunction(Library.generator)
    assert inspect.isgeneratorfunction(Library().generator)
    assert inspect.isasyncgenfunction(Library.async_generator)
    assert inspect.isasyncgenfunction(Library().async_generator)
    assert str(inspect.signature(Library.function)) == "(self, fail=False)"
    assert str(inspect.signature(Library().function)) == "(fail=False)"
    assert inspect.ismethod(Library().function)


def test_where_nothing_is_put_in_place_what_a_body_attaches_stays():
    """A frame without a context of its own leaves the caller's alone, also when the call fails."""
    tokens = []

    class Owner:
        def call(self, fail):
            body(fail)

    def body(fail):
        tokens.append(attach(Context({"mine": fail})))
        if fail:
            raise KeyError(fail)

    undo = wrap(Owner, "call", wrap_body(lambda args, kwargs: Frame()))
    try:
        Owner().call(False)
        assert get_current() == {"mine": False}
        with pytest.raises(KeyError):
            Owner().call(True)
        assert get_current() == {"mine": True}
    finally:
        undo()
        for token in reversed(tokens):
            detach(token)
