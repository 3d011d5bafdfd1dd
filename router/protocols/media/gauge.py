"""What of a request is not text, gathered part by part.

Safe with anything that a client sends: what cannot be read counts by its bytes. However much a
request holds, only `_HEADERS` and `_DOCUMENTS` characters of its base64 are decoded.
"""

from binascii import a2b_base64
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from router.ask import Media
from router.protocols.media import documents, films, pictures, sounds

_HEADERS: Final = 512 * 1024  # of images and sounds; 4 ms at most
_DOCUMENTS: Final = 1024 * 1024  # 10 ms at most
_DETAILS: Final = frozenset(("low", "high", "original"))
_OF_ANY_SIZE: Final = frozenset(("audio", "file", "video"))  # what an image is not
# What is counted of each kind: the parts, and the bytes that they carry themselves.
_COUNTED: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "image": ("images", "image_bytes"),
        "audio": ("audio", "audio_bytes"),
        "file": ("files", "file_bytes"),
        "video": ("videos", "video_bytes"),
        "other": ("others", "other_bytes"),
    }
)


class MediaGauge:
    """Counts and measures the parts it is given; made for a request that has any."""

    __slots__ = ("_documents", "_facts", "_headers", "_sizes")

    def __init__(self) -> None:
        self._facts: dict[str, Any] = {}
        self._sizes: list[tuple[int, int, str]] = []
        self._headers = _HEADERS
        self._documents = _DOCUMENTS

    @property
    def images(self) -> int:
        """How many images there were."""
        return int(self._facts.get("images", 0))

    @property
    def files(self) -> int:
        """How many documents there were."""
        return int(self._facts.get("files", 0))

    def media(self) -> Media:
        """All that was counted."""
        return Media(**self._facts, sizes=tuple(self._sizes))

    def add(self, kind: str, data: Any, *, detail: Any = None, media_type: Any = None) -> None:
        """Count a part of one of the five kinds.

        `data` is what it carries: base64, a data URL, or anything else where it carries nothing.
        `detail` is the level asked for, of an image; `media_type` what a document calls itself.
        """
        number, name = _COUNTED[kind]
        self._count(number, 1)
        if kind == "image" and detail == "low":
            self._count("low_detail", 1)
        if not isinstance(data, str) or "://" in data[:32]:
            if kind in _OF_ANY_SIZE:
                self._count("elsewhere", 1)
            return
        start = data.find(",", 0, 1024) + 1
        size = (len(data) - start) * 3 // 4 - data.count("=", max(start, len(data) - 2))
        self._count(name, size)
        if kind == "image":
            self._picture(data, start, detail)
        elif kind == "audio":
            seconds, at_most = sounds.seconds_of(self._head(data, start, sounds.HEAD), size)
            self._count("audio_seconds", seconds)
            self._guess("seconds_guessed", at_most)
        elif kind == "file":
            called = media_type if isinstance(media_type, str) else data[5:start]
            self._pages(data, start, size, text=called.startswith("text/"))
        elif kind == "video":
            self._film(data, start, size)

    def _picture(self, data: str, start: int, detail: Any) -> None:
        head = self._head(data, start, pictures.ENOUGH)
        size = pictures.size_of(head)
        if size == pictures.UNKNOWN and pictures.may_be_later(head):
            size = pictures.size_of(self._head(data, start, pictures.MOST))
        self._count("pixels", size[0] * size[1])
        if size != pictures.UNKNOWN:
            self._sizes.append((*size, detail if detail in _DETAILS else ""))

    def _film(self, data: str, start: int, size: int) -> None:
        def read(at: int, length: int) -> bytes:
            first = start + at // 3 * 4
            return decoded(data, first, first + length // 3 * 4 + 8)[at % 3 :][:length]

        seconds = films.seconds_of(read)
        if seconds:
            self._count("film_seconds", seconds)
            self._count("film_bytes", size)

    def _pages(self, data: str, start: int, size: int, *, text: bool) -> None:
        pages = 0
        if documents.is_pdf(decoded(data, start, start + 1368)):
            end, most = len(data), self._documents
            whole = end - start <= most
            if whole:
                seen = decoded(data, start, end)
            else:
                half = most // 8 * 4
                tail = start + (end - half - start) // 4 * 4
                seen = decoded(data, start, start + half) + decoded(data, tail, end)
            self._documents -= min(most, end - start)
            # Padding in the middle ends what is decoded; line breaks are a sixteenth at most.
            if not whole or len(seen) * 16 >= size * 15:
                pages = documents.pages_of_pdf(seen, whole=whole)
        if not pages:
            pages = documents.pages_by_size(size, text=text)
            self._guess("pages_guessed", pages > 0)
        self._count("pages", pages)

    def _head(self, data: str, start: int, size: int) -> bytes:
        """The first bytes, as far as the request may still have them decoded."""
        most = min(size // 3 * 4, self._headers)
        head = decoded(data, start, start + most)
        self._headers -= min(most, len(data) - start)
        return head

    def _count(self, name: str, number: int) -> None:
        self._facts[name] = self._facts.get(name, 0) + number

    def _guess(self, name: str, guessed: bool) -> None:
        if guessed:
            self._facts[name] = True


def decoded(data: str, start: int, end: int) -> bytes:
    """The bytes of a piece of base64, in either alphabet; none where it is no base64."""
    piece = data[start:end].replace("-", "+").replace("_", "/")
    for text in (piece, piece.rstrip()[:-1]):  # one character over is no byte
        try:
            return a2b_base64(text + "==")
        except ValueError:  # what is no ASCII included
            continue
    return b""
