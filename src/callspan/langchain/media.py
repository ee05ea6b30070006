"""Images, sounds and files in messages: where they are, or their media type, size and digest; never their data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from callspan.capture.serialize import binary, decoded

Part = dict[str, Any]

# Types of blocks that hold such
MEDIA = (
    *("image", "image_url", "input_image", "audio", "input_audio", "output_audio", "video", "video_url"),
    *("file", "input_file", "document", "document_url", "media"),
)

_MODALITIES = {"image": "image", "audio": "audio", "video": "video", "file": "document", "document": "document"}

_LINK_LIMIT = 2048


def media(block: Mapping[str, Any]) -> Part | None:
    """Return the part of a block: `blob`, `uri`, `file` or a text; None if it does not say where its data is."""
    kind = next((str(value) for value in (block.get("type"), *block) if _modality(value) is not None), "file")
    said = dict(_flat(block))
    mime = _mime(said)
    modality = _modality((mime or "").partition("/")[0]) or _modality(kind) or "document"
    part: Part = {"type": "", "modality": modality}
    if mime:
        part["mime_type"] = mime
    if isinstance(name := said.get("filename") or said.get("title") or said.get("name"), str):
        part["name"] = name
    return _written(part, block, said) or _located(part, said)


def _written(part: Part, block: Mapping[str, Any], said: Mapping[str, Any]) -> Part | None:
    """Return the text of a document that is one."""
    source = block.get("source")
    if isinstance(source, dict) and source.get("type") == "text":  # Anthropic's
        words = source.get("data")
    else:
        words = None if _has_data(said) or any(name in said for name in ("file_id", "sha256")) else said.get("text")
    if not isinstance(words, str):
        return None
    title = {"title": part["name"]} if "name" in part else {}
    return {"type": "text", "content": words, **title}


def _located(part: Part, said: Mapping[str, Any]) -> Part | None:
    for name in ("file_id", "id"):
        if isinstance(said.get(name), str) and (name == "file_id" or not _has_data(said)):
            return {**part, "type": "file", "file_id": said[name]}
    for name in _LINKS:
        link = said.get(name)
        if isinstance(link, str):
            link = link.lstrip()
            return _blob(part, link) if _is_data(link) else {**part, "type": "uri", "uri": link[:_LINK_LIMIT]}
    for name in _DATA:
        if isinstance(said.get(name), str):
            return _blob(part, said[name])
    if isinstance(said.get("sha256"), str):  # bytes, of which `plain` left no more
        return {**part, "type": "blob", "content": "", "size": said.get("size"), "sha256": said["sha256"]}
    return None


def _is_data(link: str) -> bool:
    return link[:5].lower() == "data:"


_LINKS = ("url", "uri", "file_uri", "fileUri", "file_url", "image_url", "document_url")
_DATA = ("base64", "data", "file_data", "bytes")


def _has_data(said: Mapping[str, Any]) -> bool:
    return any(isinstance(said.get(name), str) for name in (*_LINKS, *_DATA, "sha256"))


def spoken(audio: Mapping[str, Any]) -> list[Part]:
    """Return the audio of OpenAI's models, which integrations put beside the content."""
    said = {name: audio[name] for name in ("transcript",) if isinstance(audio.get(name), str)}
    part = _located({"type": "", "modality": "audio"}, audio)
    return [{**part, **said}] if part is not None else []


def _blob(part: Part, data: str) -> Part:
    """Describe data that came along; the conventions ask for content, which stays empty."""
    if _is_data(data):
        head, _, data = data.partition(",")
        part = {**part, "mime_type": head[5:].partition(";")[0] or part.get("mime_type", "application/octet-stream")}
        part["modality"] = _modality(part["mime_type"].partition("/")[0]) or part["modality"]
    return {**part, "type": "blob", "content": "", **binary(decoded(data))}


def _flat(block: Mapping[str, Any], depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Yield the fields of a block and of the objects in it, the outer ones last: they are LangChain's own names."""
    for value in block.values():
        if isinstance(value, dict) and depth < 3:  # noqa: PLR2004 - image -> source -> s3Location
            yield from _flat(value, depth + 1)
    for key, value in block.items():
        if not isinstance(value, dict):
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
