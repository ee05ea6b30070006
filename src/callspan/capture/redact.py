"""Redact content part by part: `secrets`, `all`, or the user's own redactor, whose failures lose the part."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import pairwise
from pathlib import Path
from types import NoneType
from typing import Any, NamedTuple

from callspan.capture.secret_keys import is_denied, is_secret
from callspan.capture.secret_values import REDACTED
from callspan.capture.secrets import SMALLEST_CARD, is_card, without_secrets
from callspan.capture.serialize import Message, plain, without_blobs
from callspan.core import state
from callspan.core.errors import error_type
from callspan.core.signals import is_from_handler
from callspan.core.text import safe_name

_log = logging.getLogger("callspan")

Redact = Callable[[Any, "Place"], Any]
"""Takes a part of what was said and its place; gives it back, changed or not; None: it is dropped."""

FAILED = "[redaction failed]"
"""Stands for what a redactor failed on: it is lost, not leaked."""


class Place(NamedTuple):
    """Where a part of what was said stands.

    Args:
        kind: What it belongs to: `input_messages`, `output_messages`, `system_instructions`, `tool_definitions`,
            `tool_arguments`, `tool_result`, `query`, `documents`, `inputs` or `outputs`.
        role: The role of its message, if it is part of one.
        key: The key it stands under, if it is part of an object.
    """

    kind: str
    role: str | None = None
    key: str | None = None


def redactor(setting: str | Redact, among: frozenset[str]) -> Redact | None:
    """Give the redactor that a setting asks for; None: nothing is redacted.

    Args:
        setting: `secrets`, `all`, `none`, or a function.
        among: The words of the keys whose values are secrets.
    """
    if not isinstance(setting, str):
        return setting
    return {"none": None, "all": everything, "secrets": Secrets(among)}[setting]


def safe_to_say(text: str, among: frozenset[str]) -> str:
    """Give a text without secrets and binary data; an agent says the same again at each of its steps."""
    return _again(text, among) if len(text) <= _LONG else _safe_to_say(text, among)


def _safe_to_say(text: str, among: frozenset[str]) -> str:
    return without_secrets(without_blobs(text), among)


_LONG = 4096
"""Characters of a text that is not kept to be recognised."""

_again = lru_cache(maxsize=1024)(_safe_to_say)

forget_texts = _again.cache_clear


class Secrets:
    """The redactor that replaces secrets.

    Args:
        among: The words of the keys whose values are replaced.
    """

    def __init__(self, among: frozenset[str]) -> None:
        self.denied = among

    def __call__(self, part: Any, place: Place) -> Any:
        """Give a part without secrets."""
        if place.kind == "tool_definitions":
            return self._clean(part, schema=True)
        return self._under(place.key, part) if place.key is not None else self._clean(part)

    def _clean(self, part: Any, *, schema: bool = False) -> Any:
        if isinstance(part, str):
            return safe_to_say(part, self.denied)
        if isinstance(part, dict):
            if part.keys() == _TEXT and part["type"] == "text" and not schema:  # nearly all of them
                return {"type": "text", "content": self._clean(part["content"])}
            under = self._described if schema else self._under
            if "value" in part and not schema and is_denied(_name_in(part), self.denied):
                part = {**part, "value": REDACTED}
            return {safe_to_say(key, self.denied): under(key, value) for key, value in part.items()}
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

    def _described(self, key: str, value: Any) -> Any:
        """Give what a schema says under a key: of an argument that is a secret it says no more than what it is."""
        if is_denied(key, self.denied) and isinstance(value, dict):
            return {name: self._clean(one) for name, one in value.items() if name in _OF_SECRETS}
        if is_denied(key, self.denied) and is_secret(key, value):
            return REDACTED
        return self._clean(value, schema=True)


def _name_in(part: dict[str, Any]) -> str:
    """Return what an object of a list of variables or headers is called: `{"name": "DB_PASSWORD", "value": "x"}`."""
    name = part.get("name", part.get("key"))
    return name if isinstance(name, str) else ""


_TEXT = {"type", "content"}
"""Keys of a part that is a text and nothing else."""

_OF_SECRETS = frozenset({"type", "title", "description", "format", "writeOnly"})


def everything(part: Any, place: Place) -> Any:
    """Redact all that was said; who said it and in what shape stays."""
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


_SHAPE = frozenset({"type", "role", "id", "name", "modality", "mime_type", "finish_reason", "size", "score"})
"""Keys of a part that say what it is, not what was said."""

_SHAPES = {
    "documents": frozenset({"id", "score"}),
    "tool_definitions": frozenset({"type", "name"}),
    "system_instructions": frozenset({"type"}),
}
"""The same, of what is no part of a message."""

_KNOWN = frozenset(
    {
        *("text", "reasoning", "refusal", "compaction", "tool_call", "tool_call_response", "blob", "uri", "file"),
        *("server_tool_call", "server_tool_call_response"),
    }
)
"""Types of parts whose keys are ours; those of others may be the program's."""

