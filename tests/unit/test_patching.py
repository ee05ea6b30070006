"""Patches: put on when the module is there, taken off without a trace, and invisible to copies and pickles."""

from __future__ import annotations

import copy
import functools
import importlib
import inspect
import pickle
import pydoc
import sys
import threading
import traceback
from importlib import import_module
from types import ModuleType

import pytest
import wrapt
from langchain_core.language_models import FakeListChatModel

from callspan.core import patching
from callspan.core.patching import Patch, install, wrap
from callspan.core.wrappers import call_after, call_before, wrap_body
from callspan.langchain.patches import PATCHES


class Library:
    """What is patched."""

    def method(self, value):
        return value


def count(calls):
    """Weave a wrapper that notes each call."""
    return call_before(lambda args, kwargs: calls.append(args[1:]))


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A module that is not imported yet; gives its name."""
    (tmp_path / "late_library.py").write_text("class Late:\n    def method(self):\n        return 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield "late_library"
    sys.modules.pop("late_library", None)


def test_a_patch_waits_for_its_module(module):
    """Nothing is imported before the user does; then the patch is there."""
    calls = []
    undo = install([Patch(module, "Late.method", call_before(lambda args, kwargs: calls.append(1)))])
    assert module not in sys.modules
    late = importlib.import_module(module)
    assert late.Late().method() == 1
    assert calls == [1]
    undo()
    assert type(vars(late.Late)["method"]).__name__ == "function"


def test_a_patch_that_was_taken_back_does_not_come_with_the_import(module):
    """Undoing before the import prevents the patch."""
    install([Patch(module, "Late.method", count([]))])()
    assert type(vars(importlib.import_module(module).Late)["method"]).__name__ == "function"


def test_what_a_version_lacks_is_passed_over(module):
    """A missing class or method is no fault, and the import does not fail."""
    undo = install([Patch(module, "Late.gone", count([])), Patch(module, "Gone.method", count([]))])
    assert importlib.import_module(module).Late().method() == 1
    undo()


def test_what_has_become_of_a_patch_can_be_told(module):
    """Not there yet, nothing to wrap, wrapped, also below somebody else's wrapper; and replaced by somebody."""
    method, missing = (Patch(module, path, count([])) for path in ("Late.method", "Late.missing"))
    undo = install([method, missing])
    assert patching.patch_state(method) == patching.WAITING
    late = importlib.import_module(module).Late
    assert (patching.patch_state(method), patching.patch_state(missing)) == (patching.PATCHED, patching.ABSENT)
    theirs = wrapt.wrap_function_wrapper(late, "method", lambda wrapped, instance, args, kwargs: wrapped(*args))
    assert patching.patch_state(method) == patching.PATCHED
    wrapt.unwrap_object(late, "method", theirs)
    ours, late.method = vars(late)["method"], lambda self: 2
    assert patching.patch_state(method) == patching.UNPATCHED
    late.method = ours
    undo()
    assert patching.patch_state(method) == patching.UNPATCHED


def test_the_original_is_restored_exactly():
    """After the undo the class holds the very function it held."""
    original = vars(Library)["method"]
    wrap(Library, "method", count([]))()
    assert vars(Library)["method"] is original


def test_a_wrapper_on_top_of_ours_stays_when_ours_goes():
    """Another wrapt-based instrumentation keeps working, and takes its own away as it wants."""
    original, calls, others = vars(Library)["method"], [], []

    def other(wrapped, instance, args, kwargs):
        others.append(args)
        return wrapped(*args, **kwargs)

    undo = wrap(Library, "method", count(calls))
    handle = wrapt.wrap_function_wrapper(Library, "method", other)
    assert Library().method(1) == 1
    undo()
    assert Library().method(2) == 2
    assert (calls, others) == ([(1,)], [(1,), (2,)])
    wrapt.unwrap_object(Library, "method", handle)
    assert vars(Library)["method"] is original


class Shapes:
    """A method of each shape."""

    def function(self, value):
        return [value]

    async def coroutine(self, value):
        return [value]

    def generator(self, value):
        yield value

    async def async_generator(self, value):
        yield value


