"""Types of the C extension in native/burden.c; protocols/burden.py says what it does."""

from typing import Final

EDITION: Final[int]

def burden(raw: bytes, most: int, /) -> int:
    """What a body weighs; where that is more than `most`, some number above it."""