_OBJECTS = frozenset({"parameters", "server_tool_call", "server_tool_call_response"})
"""Keys of a part under which the conventions want an object."""

_ROLES = frozenset({"user", "assistant", "system", "tool"})


def redacted(value: Any, kind: str) -> Any:
    """Give what was said as the redactor in force has it; None: it dropped all of it.

    Args:
        value: Messages, parts, documents, an object or a text, in plain values.
        kind: What it is called in a `Place`.
    """
    redact = state.current().redact
    if redact is None:
        return _described(value)
    if not isinstance(redact, Secrets) and redact is not everything:
        redact = partial(_checked, redact)
    return _walk(value, Place(kind), redact)


@dataclass(frozen=True, slots=True, eq=False)
class JsonText:
    """A plain value that a text is to say, as JSON: secrets are told by their keys, so it is written after redaction.

    Args:
        value: The value.
    """

    value: Any


def redact_secrets(part: Any, place: Place) -> Any:
    """Give a part without secrets, as `redact="secrets"` does; for a redactor that has more to do.

    Args:
        part: The part.
        place: Its place.
    """
    return Secrets(state.denied_keys())(part, place)


def _described(value: Any) -> Any:
    """Give a plain value in whose texts no binary data is left."""
    if isinstance(value, str):
        return without_blobs(value)
    if isinstance(value, dict):
        return {without_blobs(key): _described(one) for key, one in value.items()}
    if isinstance(value, JsonText):
        return _dumps(_described(value.value))
    return [_described(one) for one in value] if isinstance(value, list) else value


def _walk(value: Any, place: Place, redact: Redact) -> Any:
    if isinstance(value, list) and (place.key is None or any(isinstance(one, Message) for one in value)):
        items = [_message(one, place, redact) if isinstance(one, Message) else redact(one, place) for one in value]
        return [one for one in items if one is not None]
    if isinstance(value, Message):
        return _message(value, place, redact)
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


def _holds_messages(value: Any, depth: int) -> bool:
    if depth <= 0 or not isinstance(value, (dict, list)):
        return False
    inside = value.values() if isinstance(value, dict) else value
    return any(isinstance(one, Message) or _holds_messages(one, depth - 1) for one in inside)


def _message(message: dict[str, Any], place: Place, redact: Redact) -> dict[str, Any]:
    role = message["role"]
    inside = Place(place.kind, role, place.key)
    parts = [safe for part in message["parts"] if (safe := _part(part, inside, redact)) is not None]
    said = {"role": role if role in _ROLES else safe_name(role) or "", "parts": parts}
    if len(message) > len(said):  # the speaker's name, why it ended
        said.update((name, safe_name(one) or "") for name, one in message.items() if name not in said)
    return said


def _part(part: Any, place: Place, redact: Redact) -> Any:
    if isinstance(part, dict) and type(written := part.get("content")) is JsonText:
        safe = _walk(written.value, place, redact)
        return None if safe is None else {**part, "content": safe if isinstance(safe, str) else _dumps(safe)}
    return redact(part, place)


