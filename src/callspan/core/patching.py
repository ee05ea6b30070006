"""Patches as data: what is wrapped, and with what. The only file that imports wrapt."""

from __future__ import annotations

import functools
import importlib
import inspect
import logging
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import wrapt

from callspan.core import state
from callspan.core.frames import PatchGuard
from callspan.core.wrappers import PlainFunction, Wrapper, WrapperFactory

_log = logging.getLogger("callspan")

Undo = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Patch:
    """One callable to wrap, once its module is imported.

    Args:
        module: The module's full name.
        path: `function` or `Class.method`. Absent in some versions of a library: then there is nothing to wrap.
        factory: Makes the wrapper.
    """

    module: str
    path: str
    factory: WrapperFactory


class Patched(wrapt.FunctionWrapper):  # type: ignore[misc, type-arg, unused-ignore]
    """A wrapped function that stays what it was: it binds to a real method, and it can be copied and pickled.

    wrapt's own wrappers refuse `copy`, `deepcopy` and `pickle`, and give a new object at each access on the class.
    """

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None or self._self_binding != "function":
            return self if self._self_binding == "function" else super().__get__(instance, owner)
        return MethodType(self, instance)

    def __copy__(self) -> Patched:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Patched:
        return self

    def __reduce__(self) -> str:
        return str(self.__qualname__)

    def __reduce_ex__(self, protocol: Any) -> str:
        return str(self.__qualname__)


def install(patches: Iterable[Patch]) -> Undo:
    """Wrap what is imported now, and the rest when it is; return what restores every original."""
    return undo_all([when_imported(patch.module, functools.partial(_apply, patch)) for patch in patches])


def undo_all(undos: Sequence[Undo]) -> Undo:
    """Return one undo for many, last done first."""

    def undo() -> None:
        for one in reversed(undos):
            one()

    return undo


def when_imported(module: str, act: Callable[[ModuleType], Undo]) -> Undo:
    """Act on the module now if it is imported, else when it is; return what undoes or prevents that.

    A failure never breaks the import.
    """
    undos: list[Undo] = []
    wanted = True

    def hook(imported: ModuleType) -> None:
        if not wanted:
            return
        try:
            undos.append(act(imported))
        except Exception as error:  # noqa: BLE001 - an import hook: the user's import must not fail
            state.log_own_failure(f"patching {module}", error)

    def undo() -> None:
        nonlocal wanted
        wanted = False
        if hook in _waiting.get(module, ()):
            _waiting[module].remove(hook)
        undo_all(undos)()
        undos.clear()

    present = _imported(module)
    if present is not None:
        hook(present)
    elif module in _waiting:
        _waiting[module].append(hook)
    else:
        _waiting[module] = [hook]
        wrapt.register_post_import_hook(_arrived, module)
    return undo


# What to do when a module is imported. wrapt cannot forget a hook, so each module has one for good.
_waiting: dict[str, list[Callable[[ModuleType], None]]] = {}


def _arrived(module: ModuleType) -> None:
    for hook in _waiting.pop(module.__name__, ()):
        hook(module)


def _imported(name: str) -> ModuleType | None:
    """Return the module if it is imported; if another thread imports it, once that is done."""
    module = sys.modules.get(name)
    if module is None or not _is_half(module):
        return module
    try:
        module = importlib.import_module(name)  # takes the import's lock
    except Exception:  # noqa: BLE001 - the other thread's import failed, not ours
        return None
    if _is_half(module):
        _log.warning("callspan is instrumenting while %s is being imported: what comes later in it is not traced", name)
    return module


def _is_half(module: ModuleType) -> bool:
    return bool(getattr(getattr(module, "__spec__", None), "_initializing", False))


def _place(module: ModuleType, patch: Patch) -> tuple[Any, str]:
    """Return the class or module that has the callable, or None, and the callable's name there."""
    owner_path, _, name = patch.path.rpartition(".")
    return (getattr(module, owner_path, None) if owner_path else module), name


def _apply(patch: Patch, module: ModuleType) -> Undo:
    owner, name = _place(module, patch)
    if owner is None or name not in vars(owner):
        _log.debug("nothing to patch at %s:%s", patch.module, patch.path)
        return undo_all(())
    return try_wrap(owner, name, patch.factory)


PATCHED, WAITING, ABSENT, UNPATCHED = "patched", "waiting", "absent", "unpatched"


def patch_state(patch: Patch) -> str:
    """Return the state of a patch.

    It is `waiting` while its module is not imported, `absent` if this version of the library has no such callable,
    and `unpatched` if it is there without our wrapper.
    """
    module = sys.modules.get(patch.module)
    if module is None:
        return WAITING
    owner, name = _place(module, patch)
    if owner is None or name not in vars(owner):
        return ABSENT
    return UNPATCHED if wrapt.find_wrapper(vars(owner)[name], predicate=is_patched) is None else PATCHED


