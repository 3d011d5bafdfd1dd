"""What a wall is: it runs one order of Python where nothing of this machine can be reached."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

MOST_OUTPUT: Final = 1 << 20  # bytes; the results of a right answer are a few hundred
MOST_MEMORY: Final = 1 << 29  # bytes

Run = Callable[[bytes], bytes | None]
"""Run an order (`guest.py` reads it) and return what it printed; None where it failed, was ended,
or printed MOST_OUTPUT bytes and more."""


class NoWall(Exception):
    """This wall is not here, or does not hold; the message says why, in words for the operator."""


@dataclass(frozen=True, slots=True)
class Wall:
    """A wall that proved itself, with the name it has in the table."""

    name: str
    run: Run
