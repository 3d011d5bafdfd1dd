"""How long a video lasts, as the header of an MP4 or QuickTime file tells."""

from typing import Final

ENDS: Final = 88_000  # characters of base64 that are read at either end; the header stands in one
# A rate below which no video is sent, in bytes a second: for files that do not tell how long they
# last.
LOWEST: Final = 8_000
_HEADER: Final = b"mvhd"
_UNTOLD: Final = frozenset((0, 2**32 - 1, 2**64 - 1))
_LONGEST: Final = 1_000_000  # seconds; more says no recorder


def seconds_of(piece: bytes) -> int:
    """Seconds, rounded up, by the header in a piece of a movie's file; 0 where none is told."""
    at = piece.find(_HEADER) + len(_HEADER)
    if at < len(_HEADER) or len(piece) < at + 32:
        return 0
    long = 8 if piece[at] == 1 else 4  # its version says how wide instants are
    scale_at = at + 4 + 2 * long
    scale = int.from_bytes(piece[scale_at : scale_at + 4], "big")
    lasts = int.from_bytes(piece[scale_at + 4 : scale_at + 4 + long], "big")
    if not scale or lasts in _UNTOLD or lasts > scale * _LONGEST:
        return 0
    return -(-lasts // scale)