def wrap(owner: Any, name: str, factory: WrapperFactory) -> Undo:
    """Wrap the attribute that this class or module itself defines; return what restores the original."""
    original = vars(owner)[name]
    if is_patched(original):  # a name that was imported from a module where it is patched already
        original = original.__wrapped__
        setattr(owner, name, original)
    guard = PatchGuard(f"{getattr(owner, '__qualname__', owner.__name__)}.{name}")
    wrapper: Any = factory(original, guard)
    made_by: Any = Patched
    if isinstance(original, wrapt.FunctionWrapper) and isinstance(owner, type):
        wrapper = _binding(wrapper, guard, owner)
    elif isinstance(wrapper, PlainFunction):
        made_by, wrapper = _dressed, wrapper.function  # a function for a function
    handle = wrapt.wrap_object(owner, name, made_by, (wrapper,))
    handle._self_guard = guard
    guard.handle = handle

    return functools.partial(_remove, owner, name, handle)


def _binding(inner: Wrapper | PlainFunction, guard: PatchGuard, owner: type) -> Wrapper:
    """Return a wrapper that binds somebody else's wrapper below ours: it needs its instance, and ours does not bind."""
    if not isinstance(inner, PlainFunction):
        return lambda wrapped, instance, args, kwargs: inner(wrapped.__get__(None, owner), instance, args, kwargs)
    function = inner.function

    def call(*args: Any, **kwargs: Any) -> Any:
        return guard.handle.__wrapped__.__get__(None, owner)(*args, **kwargs)

    function.__wrapped__ = call
    return lambda wrapped, instance, args, kwargs: function(*args, **kwargs)


def wrap_function(function: Any, factory: WrapperFactory, guard: PatchGuard) -> Any:
    """Return the function with its wrapper, as a decorator does."""
    wrapper = factory(function, guard)
    return _dressed(function, wrapper.function) if isinstance(wrapper, PlainFunction) else Patched(function, wrapper)


def _dressed(original: Any, function: Any) -> Any:
    """Make our function look like the original, which it finds in its `__wrapped__`."""
    # `inspect.getfile` and `inspect.getsourcefile` look at the code alone: so our code claims the first line of the
    # original. A traceback has that line twice: once for us.
    code = getattr(inspect.unwrap(original), "__code__", None)
    if isinstance(code, CodeType):
        function.__code__ = function.__code__.replace(
            co_filename=code.co_filename,
            co_firstlineno=code.co_firstlineno,
            co_linetable=_one_line(len(function.__code__.co_code)),
            co_name=code.co_name,
            co_qualname=code.co_qualname,
        )
    return functools.update_wrapper(function, original)


# An entry of a code's table of lines, without columns, for up to 8 instructions; its lowest bits: their number less 1.
_NO_COLUMN = 0x80 | 13 << 3
_INSTRUCTIONS = 8


def _one_line(size: int) -> bytes:
    """Return a table of lines that puts code of so many bytes into its first line (CPython 3.11 and newer)."""
    whole, rest = divmod(size // 2, _INSTRUCTIONS)
    table = bytes((_NO_COLUMN | _INSTRUCTIONS - 1, 0)) * whole  # 0: as many lines on as the entry before
    return table + (bytes((_NO_COLUMN | rest - 1, 0)) if rest else b"")


def try_wrap(owner: Any, name: str, factory: WrapperFactory) -> Undo:
    """Wrap the attribute as `wrap` does; a failure is logged."""
    try:
        return wrap(owner, name, factory)
    except Exception as error:  # noqa: BLE001 - within the user's import, or his class statement
        state.log_own_failure(f"patching {getattr(owner, '__name__', owner)}.{name}", error)
        return undo_all(())


def unwrap(owner: Any, name: str) -> None:
    """Restore the original of an attribute, if one of our wrappers is on it."""
    current = vars(owner).get(name)
    handle = None if current is None else wrapt.find_wrapper(current, predicate=is_patched)
    if handle is not None:
        _remove(owner, name, handle)


def _remove(owner: Any, name: str, handle: Any) -> None:
    """Remove our wrapper, wherever it is in a chain of wrappers.

    Below a wrapper that is not wrapt's it cannot be removed; there it does nothing any longer.
    """
    handle._self_guard.active = False
    try:
        wrapt.unwrap_object(owner, name, handle, missing_ok=True)
    except wrapt.WrapperNotOutermostError:
        _log.debug("%s is wrapped by somebody else; ours is inert", handle._self_guard.where)


def is_patched(function: object) -> bool:
    """Return whether this is one of our wrappers."""
    if type(function) is Patched:
        return True
    # A wrapper of somebody's, made with `functools.wraps`, has what ours has.
    guard = vars(function).get("_self_guard") if type(function) is FunctionType else None
    return guard is not None and guard.handle is function


def wrappers_of_others(function: Any) -> list[str]:
    """Return the modules whose wrappers stand around this function, without ours."""
    return [
        str(getattr(wrapper, "__module__", None) or type(wrapper).__module__)
        for layer in wrapt.wrapper_chain(function)
        if not is_patched(layer) and (wrapper := getattr(layer, "_self_wrapper", None)) is not None
    ]
