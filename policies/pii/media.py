"""What of a body is proven to be no text: long base64 whose bytes are none.

A body is bytes here, whatever its format: a picture is base64 in every protocol, in a `data:`
address or beside its type, under one name or another. So nothing is left out by its place: only a
run of at least SHORTEST characters of base64, mixed as coded bytes are, that does not begin as text
does when it is decoded. Base64 of text is decoded and read.
"""

import binascii
from collections.abc import Iterator
from typing import Final

from policies.pii.linear import linear

SHORTEST: Final = 1_024
_RUN: Final = linear(rb"([A-Za-z0-9+/_-]{250,})")
_SAMPLE: Final = 256
_MIXED: Final = 24  # different characters in a sample of coded bytes, at least
_HEAD: Final = 96  # decoded bytes that tell text from the rest
_CUT: Final = 3  # bytes of a character that the head may end in
_STANDARD: Final = bytes.maketrans(b"-_", b"+/")
_UNWRITTEN: Final = bytes(set(range(32)) - {9, 10, 12, 13, 27}) + b"\x7f"


def without_media(raw: bytes) -> Iterator[bytes]:
    """Yield what of a body is text: all of it but its media, and what is text in base64."""
    if len(raw) < SHORTEST:
        yield raw
        return
    if b"\\/" in raw:  # as some libraries write slashes: base64 is full of them
        raw = raw.replace(b"\\/", b"/")
    begun = 0
    for start, end in _runs(raw):
        text = _coded_text(raw, start, end)
        if text or _are_coded(raw[start : start + _SAMPLE]):
            yield raw[begun:start]
            begun = end
        if text:
            yield text
    yield raw[begun:]


def is_text(content: bytes) -> bool:
    """Whether the content of a file is text of the kind that detectors read."""
    if b"\0" in content:
        return False
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def _runs(raw: bytes) -> Iterator[tuple[int, int]]:
    """Where bytes may stand that are coded."""
    at = 0
    while (match := _RUN.search(raw, at)) is not None:
        start, at = match.start(1), match.end(1)
        if at - start >= SHORTEST:
            yield start, at


def _are_coded(sample: bytes) -> bool:
    return len(set(sample)) >= _MIXED and not (sample.isupper() or sample.islower())


def _coded_text(raw: bytes, start: int, end: int) -> bytes:
    """What is coded there, where it begins as text does; else nothing."""
    head = _decoded(raw[start : start + _HEAD * 4 // 3])
    written = head.decode("utf-8", "ignore").encode()
    if len(written) < len(head) - _CUT or head.translate(None, _UNWRITTEN) != head:
        return b""
    return _decoded(raw[start:end])


def _decoded(run: bytes) -> bytes:
    rest = len(run) % 4
    whole = run[:-1] if rest == 1 else run + b"=" * (-rest % 4)
    return binascii.a2b_base64(whole.translate(_STANDARD))