async def had(given):
    """Give what a call gives, as a list."""
    if hasattr(given, "__aiter__"):
        return [one async for one in given]
    return list(await given if hasattr(given, "__await__") else given)


@pytest.mark.parametrize("name", ["function", "coroutine", "generator", "async_generator"])
@pytest.mark.parametrize("factory", [call_before, call_after, wrap_body])
async def test_a_wrapper_below_ours_finds_its_instance_in_every_shape(name, factory, recording):
    """Another instrumentation was first; called on the instance and on the class it hears what it always heard."""
    if factory is call_after and "generator" in name:
        pytest.skip("only functions and coroutine functions have a result")
    heard, ours, original = [], [], vars(Shapes)[name]

    def other(wrapped, instance, args, kwargs):
        heard.append((instance, args))
        return wrapped(*args, **kwargs)

    handle = wrapt.wrap_function_wrapper(Shapes, name, other)
    undo = wrap(Shapes, name, factory(lambda args, kwargs, *result: ours.append(args)))
    shapes = Shapes()
    assert await had(getattr(shapes, name)(1)) == [1]
    assert await had(getattr(Shapes, name)(shapes, 2)) == [2]
    assert heard == [(shapes, (1,)), (shapes, (2,))]
    assert ours == [(shapes, 1), (shapes, 2)]
    wrapt.unwrap_object(Shapes, name, handle)
    assert await had(getattr(shapes, name)(3)) == [3]
    assert (len(heard), len(ours)) == (2, 3)
    undo()
    assert vars(Shapes)[name] is original


def test_below_a_foreign_closure_ours_goes_inert():
    """A plain decorator on top cannot be opened; ours then does nothing any longer."""
    original, calls = vars(Library)["method"], []
    undo = wrap(Library, "method", count(calls))
    ours = vars(Library)["method"]

    @functools.wraps(ours)
    def closure(self, value):
        return ours(self, value)

    Library.method = closure
    undo()
    assert Library().method(1) == 1
    assert calls == []
    Library.method = original


def test_a_bound_method_that_was_kept_goes_inert_too():
    """A reference taken before the undo calls the original after it."""
    calls = []
    undo = wrap(Library, "method", count(calls))
    kept = Library().method
    undo()
    assert kept(1) == 1
    assert calls == []


def test_patched_functions_and_methods_copy_and_pickle_as_plain_ones():
    """wrapt's wrappers refuse all of it; the same method comes back, and a copy of a bound one has a copied self."""
    undo = wrap(Library, "method", count([]))
    try:
        bound = Library().method
        assert copy.copy(Library.method) is Library.method
        assert copy.deepcopy(Library.method) is Library.method
        assert pickle.loads(pickle.dumps(Library.method)) is Library.method
        assert pickle.loads(pickle.dumps(bound))(3) == 3
        assert copy.deepcopy(bound)(3) == 3
        assert copy.deepcopy(bound).__self__ is not bound.__self__
        assert Library.method is Library.method
    finally:
        undo()


@pytest.mark.may_log
@pytest.mark.parametrize("factory", [call_before, call_after])
def test_a_failure_of_ours_is_logged_once_and_the_call_goes_on(factory, recording, monkeypatch, caplog):
    """Neither result nor exception of the user's call depends on our code."""
    strict_off(monkeypatch)

    def broken(*args):
        raise RuntimeError("our fault")

    undo = wrap(Library, "method", factory(broken))
    assert [Library().method(n) for n in range(3)] == [0, 1, 2]
    undo()
    said = [record.getMessage() for record in caplog.records]
    assert said == ["callspan failed in Library.method; the call goes on without it"]


def strict_off(monkeypatch):
    """Behave as in production: our failures are logged."""
    from dataclasses import replace

    from callspan.core import state

    inforce = state.active()
    monkeypatch.setattr(state, "_current", replace(inforce, settings=replace(inforce.settings, strict=False)))


