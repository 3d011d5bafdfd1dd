"""Types of the C extension in native/; native_reader.py gives it its table."""

from typing import Final

from numpy import float32
from numpy.typing import NDArray

INTERFACE: Final[int]
CODED: Final[tuple[str, ...]]  # the measures that C code computes

class Reader:
    """Reads prompts by a table of lexical features. A *place* is a measure's index in the table.

    `weight_of`: the weight of each count of twentieths (768 * 20 + 1 of them). `sizes`: how many
    measures there are, and how many come with a prompt, from place 1 on (place 0 is always 1; the
    measures of any text follow). `coded`: the place of each of CODED, or -1. `words`: the places
    at which a word counts. `ranges`: place, low, high. `phrases`: text and place, sorted. `terms`:
    place of the sum, place, factor. `bounds`: place of the condition, place, place to divide by,
    least, most. `features`: place, place to divide by, place that must not be zero, scale.

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

        Raises TypeError or ValueError for anything but such prompts.
        """
