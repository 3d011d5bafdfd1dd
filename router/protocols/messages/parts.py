"""The content blocks of Anthropic's Messages: read as parts, written from parts.

A seal of another issuer than Anthropic has no place of its own in these blocks. It travels in the
signature of an empty thought before what it seals, marked with its issuer: Anthropic's clients give
thoughts back untouched, and the mark tells whose they are.
"""

from base64 import b64decode
from collections.abc import Mapping
from typing import Any, Final

import orjson

from router.protocols.hub import seals
from router.protocols.hub.conversation import (
    Audio,
    Call,
    Citation,
    File,
    Image,
    Opaque,
    Part,
    Refusal,
    Result,
    Seal,
    SearchResult,
    Text,
    Thinking,
)
from router.protocols.hub.values import name_of, text_of, unknown
from router.protocols.unsupported import Unsupported

MESSAGES: Final = "messages"
GEMINI: Final = "gemini"
# How many fields the most frequent blocks have that say no more than they must.
_PLAIN_SIZES: Final = {"tool_use": 4, "tool_result": 3}
_PDF: Final = "application/pdf"
_PLAIN: Final = "text/plain"


def read_blocks(content: Any) -> tuple[Part, ...]:
    """Content as parts; a string is one text."""
    if type(content) is str:
        return (Text(content),) if content else ()
    parts: list[Part] = []
    foreign = False
    for block in content or ():
        kind = block["type"]
        if kind == "text" and len(block) == 2:  # most blocks: a loop that is worth its few words
            text = block["text"]
            if type(text) is not str:
                raise TypeError
            parts.append(Text(text))
            continue
        part = _READERS.get(kind, _opaque)(block)
        parts.append(part)
        if len(block) != _PLAIN_SIZES.get(kind):
            parts += _beside(kind, block)
        if type(part) is Thinking and part.seal is not None and part.seal.issuer == GEMINI:
            foreign = True
    return _sealed(parts) if foreign else tuple(parts)


def _beside(kind: str, block: Mapping[str, Any]) -> tuple[Opaque, ...]:
    """The fields of a block that its reader does not know."""
    known = _KNOWN.get(kind)
    return () if known is None else unknown(MESSAGES, "messages.content", block, known)


def _sealed(parts: list[Part]) -> tuple[Part, ...]:
    """The parts with Gemini's seals where they belong: at the calls behind them."""
    sealed: list[Part] = []
    waiting: Seal | None = None
    for part in parts:
        if isinstance(part, Thinking) and part.seal is not None and not part.text:
            if part.seal.issuer == GEMINI:
                waiting = part.seal
                continue
        elif isinstance(part, Call) and waiting is not None:
            part = Call(part.id, part.name, part.arguments, part.kind, waiting, part.cache)  # noqa: PLW2901
            waiting = None
        sealed.append(part)
    return tuple(sealed)


def cache_of(block: Mapping[str, Any]) -> str:
    """The lifetime of a block's cache breakpoint; empty where it has none."""
    citation = block.get("cache_control")
    return name_of(citation.get("ttl")) or "5m" if isinstance(citation, Mapping) else ""


def _text(block: Mapping[str, Any]) -> Part:
    if len(block) == 2:
        return Text(text_of(block["text"]))
    cited = tuple([read_citation(citation) for citation in block.get("citations") or ()])
    return Text(text_of(block["text"]), cited, cache_of(block))


def read_citation(fields: Mapping[str, Any]) -> Citation:
    """A citation of any of Anthropic's kinds."""
    title = fields.get("title") or fields.get("document_title")
    url, text = name_of(fields.get("url")), name_of(fields.get("cited_text"))
    return Citation(MESSAGES, fields, url, name_of(title), text)


def _image(block: Mapping[str, Any]) -> Part:
    source = block["source"]
    kind = source.get("type")
    if kind == "url":
        return Image(url=text_of(source["url"]), cache=cache_of(block))
    if kind == "file":
        return Opaque(MESSAGES, "messages: an image by the id of its file", block)
    media_type, data = text_of(source["media_type"]), text_of(source["data"])
    return Image(media_type, data, cache=cache_of(block))


def _document(block: Mapping[str, Any]) -> Part:
    source = block["source"]
    kind = source.get("type")
    cited = block.get("citations")
    about: dict[str, Any] = {
        "name": name_of(block.get("title")),
        "context": name_of(block.get("context")),
        "cited": isinstance(cited, Mapping) and cited.get("enabled") is True,
        "cache": cache_of(block),
    }
    if kind == "base64":
        return File(text_of(source["media_type"]), text_of(source["data"]), **about)
    if kind == "text":
        return File(_PLAIN, text=text_of(source["data"]), **about)
    if kind == "url":
        return File(url=text_of(source["url"]), **about)
    if kind == "content":
        return File(parts=read_blocks(source["content"]), **about)
    return Opaque(MESSAGES, "messages: a document by the id of its file", block)


