"""Redact content part by part: `secrets`, `all`, or the user's own redactor, whose failures lose the part."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from types import EllipsisType, NoneType
from typing import Any, NamedTuple

from callspan.capture.limit import roughly_within
from callspan.capture.secret_keys import is_denied, is_secret
from callspan.capture.secret_values import REDACTED
from callspan.capture.secrets import SMALLEST_CARD, is_card, without_secrets
from callspan.capture.serialize import JsonText, Message, missing, plain, split_note, without_blobs
from callspan.core import state
from callspan.core.errors import error_type
from callspan.core.signals import is_from_handler
from callspan.core.text import safe_name

_log = logging.getLogger("callspan")
Redact = Callable[[Any, "Place"], Any]
"""Takes a part of the content and its place; returns the part, changed or not, or None to drop it."""

FAILED = "[redaction failed]"  # stands for a part that a redactor failed on: it is lost, not leaked
_ROLES = frozenset({"user", "assistant", "system", "tool"})


class Place(NamedTuple):
    """Where a part of the content stands.

    Args:
        kind: What it belongs to: `input_messages`, `output_messages`, `system_instructions`, `tool_definitions`,
            `tool_arguments`, `tool_result`, `query`, `documents`, `inputs` or `outputs`.
        role: The role of its message, if it is part of one.
        key: The key it stands under, if it is part of an object.
    """

    kind: str
    role: str | None = None
    key: str | None = None


def redactor(setting: str | Redact, denied: frozenset[str]) -> Redact | None:
    """Return the redactor for the setting: `secrets`, `all`, `none` (None) or a function."""
    if not isinstance(setting, str):
        return UserRedactor(setting)
    return {"none": None, "all": redact_all, "secrets": SecretRedactor(denied)}[setting]


def redact_secrets(part: Any, place: Place) -> Any:
    """Redact the secrets in a part as `redact="secrets"` does, for a redactor that has more to do.

    Returns:
        The part without secrets.
    """
    return SecretRedactor(state.denied_keys())(part, place)


def redacted(value: Any, kind: str) -> Any:
    """Return plain content as the active redactor leaves it; None if it dropped all of it."""
    active = state.active()
    redact = active.redact
    if redact is None:
        return _without_blobs(value)
    if isinstance(redact, SecretRedactor):
        value = roughly_within(value, active.settings.content_limit)
    return _walk(value, Place(kind), redact)


# The redaction walk


def _walk(value: Any, place: Place, redact: Redact) -> Any:
    if isinstance(value, Message):
        return _message(value, place, redact)
    if isinstance(value, list) and (place.key is None or any(isinstance(one, Message) for one in value)):
        items = [_message(one, place, redact) if isinstance(one, Message) else redact(one, place) for one in value]
        return [one for one in items if one is not None]
    if isinstance(value, dict) and place.key is None:
        return _object(value, place, redact)
    return redact(value, place)


def _object(value: dict[str, Any], place: Place, redact: Redact) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, one in value.items():
        safe = _walk(one, Place(place.kind, place.role, key), redact)
        if safe is not None or one is None:
            found[without_secrets(key)] = safe
    return found


def _message(message: dict[str, Any], place: Place, redact: Redact) -> Message:
    role = message["role"]
    texts = redact.texts if isinstance(redact, SecretRedactor) else None
    parts: list[Any] = []
    for part in message["parts"]:
        content = part.get("content")
        if texts is not None and type(content) is str and len(part) == 2 and part["type"] == "text":  # noqa: PLR2004
            clean = texts[content]  # most parts are just a text
            parts.append(part if clean is content else {"type": "text", "content": clean})
        elif (safe := _part(part, Place(place.kind, role, place.key), redact)) is not None:
            parts.append(safe)
    found = Message(role=role if role in _ROLES else safe_name(role) or "", parts=parts)
    if len(message) > len(found):  # the speaker's name, the finish reason
        found.update((name, safe_name(one) or "") for name, one in message.items() if name not in found)
    return found


def _part(part: dict[str, Any], place: Place, redact: Redact) -> Any:
    held = part.get("content")
    if type(held) is not JsonText:
        return redact(part, place)
    safe = _walk(held.value, place, redact)
    return None if safe is None else {**part, "content": safe if isinstance(safe, str) else _dumps(safe)}


def _dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _without_blobs(value: Any) -> Any:
    """Return a plain value without binary data in its texts."""
    if isinstance(value, str):
        return without_blobs(value)
    if isinstance(value, dict):
        return {without_blobs(key): _without_blobs(one) for key, one in value.items()}
    if isinstance(value, JsonText):
        return _dumps(_without_blobs(value.value))
    return [_without_blobs(one) for one in value] if isinstance(value, list) else value


# secrets


class _CleanTexts(dict[str, str]):
    """Texts without secrets by what they were: an agent sends the same texts again at each of its steps."""

    def __init__(self, denied: frozenset[str]) -> None:
        super().__init__()
        self.denied = denied

    def __missing__(self, text: str) -> str:
        whole, lost = split_note(text)
        clean = without_secrets(without_blobs(whole), self.denied) + (missing(lost) if lost else "")
        if len(text) <= _LONG:
            if len(self) >= _MOST:
                self.clear()
            self[text] = clean
        return clean


_LONG = 4096  # characters of a text that is not kept
_MOST = 1024  # texts that are kept
_TEXTS: dict[frozenset[str], _CleanTexts] = {}


def forget_texts() -> None:
    """Forget the texts of before: the program is not traced any more."""
    for texts in _TEXTS.values():
        texts.clear()
    _TEXTS.clear()


class SecretRedactor:
    """The redactor that replaces secrets, and what stands under the denied keys."""

    def __init__(self, denied: frozenset[str]) -> None:
        self.denied = denied
        self.texts = _TEXTS.setdefault(denied, _CleanTexts(denied))

    def __call__(self, part: Any, place: Place) -> Any:
        """Return a part without secrets."""
        if place.kind == "tool_definitions":
            return self._clean(part, schema=True)
        return self._under(place.key, part) if place.key is not None else self._clean(part)

    def _clean(self, part: Any, *, schema: bool = False) -> Any:
        if isinstance(part, str):
            return self.texts[part]
        if isinstance(part, dict):
            under = self._in_schema if schema else self._under
            if "value" in part and not schema and is_denied(_name_in(part), self.denied):
                part = {**part, "value": REDACTED}
            return {self.texts[key]: under(key, value) for key, value in part.items()}
        if isinstance(part, list):
            return self._items(part, schema=schema)
        return REDACTED if type(part) in (int, float) and part > SMALLEST_CARD and is_card(f"{part:.0f}") else part

    def _items(self, part: list[Any], *, schema: bool) -> list[Any]:
        """Return the items of a list; in the words of a command line what follows `--password` is a secret."""
        items = [self._clean(one, schema=schema) for one in part]
        if len(part) > 1 and any(type(one) is str and one[:1] == "-" for one in part):
            for place, (word, given) in enumerate(pairwise(part), 1):
                option = isinstance(word, str) and word[:1] == "-" and is_denied(word.lstrip("-"), self.denied)
                if option and isinstance(given, str) and given[:1] != "-":
                    items[place] = REDACTED
        return items

    def _under(self, key: str, value: Any) -> Any:
        if is_denied(key, self.denied) and is_secret(key, value):
            return REDACTED
        return self._clean(value)

    def _in_schema(self, key: str, value: Any) -> Any:
        """Return what a schema has under a key: of a secret argument only what it is."""
        if is_denied(key, self.denied) and isinstance(value, dict):
            return {name: self._clean(one) for name, one in value.items() if name in _OF_SECRETS}
        if is_denied(key, self.denied) and is_secret(key, value):
            return REDACTED
        return self._clean(value, schema=True)


def _name_in(part: dict[str, Any]) -> str:
    """Return the name in an object of a list of variables or headers: `{"name": "DB_PASSWORD", "value": "x"}`."""
    name = part.get("name", part.get("key"))
    return name if isinstance(name, str) else ""


_OF_SECRETS = frozenset({"type", "title", "description", "format", "writeOnly"})


# all


def redact_all(part: Any, place: Place) -> Any:
    """Redact all content; who spoke and in what shape stays."""
    if not isinstance(part, dict) or place.key is not None or not (place.role or place.kind in _SHAPES):
        return _all_of("", part)
    if place.kind not in _SHAPES and part.get("type") not in _KNOWN:
        return {key: "other" if key == "type" else _all_of("", value) for key, value in part.items()}
    kept = _SHAPES.get(place.kind, _SHAPE)
    return {key: value if key in kept else _all_of(key, value) for key, value in part.items()}


def _all_of(key: str, part: Any) -> Any:
    if key in _OBJECTS and isinstance(part, dict):
        return {"type": part["type"]} if isinstance(part.get("type"), str) else {}
    return part if part is None or part == "" or isinstance(part, bool) else REDACTED


# Keys of a part of a message, and of other parts by their kind, that hold no content.
_SHAPE = frozenset({"type", "role", "id", "name", "modality", "mime_type", "finish_reason", "size", "score"})
_SHAPES = {
    "documents": frozenset({"id", "score"}),
    "tool_definitions": frozenset({"type", "name"}),
    "system_instructions": frozenset({"type"}),
}
# Keys of a part under which the conventions want an object.
_OBJECTS = frozenset({"parameters", "server_tool_call", "server_tool_call_response"})


# The user's own redactor

_TEXT = (str,)
_ANY = (str, int, float, dict, list, tuple, NoneType)
_OPTIONAL = (NoneType, EllipsisType)  # `...` stands for a key that is not there

# What must stand under which keys of a part, by its type or the kind of its place.
_REQUIRED: dict[str, dict[str, tuple[type, ...]]] = {
    "text": {"content": _TEXT},
    "reasoning": {"content": _TEXT},
    "refusal": {},
    "compaction": {},
    "tool_call": {"name": _TEXT},
    "tool_call_response": {"response": _ANY},
    "server_tool_call": {"name": _TEXT, "server_tool_call": (dict,)},
    "server_tool_call_response": {"server_tool_call_response": (dict,)},
    "blob": {"modality": _TEXT},
    "uri": {"modality": _TEXT, "uri": _TEXT},
    "file": {"modality": _TEXT, "file_id": _TEXT},
    "tool_definitions": {"type": _TEXT, "name": _TEXT, "parameters": (dict, *_OPTIONAL)},
    "documents": {"id": (str, *_OPTIONAL), "score": (int, float, *_OPTIONAL)},
}
# Types of parts whose keys are ours; those of others may be the program's.
_KNOWN = _REQUIRED.keys() - {"tool_definitions", "documents"}
_DEPTH = 64
_VALUES = 100_000


class UserRedactor:
    """Calls the user's redactor; what it raises, and an answer that is no such part any more, costs the part."""

    def __init__(self, redact: Redact) -> None:
        self.redact = redact

    def __call__(self, part: Any, place: Place) -> Any:
        """Return one part as the redactor leaves it. It receives messages part by part, wherever they stand."""
        if part is None:
            return None
        if _holds_messages(part, _DEPTH):
            if isinstance(part, dict):
                return _object(part, place, self)
            return [safe for one in part if (safe := _walk(one, place, self)) is not None]
        try:
            safe = self.redact(_without_blobs(part), place)
            why = None if safe is None else _fault(safe, part, place)
            safe = None if safe is None or why is not None else _without_blobs(plain(safe))
        except Exception as error:  # the user's redactor: it costs the content, which never leaks
            if is_from_handler(error):
                raise
            safe, why = None, f"raised {error_type(error)}{_raised_at(error)}"
        if why is None:
            return {**safe, "content": ""} if isinstance(safe, dict) and safe.get("type") == "blob" else safe
        if state.first_time("redactor"):  # not with the error itself, whose text may quote content
            _log.warning("the redactor %s; callspan does not record the part", why)
        return _lost(part, place)


