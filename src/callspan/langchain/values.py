"""Any value of a program, for content: messages and documents as such, records by their fields, the rest as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from callspan.capture.serialize import UNKNOWN, AlreadyPlain, JsonText, Message, plain
from callspan.langchain.media import MEDIA, media
from callspan.langchain.messages import chat_message, said_message

_SORTS = {
    "BaseMessage": "message",
    "Document": "document",
    "PromptValue": "prompt",
    "Runnable": "runnable",
    "Command": "command",
    "Send": "send",
    "Interrupt": "interrupt",
    "BaseModel": "record",
}
"""Classes that are known by their names, themselves or as a base: nothing is imported for them."""


def sort_of(value: Any) -> str | None:
    """Tell what a value is; its class is asked, since an instance may answer anything."""
    cls: Any = type(value)
    return _sort(cls)


@lru_cache(maxsize=1024)
def _sort(cls: Any) -> str | None:
    names = [base.__name__ for base in cls.__mro__]
    found = next((_SORTS[name] for name in names if name in _SORTS and name != "BaseModel"), None)
    return "record" if found is None and ("BaseModel" in names or _names_of(cls) is not None) else found


def value_of(value: Any) -> Any:
    """Give any value of a program as JSON can hold it."""
    return plain(value, _known)


def _known(value: Any) -> Any:  # noqa: PLR0911 - one line for each sort
    if isinstance(value, dict):
        part = media(plain(value)) if value.get("type") in MEDIA else None
        return UNKNOWN if part is None else part
    sort = sort_of(value)
    if sort == "message":
        return AlreadyPlain(chat_message(value))
    if sort == "document":
        return {"content": value.page_content, "metadata": value.metadata}
    if sort == "prompt":
        return AlreadyPlain([chat_message(one) for one in value.to_messages()])
    if sort == "command":
        said = {name: getattr(value, name, None) for name in ("update", "resume", "goto")}
        return {name: one for name, one in said.items() if one is not None and one != ()}
    if sort == "send":
        return {"node": value.node, "arg": value.arg}
    if sort == "interrupt":
        return {"value": value.value, "id": getattr(value, "id", None)}
    return fields_of(value) if sort == "record" else UNKNOWN


def fields_of(record: Any) -> Mapping[str, Any]:
    """Return the fields of a pydantic model, a dataclass or their likes, without asking its code; no private ones.

    Args:
        record: The record.
    """
    cls: Any = type(record)
    names = _names_of(cls)
    if names is not None:
        return {name: getattr(record, name, None) for name in names}
    said = vars(record)
    try:
        extra = object.__getattribute__(record, "__pydantic_extra__")
    except AttributeError:  # pydantic 1 keeps them among the others
        extra = None
    if isinstance(extra, dict):
        said = {**said, **extra}
    return {name: one for name, one in said.items() if not name.startswith("_")}


@lru_cache(maxsize=1024)
def _names_of(cls: Any) -> tuple[str, ...] | None:
    """Return the names of the fields that a class says it has; None if it says none: pydantic's are in the instance."""
    for place in _FIELDS:
        fields = getattr(cls, place, None)
        if fields is not None and (place != "_fields" or issubclass(cls, tuple)):
            names = [one if isinstance(one, str) else one.name for one in fields]
            return tuple(name for name in names if not name.startswith("_"))
    return None


_FIELDS = ("__dataclass_fields__", "__attrs_attrs__", "__struct_fields__", "_fields")
"""Where dataclasses, attrs, msgspec and named tuples say what fields they have."""


def messages_of(value: Any, role: str) -> list[Message] | None:
    """Give the messages of what goes into a root or an agent or comes out of it, or all of it as one message.

    Args:
        value: A state, messages, one message, or anything.
        role: Whose message it is, if there is none in it.
    """
    if value is None or (isinstance(value, str) and not value):
        return None
    said = _found(value)
    if said:
        return [_message(one) for one in said]
    plainly = value_of(value)
    content = plainly if isinstance(plainly, str) else JsonText(plainly)
    return [Message(role=role, parts=[{"type": "text", "content": content}])]


def last_of(value: Any) -> Any:
    """Give the last message of what comes out of a root or an agent, as it is; None if it has none."""
    said = _found(value)
    return said[-1] if said else None


def _found(value: Any) -> list[Any]:
    found: Any = value
    if isinstance(value, dict):
        found = value.get("messages")
    elif sort_of(value) == "record":
        found = fields_of(value).get("messages")
    if sort_of(found) == "prompt":
        found = found.to_messages()
    said = list(found) if isinstance(found, list) else [found]
    return said if all(_is_message(one) for one in said) else []


def _is_message(value: Any) -> bool:
    if isinstance(value, dict):
        role = value.get("role")
        return "content" in value and (isinstance(role, str) or value.get("type") in _SPEAKERS)
    if isinstance(value, tuple):
        return len(value) == 2 and isinstance(value[0], str) and value[0] in _SPEAKERS  # noqa: PLR2004 - role, text
    return sort_of(value) == "message"


_SPEAKERS = frozenset({"human", "user", "ai", "assistant", "system", "developer", "tool", "function", "placeholder"})


def _message(value: Any) -> Message:
    if isinstance(value, dict):
        return said_message(value.get("role", value.get("type")), value["content"], value)
    if isinstance(value, tuple):
        return said_message(value[0], value[1])
    return chat_message(value)