def test_a_name_imported_from_a_patched_module_is_restored_where_it_was_imported(module, tmp_path):
    """`from x import f` after the patch takes the wrapper along; the undo finds it there."""
    (tmp_path / "importer.py").write_text("from late_function import f\n")
    (tmp_path / "late_function.py").write_text("def f():\n    return 1\n")
    undo = install([Patch(name, "f", count([])) for name in ("late_function", "importer")])
    importer = importlib.import_module("importer")
    assert patching.is_patched(importer.f)
    undo()
    assert not patching.is_patched(importer.f)
    assert importer.f is sys.modules.pop("late_function").f
    sys.modules.pop("importer")


def test_putting_on_and_taking_off_before_the_import_leaves_nothing(module):
    """However often it is repeated, the import finds only what is wanted then."""
    for _ in range(50):
        install([Patch(module, "Late.method", count([]))])()
    calls = []
    undo = install([Patch(module, "Late.method", count(calls))])
    assert len(wrapt.importer._post_import_hooks[module]) == 1
    importlib.import_module(module).Late().method()
    assert len(calls) == 1
    undo()


def test_a_module_that_another_thread_is_importing_is_waited_for(tmp_path, monkeypatch):
    """Patches come when its import is done, however the threads run."""
    (tmp_path / "slow_library.py").write_text(
        "import callspan_test_gate as gate\ngate.begun.set()\ngate.go_on.wait(30)\ndef f():\n    return 1\n"
    )
    gate = ModuleType("callspan_test_gate")
    gate.begun, gate.go_on = threading.Event(), threading.Event()
    monkeypatch.setitem(sys.modules, "callspan_test_gate", gate)
    monkeypatch.syspath_prepend(tmp_path)
    importer = threading.Thread(target=importlib.import_module, args=("slow_library",))
    importer.start()
    assert gate.begun.wait(30)
    calls, undos = [], []
    patcher = threading.Thread(target=lambda: undos.append(install([Patch("slow_library", "f", count(calls))])))
    patcher.start()
    gate.go_on.set()
    importer.join()
    patcher.join()
    sys.modules["slow_library"].f()
    assert len(calls) == 1
    undos[0]()
    sys.modules.pop("slow_library")


def others():
    """Find the functions of LangChain that are patched now."""
    for patch in PATCHES:
        module = sys.modules.get(patch.module)
        owner, name = (None, "") if module is None else patching._place(module, patch)
        if owner is not None and inspect.isfunction(vars(owner).get(name)):
            yield patch.path, getattr(owner, name)


def test_whoever_inspects_a_patched_function_finds_langchains_file_and_text(recording):
    """Plain functions and wrapper objects alike."""
    import_module("langgraph.pregel.main")
    seen = 0
    for path, function in others():
        original = inspect.unwrap(function)
        for look in (inspect.getfile, inspect.getsourcefile, inspect.getsource, inspect.getmodule, inspect.signature):
            assert look(function) == look(original), (path, look)
        assert function.__code__.co_filename == original.__code__.co_filename, path
        for is_kind in (inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction):
            assert is_kind(function) == is_kind(original), (path, is_kind)
        assert function.__name__ in pydoc.render_doc(function)
        seen += 1
    assert seen > 40


def test_a_traceback_has_the_first_line_of_the_original_for_us(recording):
    """It reads as if nobody stood in between, and the line that it shows is one of LangChain's."""

    class Failing(FakeListChatModel):
        def _call(self, *args, **kwargs):
            raise ValueError("mine")

    with pytest.raises(ValueError, match="mine") as caught:
        Failing(responses=["x"]).invoke("x")
    frames = [frame for frame in traceback.extract_tb(caught.value.__traceback__) if frame.name == "generate"]
    assert [frame.line for frame in frames] == ["def generate(", "self._generate_with_cache("]
    assert len({frame.filename for frame in frames}) == 1


@pytest.mark.parametrize("size", [2, 14, 16, 18, 160])
def test_all_code_of_a_wrapper_is_in_one_line(size):
    """Whatever its size."""
    code = compile("x = 1\ny = 2\n", "here", "exec").replace(co_firstlineno=7, co_linetable=patching._one_line(size))
    code = code.replace(co_code=bytes((9, 0)) * (size // 2))
    assert [line for _, _, line in code.co_lines()] == [7] * len(list(code.co_lines()))
    assert {position[0] for position in code.co_positions()} == {7}
