"""Patches as data: where, and what is woven around it. The only file that knows wrapt."""

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
from callspan.core.shapes import Replacement, Weave, Wrapper

_log = logging.getLogger("callspan")

Undo = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Patch:
    """One callable to wrap, once its module is imported.

    Args:
        module: The module's full name.
        path: `function` or `Class.method`. Absent in some versions of a library: then there is nothing to wrap.
        weave: What is woven around it.
    """

    module: str
    path: str
    weave: Weave


class Sentry:
    """Watches over our code around one patch: a failure is logged once and the user's call goes on."""

    __slots__ = ("active", "handle", "where")

    def __init__(self, where: str) -> None:
        self.where = where
        self.active = True
        self.handle: Any = None  # what stands in the original's place

    def run(self, ours: Callable[..., Any], *args: Any) -> Any:
        """Call our code; None if it failed or the patch was taken away."""
        if not self.active:
            return None
        try:
            return ours(*args)
        except Exception as error:  # noqa: BLE001 - our code around the user's call
            state.failed(self.where, error)
            return None

    def failed(self, error: Exception) -> None:
        """Log what failed beside our code."""
        state.failed(self.where, error)


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
    """Wrap what is imported now, and the rest when it is.

    Returns:
        What restores every original, and keeps later imports as they are.
    """
    by_module: dict[str, list[Patch]] = {}
    for patch in patches:
        by_module.setdefault(patch.module, []).append(patch)
    undos = [when_imported(module, _apply_all(group)) for module, group in by_module.items()]
    return undo_all(undos)


def undo_all(undos: Sequence[Undo]) -> Undo:
    """Give one undo for many, last done first."""

    def undo() -> None:
        for one in reversed(undos):
            one()

    return undo


def when_imported(module: str, act: Callable[[ModuleType], Undo]) -> Undo:
    """Act on the module now if it is imported, else when it is; a failure never breaks the import.

    Returns:
        What undoes the act, or prevents it.
    """
    undos: list[Undo] = []
    wanted = True

    def hook(imported: ModuleType) -> None:
        if not wanted:
            return
        try:
            undos.append(act(imported))
        except Exception as error:  # noqa: BLE001 - an import hook: the user's import must not fail
            state.failed(f"patching {module}", error)

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


_waiting: dict[str, list[Callable[[ModuleType], None]]] = {}
"""What is to be done when a module comes; wrapt cannot forget a hook, so each module has one for good."""


def _arrived(module: ModuleType) -> None:
    for hook in _waiting.pop(module.__name__, ()):
        hook(module)


def _imported(name: str) -> ModuleType | None:
    """Give the module if it is imported; if another thread is at it, once that is done."""
    module = sys.modules.get(name)
    if module is None or not _is_half(module):
        return module
    try:
        module = importlib.import_module(name)  # takes the import's lock
    except Exception:  # noqa: BLE001 - the other thread's import failed, which is the other thread's affair
        return None
    if _is_half(module):
        _log.warning("callspan is instrumenting while %s is being imported: what comes later in it is not traced", name)
    return module


def _is_half(module: ModuleType) -> bool:
    return bool(getattr(getattr(module, "__spec__", None), "_initializing", False))


def _place(module: ModuleType, patch: Patch) -> tuple[Any, str]:
    """Give the class or module that has the callable, or None, and the callable's name there."""
    owner_path, _, name = patch.path.rpartition(".")
    return (getattr(module, owner_path, None) if owner_path else module), name


def _apply_all(patches: Sequence[Patch]) -> Callable[[ModuleType], Undo]:
    def act(module: ModuleType) -> Undo:
        undos: list[Undo] = []
        for patch in patches:
            owner, name = _place(module, patch)
            if owner is None or name not in vars(owner):
                _log.debug("nothing to patch at %s:%s", patch.module, patch.path)
                continue
            undos.append(try_wrap(owner, name, patch.weave))
        return undo_all(undos)

    return act


PATCHED, WAITING, ABSENT, UNPATCHED = "patched", "waiting", "absent", "unpatched"


def patch_state(patch: Patch) -> str:
    """Tell what has become of a patch.

    Args:
        patch: The patch.

    Returns:
        `patched`; `waiting`, as its module is not imported; `absent`, as this version of the library has no such
        callable; `unpatched`: it is there, and ours is not around it.
    """
    module = sys.modules.get(patch.module)
    if module is None:
        return WAITING
    owner, name = _place(module, patch)
    if owner is None or name not in vars(owner):
        return ABSENT
    return UNPATCHED if wrapt.find_wrapper(vars(owner)[name], predicate=is_patched) is None else PATCHED