def _dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _checked(redact: Redact, part: Any, place: Place) -> Any:
    """Give one part as the user's redactor has it; what it made of it must still be one.

    Messages are given to it part by part wherever they stand: who said something must be plain.
    """
    if part is None:
        return None
    if _holds_messages(part, _DEPTH):
        again = partial(_checked, redact)
        if isinstance(part, dict):
            return _object(part, place, again)
        return [safe for one in part if (safe := _walk(one, place, again)) is not None]
    try:
        safe = redact(_described(part), place)
        why = None if safe is None else _fault(safe, part, place)
        safe = None if safe is None or why is not None else _described(plain(safe))
    except Exception as error:  # the user's redactor: it costs the content, which never leaks
        if is_from_handler(error):
            raise
        safe, why = None, f"raised {error_type(error)}{_place_of(error)}"
    if why is None:
        return {**safe, "content": ""} if isinstance(safe, dict) and safe.get("type") == "blob" else safe
    if state.once("redactor"):  # not with the error itself, whose text may quote what was said
        _log.warning("the redactor %s; what it was given is not written", why)
    return _lost(part, place)


def _place_of(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "" if trace is None else f" ({Path(trace.tb_frame.f_code.co_filename).name}, line {trace.tb_lineno})"


_NEEDED: dict[str, tuple[str, ...]] = {
    "text": ("content",),
    "reasoning": ("content",),
    "tool_call": ("name",),
    "tool_call_response": (),
    "server_tool_call": ("name",),
    "blob": ("modality",),
    "uri": ("modality", "uri"),
    "file": ("modality", "file_id"),
}
"""The texts that a part of a type must have."""

_DEPTH = 64

_VALUES = 100_000


def _fault(safe: Any, part: Any, place: Place) -> str | None:
    """Say what is wrong with what a redactor gave, if something is."""
    if not _is_json(safe, _DEPTH, [_VALUES]):
        return f"gave back what is no JSON: {type(safe).__name__}"
    if place.key is not None and not (place.role is not None and isinstance(part, dict) and "type" in part):
        return None  # whatever stands under a key may be another thing
    if place.kind in _CHECKED and isinstance(safe, dict):
        return _fault_under(safe, place.kind)
    wanted = dict if isinstance(part, dict) else str if isinstance(part, str) else object
    if not isinstance(safe, wanted):
        return f"made {type(safe).__name__} of {type(part).__name__}"
    return _fault_of_part(safe) if isinstance(safe, dict) and isinstance(part, dict) and "type" in part else None


_CHECKED: dict[str, dict[str, tuple[type, ...]]] = {
    "tool_definitions": {"type": (str,), "name": (str,), "parameters": (dict, NoneType)},
    "documents": {"id": (str, NoneType), "score": (int, float, NoneType)},
}
"""What must stand under which keys of what is no part of a message."""


def _fault_under(safe: Mapping[str, Any], kind: str) -> str | None:
    needed = ("type", "name") if kind == "tool_definitions" else ()
    wrong = [key for key in needed if key not in safe]
    wrong += [key for key, types in _CHECKED[kind].items() if key in safe and not isinstance(safe[key], types)]
    return f"gave back one of the {kind} with a wrong {wrong[0]}" if wrong else None


def _fault_of_part(safe: Mapping[str, Any]) -> str | None:
    kind = safe.get("type")
    if not isinstance(kind, str):
        return "gave back a part without a type"
    lacking = [name for name in _NEEDED.get(kind, ()) if not isinstance(safe.get(name), str)]
    if kind == "tool_call_response" and "response" not in safe:
        lacking.append("response")
    if kind in ("server_tool_call", "server_tool_call_response"):
        inner = safe.get(kind)
        lacking += [] if isinstance(inner, dict) and isinstance(inner.get("type"), str) else [kind]
    return f"gave back a part of type {kind} without {lacking[0]}" if lacking else None


def _is_json(value: Any, depth: int, left: list[int]) -> bool:
    """Tell whether this is JSON, and no more of it than anybody reads: one thing may stand in it many times."""
    left[0] -= 1
    if value is None or isinstance(value, (str, bool, int, float)):
        return True
    if depth <= 0 or left[0] <= 0:
        return False
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_json(one, depth - 1, left) for key, one in value.items())
    return isinstance(value, (list, tuple)) and all(_is_json(one, depth - 1, left) for one in value)


def _lost(part: Any, place: Place) -> Any:
    """Give what stands for a part that is lost, in the shape that it had."""
    if not isinstance(part, dict) or (place.key is not None and place.role is None):
        return FAILED
    if place.kind == "tool_definitions":
        return {"type": "lost", "name": FAILED}
    if "type" in part:
        return {"type": "text", "content": FAILED}
    return {"id": FAILED, "score": 0.0, "content": FAILED} if place.kind == "documents" else {"content": FAILED}
