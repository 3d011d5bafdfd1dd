"""How long a video lasts, as the header of an MP4 or QuickTime file tells."""

from collections.abc import Callable
from typing import Final

# A rate below which no video is sent, in bytes a second: for files that do not tell how long they
# last.
LOWEST: Final = 8_000
_MOST_BOXES: Final = 64  # that are passed on the way to the header
_HEAD, _LONG_HEAD, _HEADER_BYTES = 8, 16, 64
_UNTOLD: Final = frozenset((0, 2**32 - 1, 2**64 - 1))
_LONGEST: Final = 1_000_000  # seconds; more says no recorder


def seconds_of(read: Callable[[int, int], bytes]) -> int:
    """Seconds, rounded up; 0 where the file does not tell them.

    `read` gives so many bytes from a place on. The header stands before the pictures or behind
    them, so their boxes are passed by their sizes.
    """
    at = 0
    for _ in range(_MOST_BOXES):
        head = read(at, _LONG_HEAD)
        size, kind = int.from_bytes(head[:4], "big"), head[4:_HEAD]
        if kind == b"moov":
            return _of_header(read(at + _HEAD, _HEADER_BYTES))
        if size == 1:
            size = int.from_bytes(head[_HEAD:], "big")
        if size < _HEAD or len(head) < _HEAD:
            break
        at += size
    return 0


def _of_header(box: bytes) -> int:
    if box[4:_HEAD] != b"mvhd" or len(box) < _HEADER_BYTES:
        return 0
    wide = 8 if box[_HEAD] == 1 else 4  # its version says how wide instants are
    at = _HEAD + 4 + 2 * wide
    scale = int.from_bytes(box[at : at + 4], "big")
    lasts = int.from_bytes(box[at + 4 : at + 4 + wide], "big")
    if not scale or lasts in _UNTOLD or lasts > scale * _LONGEST:
        return 0
    return -(-lasts // scale)