def wrap(owner: Any, name: str, weave: Weave) -> Undo:
    """Wrap the attribute that this class or module itself defines.

    Returns:
        What restores the original.
    """
    original = vars(owner)[name]
    if is_patched(original):  # a name that was imported from a module where it is patched already
        original = original.__wrapped__
        setattr(owner, name, original)
    sentry = Sentry(f"{getattr(owner, '__qualname__', owner.__name__)}.{name}")
    woven = weave(original, sentry)
    if isinstance(original, wrapt.FunctionWrapper) and isinstance(owner, type):
        handle = wrapt.wrap_object(owner, name, Patched, (_binding(woven, sentry, owner),))
    elif isinstance(woven, Replacement):
        # A function for a function: wrapt takes any factory, and its types tell of proxies only.
        dressed: Any = _dressed
        handle = wrapt.wrap_object(owner, name, dressed, (woven.function,))
    else:
        handle = wrapt.wrap_object(owner, name, Patched, (woven,))
    handle._self_sentry = sentry
    sentry.handle = handle

    def undo() -> None:
        _take_out(owner, name, handle)

    return undo


def _binding(woven: Wrapper | Replacement, sentry: Sentry, owner: type) -> Wrapper:
    """Let somebody else's wrapper below ours find its instance: that comes with the binding, which ours leaves out."""

    def wrapper(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        if isinstance(woven, Replacement):
            return woven.function(*args, **kwargs)
        return woven(wrapped.__get__(None, owner), instance, args, kwargs)

    def call(*args: Any, **kwargs: Any) -> Any:
        return sentry.handle.__wrapped__.__get__(None, owner)(*args, **kwargs)

    if isinstance(woven, Replacement):
        woven.function.__wrapped__ = call
    return wrapper


def woven(function: Any, weave: Weave, sentry: Sentry) -> Any:
    """Give the function with what is woven around it; who decorates puts it where he wants it."""
    made = weave(function, sentry)
    return _dressed(function, made.function) if isinstance(made, Replacement) else Patched(function, made)


def _dressed(original: Any, function: Any) -> Any:
    """Make our function look like the original, which it finds in its `__wrapped__`.

    `inspect.getfile` and `inspect.getsourcefile` look at the code alone: so our code is said to stand in the first line
    of the original. A traceback has that line twice: once for us.
    """
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


_NO_COLUMN = 0x80 | 13 << 3
"""Begins an entry of a code's table of lines, without columns; the lowest bits are its instructions less one."""

_INSTRUCTIONS = 8
"""How many one entry is for at most; each has two bytes."""


def _one_line(size: int) -> bytes:
    """Return a table of lines that puts code of so many bytes into its first line (CPython 3.11 and newer)."""
    whole, rest = divmod(size // 2, _INSTRUCTIONS)
    table = bytes((_NO_COLUMN | _INSTRUCTIONS - 1, 0)) * whole  # 0: as many lines on as the entry before
    return table + (bytes((_NO_COLUMN | rest - 1, 0)) if rest else b"")


def try_wrap(owner: Any, name: str, weave: Weave) -> Undo:
    """Wrap the attribute if it can be; if not, that is logged, and everything else stands.

    Returns:
        What restores the original.
    """
    try:
        return wrap(owner, name, weave)
    except Exception as error:  # noqa: BLE001 - within the user's import, or his class statement
        state.failed(f"patching {getattr(owner, '__name__', owner)}.{name}", error)
        return lambda: None


def unwrap(owner: Any, name: str) -> None:
    """Restore the original of an attribute, if one of our wrappers is on it."""
    current = vars(owner).get(name)
    handle = None if current is None else wrapt.find_wrapper(current, predicate=is_patched)
    if handle is not None:
        _take_out(owner, name, handle)


def _take_out(owner: Any, name: str, handle: Any) -> None:
    """Take our wrapper out, wherever in a chain of wrappers it has come to stand.

    Below somebody's wrapper that is not wrapt's it cannot be taken out; there it does nothing any longer.
    """
    handle._self_sentry.active = False
    try:
        wrapt.unwrap_object(owner, name, handle, missing_ok=True)
    except wrapt.WrapperNotOutermostError:
        _log.debug("%s is wrapped by somebody else; ours is inert", handle._self_sentry.where)


def is_patched(function: object) -> bool:
    """Tell whether this is one of our wrappers."""
    if type(function) is Patched:
        return True
    # A wrapper of somebody's, made with `functools.wraps`, has what ours has.
    sentry = vars(function).get("_self_sentry") if type(function) is FunctionType else None
    return sentry is not None and sentry.handle is function


def wrappers_of_others(function: Any) -> list[str]:
    """Name the modules whose wrappers stand around this function, ours left out."""
    return [
        str(getattr(wrapper, "__module__", None) or type(wrapper).__module__)
        for layer in wrapt.wrapper_chain(function)
        if not is_patched(layer) and (wrapper := getattr(layer, "_self_wrapper", None)) is not None
    ]
