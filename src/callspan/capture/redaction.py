"""What must not leave the process: secrets in what was said, by their shape or by the key they stand under."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

from callspan.capture.blobs import without_blobs
from callspan.capture.secret_keys import is_denied, is_secret
from callspan.capture.secret_texts import SMALLEST_CARD, is_card, without_secrets
from callspan.capture.secret_values import PRINTED

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

forget = _again.cache_clear
"""Forget what was said."""


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
                part = {**part, "value": PRINTED}
            return {safe_to_say(key, self.denied): under(key, value) for key, value in part.items()}
        if isinstance(part, list):
            return self._items(part, schema=schema)
        return PRINTED if type(part) in (int, float) and part > SMALLEST_CARD and is_card(f"{part:.0f}") else part

    def _items(self, part: list[Any], *, schema: bool) -> list[Any]:
        """Return the items of a list; in the words of a command line what follows `--password` is a secret."""
        items = [self._clean(one, schema=schema) for one in part]
        if len(part) > 1 and any(type(one) is str and one[:1] == "-" for one in part):
            for place, (word, given) in enumerate(pairwise(part), 1):
                option = isinstance(word, str) and word[:1] == "-" and is_denied(word.lstrip("-"), self.denied)
                if option and isinstance(given, str) and given[:1] != "-":
                    items[place] = PRINTED
        return items

    def _under(self, key: str, value: Any) -> Any:
        if is_denied(key, self.denied) and is_secret(key, value):
            return PRINTED
        return self._clean(value)

    def _described(self, key: str, value: Any) -> Any:
        """Give what a schema says under a key: of an argument that is a secret it says no more than what it is."""
        if is_denied(key, self.denied) and isinstance(value, dict):
            return {name: self._clean(one) for name, one in value.items() if name in _OF_SECRETS}
        if is_denied(key, self.denied) and is_secret(key, value):
            return PRINTED
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
    return part if part is None or part == "" or isinstance(part, bool) else PRINTED


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
