"""Images, sounds and files in messages: where they are, or their media type, size and digest; never their data."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any

from callspan.blobs import binary
from callspan.jsontext import plain

MEDIA = (
    *("image", "image_url", "input_image", "audio", "input_audio", "output_audio", "video", "video_url"),
    *("file", "input_file", "document", "media"),
)
"""Types of blocks that hold such."""

_MODALITIES = {"image": "image", "audio": "audio", "video": "video", "file": "document", "document": "document"}

_LINK_LIMIT = 2048


def media(block: Mapping[str, Any]) -> dict[str, Any] | None:
    """Give the part of a block: `blob`, `uri` or `file`; None if nothing in it says where its data is."""
    kind = next((str(value) for value in (block.get("type"), *block) if _modality(value) is not None), "file")
    said = dict(_flat(block))
    mime = _mime(said)
    modality = _modality((mime or "").partition("/")[0]) or _modality(kind) or "document"
    part: dict[str, Any] = {"modality": modality}
    if mime:
        part["mime_type"] = plain(mime)
    if isinstance(name := said.get("filename") or said.get("title") or said.get("name"), str):
        part["name"] = plain(name)
    return _located(part, said)


def _located(part: dict[str, Any], said: Mapping[str, Any]) -> dict[str, Any] | None:
    for name in ("file_id", "id"):
        if isinstance(said.get(name), str) and (name == "file_id" or not _has_data(said)):
            return {**part, "type": "file", "file_id": plain(said[name])}
    for name in ("url", "uri", "file_uri", "fileUri", "image_url", "s3Location"):
        link = said.get(name)
        if isinstance(link, str):
            return (
                _blob(part, link)
                if link.startswith("data:")
                else {**part, "type": "uri", "uri": plain(link[:_LINK_LIMIT])}
            )
    for name in ("base64", "data", "file_data", "bytes"):
        if isinstance(said.get(name), (str, bytes, bytearray)):
            return _blob(part, said[name])
    return None


def _has_data(said: Mapping[str, Any]) -> bool:
    return any(name in said for name in ("url", "uri", "file_uri", "base64", "data", "file_data", "bytes", "image_url"))


def _blob(part: dict[str, Any], data: Any) -> dict[str, Any]:
    """Describe data that came along; the conventions ask for content, which stays empty."""
    if isinstance(data, str) and data.startswith("data:"):
        head, _, data = data.partition(",")
        part = {**part, "mime_type": head[5:].partition(";")[0] or part.get("mime_type", "application/octet-stream")}
        part["modality"] = _modality(part["mime_type"].partition("/")[0]) or part["modality"]
    return {**part, "type": "blob", "content": "", **_described(data)}


def _described(data: Any) -> dict[str, Any]:
    if not isinstance(data, str):
        return binary(bytes(data))
    try:
        return binary(base64.b64decode(data, validate=True))
    except (binascii.Error, ValueError):
        return {"size": len(data), "sha256": sha256(data.encode("utf-8", "replace")).hexdigest()}


def _flat(block: Mapping[Any, Any], depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Give what a block and the objects in it say, the outer ones last: they are LangChain's own words."""
    for value in block.values():
        if isinstance(value, Mapping) and depth < 3:  # noqa: PLR2004 - image -> source -> s3Location
            yield from _flat(value, depth + 1)
    for key, value in block.items():
        if not isinstance(value, Mapping) and isinstance(key, str):
            yield ("url" if key in ("image_url", "video_url") and isinstance(value, str) else key), value


def _mime(said: Mapping[str, Any]) -> str | None:
    for name in ("mime_type", "media_type", "mimeType"):
        if isinstance(said.get(name), str):
            return str(said[name])
    form = said.get("format")
    return f"{_FORMATS[form]}/{form}" if isinstance(form, str) and form in _FORMATS else None


_FORMATS = {
    **dict.fromkeys(("png", "jpeg", "gif", "webp"), "image"),
    **dict.fromkeys(("wav", "mp3", "flac", "opus", "pcm16", "aac"), "audio"),
    **dict.fromkeys(("mp4", "webm", "mov", "mkv"), "video"),
    **dict.fromkeys(("pdf",), "application"),
}


def _modality(word: object) -> str | None:
    if not isinstance(word, str):
        return None
    bare = word.removeprefix("input_").removeprefix("output_").removesuffix("_url")
    return _MODALITIES.get(bare)
