"""Types of the C extension in native/; what it reads is told in reading.py."""

from typing import Final

from numpy import float32
from numpy.typing import NDArray

EDITION: Final[int]

class Reader:
    """Reads prompts with the tables it is given.

    `known` says kind, bits and cue of each known word, `weight_of` turns twentieths into a weight
    (float32, 768 * 20 + 1 of them). Raises ValueError for tables of another size.
    """

    def __init__(
        self, known: dict[str, tuple[int, int, int]], weight_of: NDArray[float32]
    ) -> None: ...
    def read(
        self, prompts: list[tuple[list[tuple[str, int]], tuple[int, int, int, int]]]
    ) -> tuple[tuple[int, bytes, bytes], tuple[int, bytes, bytes], bytes]:
        """Words (width, int32 numbers, float32 weights), pairs likewise, float32 hand features.

        Raises TypeError or ValueError for what is no opened prompt.
        """
