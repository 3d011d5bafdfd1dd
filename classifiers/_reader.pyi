"""Types of the C extension in native/; native_reader.py hands it its table."""

from typing import Final

from numpy import float32
from numpy.typing import NDArray

INTERFACE: Final[int]
CODED: Final[tuple[str, ...]]  # the measures that are coded in C

class Reader:
    """Reads prompts by a table of lexical features, whose measures stand at places from 0.

    `weight_of` turns twentieths into a weight (768 * 20 + 1 of them); `sizes`: how many measures
    there are, and how many are given with a prompt, from place 1 on (0 is always 1; the measures of
    any text stand behind). `coded`: the place of each of CODED, or -1. `words`: the places that a
    word counts at. `ranges`: place, low, high. `phrases`: text and place, in order. `terms`: place
    of the sum, place, factor. `bounds`: place of the condition, place, place it is over, least,
    most. `features`: place, place it is over, place it waits for, scale.

    Raises TypeError or ValueError for a table that it cannot hold.
    """

    def __init__(
        self,
        weight_of: NDArray[float32],
        sizes: tuple[int, int],
        coded: list[int],
        words: dict[str, bytes],
        ranges: list[tuple[int, int, int]],
        phrases: list[tuple[str, int]],
        terms: list[tuple[int, int, int]],
        bounds: list[tuple[int, int, int, float, float]],
        features: list[tuple[int, int, int, int]],
    ) -> None: ...
    def read(
        self, prompts: list[tuple[list[tuple[str, int]], tuple[int, ...]]]
    ) -> tuple[tuple[int, bytes, bytes], tuple[int, bytes, bytes], bytes]:
        """Words (width, int32 numbers, float32 weights), pairs likewise, float32 features.

        Raises TypeError or ValueError for what is no opened prompt.
        """
