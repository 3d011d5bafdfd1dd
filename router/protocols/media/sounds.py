"""How long a sound lasts: as its header says for WAV, else at most, by its bytes."""

from typing import Final

HEAD: Final = 3 * 1024  # bytes that are read
# The lowest rates in bytes a second: of MPEG-1 Layer III by its standard, and of anything else that
# is sent as speech (MPEG-2 and 2.5, Opus, AMR, AAC).
_LOWEST_OF_MPEG1: Final = 4_000
_LOWEST: Final = 1_000


def seconds_of(head: bytes, size: int) -> tuple[int, bool]:
    """Seconds of a sound of `size` bytes, rounded up, and whether that is only an upper bound.

    `head` holds its first bytes.
    """
    if head[:4] in (b"RIFF", b"RF64") and head[8:12] == b"WAVE":
        exact = _of_wav(head, size)
        if exact is not None:
            return exact, False
    lowest = _LOWEST_OF_MPEG1 if _is_mpeg1(head) else _LOWEST
    return -(-size // lowest), size > 0


def _of_wav(head: bytes, size: int) -> int | None:
    """None where the header lacks its rate, or tells one that no recorder has."""
    at, rate = 12, 0
    while at + 8 <= len(head):
        kind, length = head[at : at + 4], int.from_bytes(head[at + 4 : at + 8], "little")
        at += 8
        if kind == b"fmt " and at + 12 <= len(head):
            rate = int.from_bytes(head[at + 8 : at + 12], "little")
        elif kind == b"data":
            # A header written before the sound was known says 0, or all bits.
            rest = max(0, size - at)
            return -(-(min(length, rest) or rest) // rate) if _is_usual(rate) else None
        at += length + (length & 1)
    return None


def _is_usual(rate: int) -> bool:
    """From telephone codecs to eight channels of 192 kHz with 32 bits."""
    return _LOWEST <= rate <= 8 * 192_000 * 4


def _is_mpeg1(head: bytes) -> bool:
    """Whether a frame of MPEG-1 Layer III stands first, its bit rate told."""
    return (
        len(head) >= 4
        and head[0] == 0xFF
        and head[1] & 0xFE == 0xFA
        and head[2] >> 4 not in (0, 15)
    )
