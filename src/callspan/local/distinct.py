"""Distinct messages, each once: a long conversation is sent again with every call."""

from __future__ import annotations

import json
from collections.abc import Iterable
from hashlib import blake2b

from callspan.local.said import Message


class Messages:
    """Distinct messages, by their place.

    A name makes no message another one where it is missing: an agent puts it to its model's answers, and sends them
    again with it.
    """

    def __init__(self) -> None:
        self.every: list[Message] = []
        self._places: dict[tuple[bytes, str | None], int] = {}

    def places(self, messages: Iterable[Message]) -> list[int]:
        """Return the places of messages, new ones among them."""
        return [self._place(message) for message in messages]

    def _place(self, message: Message) -> int:
        name = message.get("name")
        said = json.dumps([message["role"], message["parts"]], sort_keys=True)
        key = blake2b(said.encode(), digest_size=16).digest()  # the texts themselves would stand in memory twice
        place = self._places.get((key, name))
        if place is None:
            place = self._unnamed(key, name)
            if place is None:
                place = len(self.every)
                self.every.append(message)
            self._places[key, name] = place
            self._places.setdefault((key, None), place)
        return place

    def _unnamed(self, key: bytes, name: str | None) -> int | None:
        """Return the place of the same message without a name, which is known from here on."""
        place = self._places.get((key, None))
        if place is None or self.every[place].setdefault("name", name) != name:
            return None
        return place
