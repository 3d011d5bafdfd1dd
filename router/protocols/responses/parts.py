"""The content of a response's items: texts and media, read and written."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from router.protocols.hub.conversation import (
    NOTHING,
    Audio,
    Citation,
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

RESPONSES: Final = "responses"
_PDF: Final = "application/pdf"
_LIFETIME: Final = "1h"  # the shortest that keeps what a breakpoint asks for: half an hour at least


def read_parts(content: Any) -> tuple[Part, ...]:
    """Content of a message or of a tool's output: a string, or parts."""
    if type(content) is str:
        return (Text(content),) if content else ()
    parts: list[Part] = []
    for part in content or ():
        kind = part["type"]
        reader = _READERS.get(kind)
        if reader is None:
            parts.append(Opaque(RESPONSES, f"input: content of type '{str(kind)[:64]}'", part))
            continue
        parts.append(reader(part))
        if len(part) > 2:
            parts += unknown(RESPONSES, "input.content", part, _KNOWN[kind])
    return tuple(parts)


def cache_of(holder: Mapping[str, Any]) -> str:
    """The lifetime of the cache breakpoint behind a part or a tool, in OpenAI's words or, as some
    clients say it, in Anthropic's; empty where there is none."""
    control = holder.get("cache_control")
    if isinstance(control, Mapping):
        return name_of(control.get("ttl")) or "5m"
    return _LIFETIME if holder.get("prompt_cache_breakpoint") else ""


def _text(part: Mapping[str, Any]) -> Part:
    if len(part) == 2:
        return Text(text_of(part["text"]))
    cited = tuple([read_citation(one) for one in part.get("annotations") or ()])
    return Text(text_of(part["text"]), cited, cache_of(part))


def read_citation(annotation: Mapping[str, Any]) -> Citation:
    """An annotation of an output text."""
    url, title = name_of(annotation.get("url")), name_of(annotation.get("title"))
    start, end = annotation.get("start_index"), annotation.get("end_index")
    return Citation(RESPONSES, annotation, url, title, "", start, end)


def _refusal(part: Mapping[str, Any]) -> Part:
    return Refusal(text_of(part["refusal"]), cache_of(part))


def _image(part: Mapping[str, Any]) -> Part:
    if part.get("file_id"):
        return Opaque(RESPONSES, "input: an image by the id of its file", part)
    url, detail, cache = text_of(part["image_url"]), name_of(part.get("detail")), cache_of(part)
    detail = "" if detail == "auto" else detail
    data = data_url(url)
    if data is None:
        return Image(url=url, detail=detail, cache=cache)
    return Image(data[0], data[1], detail=detail, cache=cache)


def _file(part: Mapping[str, Any]) -> Part:
    name, cache = name_of(part.get("filename")), cache_of(part)
    if part.get("file_id"):
        return Opaque(RESPONSES, "input: a file by its id", part)
    if part.get("file_url"):
        return File(url=text_of(part["file_url"]), name=name, cache=cache)
    data = data_url(text_of(part["file_data"]))
    if data is None:
        return File(_PDF, part["file_data"], name=name, cache=cache)
    return File(data[0], data[1], name=name, cache=cache)


def _audio(part: Mapping[str, Any]) -> Part:
    sound = part["input_audio"]
    return Audio(text_of(sound["format"]), text_of(sound["data"]), cache_of(part))


_READERS: Final = MappingProxyType(
    {
        "input_text": _text,
        "output_text": _text,
        "text": _text,
        "refusal": _refusal,
        "input_image": _image,
        "input_file": _file,
        "input_audio": _audio,
    }
)
_FIELDS: Final = {
    "input_text": ("text",),
    "output_text": ("text", "annotations", "logprobs"),
    "text": ("text",),
    "refusal": ("refusal",),
    "input_image": ("image_url", "file_id", "detail"),
    "input_file": ("file_data", "file_id", "file_url", "filename"),
    "input_audio": ("input_audio",),
}
_KNOWN: Final = {
    kind: frozenset((*fields, "type", "prompt_cache_breakpoint", "cache_control"))
    for kind, fields in _FIELDS.items()
}


def write_part(part: Part) -> dict[str, Any]:
    """One part of a user's content; Unsupported where responses cannot say it."""
    if isinstance(part, Text | Refusal):
        return {"type": "input_text", "text": part.text}
    writer = _WRITERS.get(type(part))
    if writer is None:
        raise Unsupported(f"input: content of type '{type(part).__name__.lower()}'")
    written: dict[str, Any] = writer(part)
    return written


def write_parts(parts: Sequence[Part]) -> Any:
    """Content: one text where it is nothing else, else parts."""
    if len(parts) == 1 and type(parts[0]) is Text:
        return parts[0].text
    return [write_part(part) for part in parts]


def _write_image(part: Image) -> dict[str, Any]:
    url = part.url or f"data:{part.media_type};base64,{part.data}"
    return {"type": "input_image", "image_url": url, "detail": part.detail or "auto"}


def _write_audio(part: Audio) -> dict[str, Any]:
    sound = {"data": part.data, "format": part.format}
    return {"type": "input_audio", "input_audio": sound}


def _write_file(part: File) -> dict[str, Any]:
    """A file; a text document is carried as text, with its title before it."""
    if part.parts or part.text:
        text = titled(part.name, part.context, part.parts, part.text)
        return {"type": "input_text", "text": text}
    named = {"filename": part.name} if part.name else {}
    if part.url:
        return {"type": "input_file", "file_url": part.url, **named}
    data = f"data:{part.media_type};base64,{part.data}"
    return {"type": "input_file", "filename": part.name or "document.pdf", "file_data": data}


def _write_search_result(part: SearchResult) -> dict[str, Any]:
    text = titled(part.title, part.source, part.parts, "")
    return {"type": "input_text", "text": text}


def _write_opaque(part: Opaque) -> dict[str, Any]:
    if part.protocol != RESPONSES:
        raise Unsupported(part.name)
    data: dict[str, Any] = part.json
    return data


_WRITERS: Final[Mapping[type, Any]] = MappingProxyType(
    {
        Image: _write_image,
        Audio: _write_audio,
        File: _write_file,
        SearchResult: _write_search_result,
        Opaque: _write_opaque,
    }
)


def write_annotations(text: Text, dropped: list[str]) -> list[Any]:
    """What a text cites, as annotations; what they cannot say is named."""
    told = [write_citation(one, len(text.text)) for one in text.citations]
    known = [one for one in told if one is not None]
    if len(known) < len(told):
        dropped.append("citations")
    return known


def write_citation(citation: Citation, size: int) -> Any:
    """A citation as an annotation, by default of all `size` characters; None without an address."""
    if citation.protocol == RESPONSES:
        return citation.json
    if not citation.url:
        return None
    start = 0 if citation.start is None else citation.start
    end = size if citation.end is None else citation.end
    return {
        "type": "url_citation",
        "url": citation.url,
        "title": citation.title,
        "start_index": start,
        "end_index": end,
    }


def mapping_of(value: Any) -> Mapping[str, Any]:
    """An object, or an empty one for anything else."""
    return value if isinstance(value, Mapping) else NOTHING
