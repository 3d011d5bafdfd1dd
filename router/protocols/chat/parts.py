"""The content of a chat message: texts and media, read and written."""

from collections.abc import Mapping
from typing import Any, Final

from router.protocols.hub.conversation import (
    Audio,
    File,
    Image,
    Opaque,
    Part,
    Refusal,
    SearchResult,
    Text,
)
from router.protocols.hub.values import data_url, name_of, text_of, unknown
from router.protocols.hub.writing import titled
from router.protocols.unsupported import Unsupported

_PDF: Final = "application/pdf"


def read_parts(content: Any) -> tuple[Part, ...]:
    """A message's content, whatever of its shapes it has."""
    if type(content) is str:
        return (Text(content),) if content else ()
    parts: list[Part] = []
    for part in content or ():
        kind = part["type"]
        parts.append(_READERS.get(kind, _opaque)(part))
        if len(part) > 2 and kind in _READERS and not part.keys() <= _FIELDS:
            parts += unknown("chat", "messages.content", part, _FIELDS | {kind})
    return tuple(parts)


def cache_of(part: Mapping[str, Any]) -> str:
    """The cache breakpoint, which some servers take from OpenAI's clients too."""
    control = part.get("cache_control")
    return name_of(control.get("ttl")) or "5m" if isinstance(control, Mapping) else ""


def _text(part: Mapping[str, Any]) -> Part:
    return Text(text_of(part["text"]), cache=cache_of(part) if len(part) > 2 else "")


def _refusal(part: Mapping[str, Any]) -> Part:
    return Refusal(text_of(part["refusal"]), cache_of(part))


def _image(part: Mapping[str, Any]) -> Part:
    holder = part["image_url"]
    url = holder["url"] if isinstance(holder, Mapping) else holder
    detail = name_of(holder.get("detail")) if isinstance(holder, Mapping) else ""
    data = data_url(text_of(url))
    if data is None:
        return Image(url=url, detail=detail, cache=cache_of(part))
    return Image(data[0], data[1], detail=detail, cache=cache_of(part))


def _audio(part: Mapping[str, Any]) -> Part:
    sound = part["input_audio"]
    return Audio(text_of(sound["format"]), text_of(sound["data"]), cache_of(part))


def _file(part: Mapping[str, Any]) -> Part:
    file = part["file"]
    name = name_of(file.get("filename"))
    if file.get("file_id"):
        return Opaque("chat", "messages: a file by its id", part)
    data = data_url(text_of(file["file_data"]))
    if data is None:
        return File(_PDF, file["file_data"], name=name, cache=cache_of(part))
    return File(data[0], data[1], name=name, cache=cache_of(part))


def _opaque(part: Mapping[str, Any]) -> Part:
    return Opaque("chat", f"messages: content of type '{str(part['type'])[:64]}'", part)


_FIELDS: Final = frozenset(("type", "cache_control"))
_READERS: Final = {
    "text": _text,
    "refusal": _refusal,
    "image_url": _image,
    "input_audio": _audio,
    "file": _file,
}


def write_part(part: Part) -> dict[str, Any]:
    """One part of a message's content; Unsupported where chat cannot say it."""
    if isinstance(part, Text | Refusal):
        return {"type": "text", "text": part.text}
    writer = _WRITERS.get(type(part))
    if writer is None:
        raise Unsupported(name_of_part(part))
    written: dict[str, Any] = writer(part)
    return written


def name_of_part(part: Part) -> str:
    """A part as a refusal names it."""
    if isinstance(part, Opaque):
        return part.name
    return f"messages: content of type '{type(part).__name__.lower()}'"


def _write_image(part: Image) -> dict[str, Any]:
    url = part.url or f"data:{part.media_type};base64,{part.data}"
    return {"type": "image_url", "image_url": _with({"url": url}, "detail", part.detail)}


def _write_audio(part: Audio) -> dict[str, Any]:
    return {"type": "input_audio", "input_audio": {"data": part.data, "format": part.format}}


def _write_file(part: File) -> dict[str, Any]:
    """A file; a text document is carried as text, with its title before it."""
    if part.parts or part.text:
        return {"type": "text", "text": titled(part.name, part.context, part.parts, part.text)}
    if part.url:
        raise Unsupported("messages: a document by its address")
    data = f"data:{part.media_type};base64,{part.data}"
    return {"type": "file", "file": {"filename": part.name or "document.pdf", "file_data": data}}


def _write_search_result(part: SearchResult) -> dict[str, Any]:
    return {"type": "text", "text": titled(part.title, part.source, part.parts, "")}


def _write_opaque(part: Opaque) -> dict[str, Any]:
    if part.protocol != "chat":
        raise Unsupported(part.name)
    data: dict[str, Any] = part.json
    return data


_WRITERS: Final[Mapping[type, Any]] = {
    Image: _write_image,
    Audio: _write_audio,
    File: _write_file,
    SearchResult: _write_search_result,
    Opaque: _write_opaque,
}


def _with(part: dict[str, Any], name: str, value: str) -> dict[str, Any]:
    if value:
        part[name] = value
    return part
