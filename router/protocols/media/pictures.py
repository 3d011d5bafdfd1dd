"""The size of a picture, from the header of its file: PNG, GIF, WebP and JPEG."""

from typing import Final

ENOUGH: Final = 3 * 1024  # bytes that hold the size, but for JPEG with a thumbnail before it
MOST: Final = 66 * 1024  # bytes that are read of a JPEG: its thumbnail has 64 KiB at most
Size = tuple[int, int]  # width and height, in pixels
UNKNOWN: Final[Size] = (0, 0)
_MOST_SEGMENTS: Final = 1_000
_MOST_PIXELS: Final = 1 << 40  # more says no encoder
_JPEG: Final = b"\xff\xd8"
# Markers of a JPEG's frame, which holds its size: C0 to CF but for tables and arithmetic coding.
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_ALONE: Final = frozenset((0x01, *range(0xD0, 0xD9)))  # markers that nothing belongs to


def pixels_of(head: bytes) -> int:
    """Width times height by the file's first bytes; 0 where they do not tell it."""
    width, height = size_of(head)
    return width * height


def size_of(head: bytes) -> Size:
    """Width and height by the file's first bytes; UNKNOWN where they do not tell it."""
    if head.startswith(_JPEG):
        size = _of_jpeg(head)
    elif head.startswith(b"\x89PNG\r\n\x1a\n") and head[12:16] == b"IHDR" and len(head) >= 24:
        size = _big(head, 16, 4), _big(head, 20, 4)
    elif head.startswith((b"GIF87a", b"GIF89a")) and len(head) >= 10:
        size = _little(head, 6, 2), _little(head, 8, 2)
    elif head.startswith(b"RIFF") and head[8:12] == b"WEBP" and len(head) >= 30:
        size = _of_webp(head)
    else:
        size = UNKNOWN
    return size if 0 < size[0] * size[1] <= _MOST_PIXELS else UNKNOWN


def may_be_later(head: bytes) -> bool:
    """Whether the size may stand further on than these bytes reach."""
    return head.startswith(_JPEG)


def _of_webp(head: bytes) -> Size:
    kind = head[12:16]
    if kind == b"VP8X":
        return _little(head, 24, 3) + 1, _little(head, 27, 3) + 1
    if kind == b"VP8L" and head[20] == 0x2F:
        sizes = _little(head, 21, 4)
        return (sizes & 0x3FFF) + 1, (sizes >> 14 & 0x3FFF) + 1
    if kind == b"VP8 " and head[23:26] == b"\x9d\x01\x2a":
        return _little(head, 26, 2) & 0x3FFF, _little(head, 28, 2) & 0x3FFF
    return UNKNOWN


def _of_jpeg(head: bytes) -> Size:
    """Walk from segment to segment up to the frame."""
    at, end = 2, len(head)
    for _ in range(_MOST_SEGMENTS):
        if at + 9 > end or head[at] != 0xFF:
            break
        marker = head[at + 1]
        if marker in _FRAMES:
            return _big(head, at + 7, 2), _big(head, at + 5, 2)
        if marker == 0xFF:  # fill bytes
            at += 1
        elif marker in _ALONE:
            at += 2
        else:
            at += 2 + max(2, _big(head, at + 2, 2))
    return UNKNOWN


def _big(head: bytes, at: int, length: int) -> int:
    return int.from_bytes(head[at : at + length], "big")


def _little(head: bytes, at: int, length: int) -> int:
    return int.from_bytes(head[at : at + length], "little")