def _search_result(block: Mapping[str, Any]) -> Part:
    cited = block.get("citations")
    return SearchResult(
        text_of(block["source"]),
        text_of(block["title"]),
        read_blocks(block["content"]),
        isinstance(cited, Mapping) and cited.get("enabled") is True,
        cache_of(block),
    )


def _thinking(block: Mapping[str, Any]) -> Part:
    return Thinking(text_of(block["thinking"]), read_seal(block.get("signature")))


def read_seal(signature: Any) -> Seal | None:
    """A thought's signature, which may be marked as another issuer's."""
    return seals.read_seal(text_of(signature), MESSAGES) if signature else None


def _redacted(block: Mapping[str, Any]) -> Part:
    return Thinking("", Seal(MESSAGES, text_of(block["data"]), "redacted"))


def _tool_use(block: Mapping[str, Any]) -> Part:
    given = block.get("input")
    arguments = orjson.dumps(given).decode() if given else "{}"
    return Call(
        text_of(block["id"]),
        text_of(block["name"]),
        arguments,
        cache=cache_of(block) if len(block) > 4 else "",
    )


def _tool_result(block: Mapping[str, Any]) -> Part:
    return Result(
        text_of(block["tool_use_id"]),
        read_blocks(block.get("content")),
        block.get("is_error") is True,
        cache=cache_of(block) if len(block) > 3 else "",
    )


def _opaque(block: Mapping[str, Any]) -> Part:
    return Opaque(MESSAGES, f"messages: content of type '{str(block['type'])[:64]}'", block)


_READERS: Final = {
    "text": _text,
    "image": _image,
    "document": _document,
    "search_result": _search_result,
    "thinking": _thinking,
    "redacted_thinking": _redacted,
    "tool_use": _tool_use,
    "tool_result": _tool_result,
}
_FIELDS: Final = {
    "text": ("text", "citations"),
    "image": ("source",),
    "document": ("source", "title", "context", "citations"),
    "search_result": ("source", "title", "content", "citations"),
    "thinking": ("thinking", "signature"),
    "redacted_thinking": ("data",),
    "tool_use": ("id", "name", "input"),
    "tool_result": ("tool_use_id", "content", "is_error"),
}
_KNOWN: Final = {
    kind: frozenset((*fields, "type", "cache_control")) for kind, fields in _FIELDS.items()
}


def write_source(part: Image | File) -> dict[str, Any]:
    """Where an image or a document is, as these blocks say it; Unsupported for unknown kinds."""
    if part.url:
        return {"type": "url", "url": part.url}
    if isinstance(part, File):
        if part.parts:
            return {"type": "content", "content": [write_shown(inner) for inner in part.parts]}
        if part.media_type.startswith("text/"):
            text = part.text or b64decode(part.data).decode(errors="replace")
            return {"type": "text", "media_type": _PLAIN, "data": text}
        if part.media_type != _PDF:
            raise Unsupported(f"messages: a file of type '{part.media_type[:64]}'")
    return {"type": "base64", "media_type": part.media_type, "data": part.data}


def write_shown(part: Part) -> dict[str, Any]:
    """A text, an image, a document, a search result as a block; Unsupported for anything else."""
    if isinstance(part, Text | Refusal):
        return _cached({"type": "text", "text": part.text}, part.cache)
    if isinstance(part, Image):
        return _cached({"type": "image", "source": write_source(part)}, part.cache)
    if isinstance(part, File):
        return _write_document(part)
    if isinstance(part, SearchResult):
        content = [write_shown(inner) for inner in part.parts]
        block: dict[str, Any] = {"type": "search_result", "source": part.source}
        block |= {"title": part.title, "content": content}
        return _cached(_cited(block, part.cited), part.cache)
    if isinstance(part, Opaque):
        if part.protocol != MESSAGES:
            raise Unsupported(part.name)
        citation: dict[str, Any] = part.json
        return citation
    kind = "input_audio" if isinstance(part, Audio) else type(part).__name__.lower()
    raise Unsupported(f"messages: content of type '{kind}'")


def _write_document(part: File) -> dict[str, Any]:
    block: dict[str, Any] = {"type": "document", "source": write_source(part)}
    if part.name:
        block["title"] = part.name
    if part.context:
        block["context"] = part.context
    return _cached(_cited(block, part.cited), part.cache)


def _cited(block: dict[str, Any], cited: bool) -> dict[str, Any]:
    if cited:
        block["citations"] = {"enabled": True}
    return block


def _cached(block: dict[str, Any], cache: str) -> dict[str, Any]:
    if cache:
        block["cache_control"] = cache_control(cache)
    return block


def cache_control(lifetime: str) -> dict[str, str]:
    """A cache breakpoint of this lifetime."""
    citation = {"type": "ephemeral"}
    if lifetime != "5m":
        citation["ttl"] = lifetime
    return citation


def write_seal(seal: Seal | None) -> str:
    """A seal as a thought's signature, marked where it is not Anthropic's own, or none at all."""
    return seals.write_seal(seal, MESSAGES)