def _holds_messages(value: Any, depth: int) -> bool:
    if depth <= 0 or not isinstance(value, (dict, list)):
        return False
    inside = value.values() if isinstance(value, dict) else value
    return any(isinstance(one, Message) or _holds_messages(one, depth - 1) for one in inside)


def _raised_at(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "" if trace is None else f" ({Path(trace.tb_frame.f_code.co_filename).name}, line {trace.tb_lineno})"


def _fault(safe: Any, part: Any, place: Place) -> str | None:
    """Return what is wrong with the answer of a redactor, if something is."""
    if not _is_json(safe, _DEPTH, [_VALUES]):
        return f"returned what is no JSON: {type(safe).__name__}"
    is_typed = isinstance(part, dict) and "type" in part
    if place.key is not None and not (place.role is not None and is_typed):
        return None  # a value under a key may become any other
    wanted = dict if isinstance(part, dict) else str if isinstance(part, str) else object
    if not isinstance(safe, wanted):
        return f"made {type(safe).__name__} of {type(part).__name__}"
    if not isinstance(safe, dict) or not (is_typed or place.kind in _REQUIRED):
        return None
    kind = place.kind if place.kind in _REQUIRED else safe.get("type")
    if not isinstance(kind, str):
        return "returned a part without a type"
    wrong = [key for key, types in _REQUIRED.get(kind, {}).items() if not isinstance(safe.get(key, ...), types)]
    if not wrong and kind.startswith("server_tool_call") and not isinstance(safe[kind].get("type"), str):
        wrong = [kind]
    return f"returned a part of {kind} with a wrong {wrong[0]}" if wrong else None


def _is_json(value: Any, depth: int, left: list[int]) -> bool:
    """Return whether this is JSON, and not too much of it: one thing may stand in it many times."""
    left[0] -= 1
    if value is None or isinstance(value, (str, bool, int, float)):
        return True
    if depth <= 0 or left[0] <= 0:
        return False
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_json(one, depth - 1, left) for key, one in value.items())
    return isinstance(value, (list, tuple)) and all(_is_json(one, depth - 1, left) for one in value)


def _lost(part: Any, place: Place) -> Any:
    """Return what stands for a part that is lost, in the shape that it had."""
    if not isinstance(part, dict) or (place.key is not None and place.role is None):
        return FAILED
    if place.kind == "tool_definitions":
        return {"type": "lost", "name": FAILED}
    if "type" in part:
        return {"type": "text", "content": FAILED}
    return {"id": FAILED, "score": 0.0, "content": FAILED} if place.kind == "documents" else {"content": FAILED}
