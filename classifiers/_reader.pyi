"""Types of the C extension `_reader.c`; what it reads is told in reading.py."""

from typing import Final

from numpy import float32
from numpy.typing import NDArray

EDITION: Final[int]

class Reader:
    """Reads prompts with the tables it is given.

    `known` says kind and bits of each known word, `weight_of` turns twentieths into a weight
    (float32, 768 * 20 + 1 of them), `kinds` is how many kinds are counted. Raises ValueError for
    tables of another size.
    """

    def __init__(
        self, known: dict[str, tuple[int, int]], weight_of: NDArray[float32], kinds: int
    ) -> None: ...
    def read(
        self, prompts: list[list[tuple[str, int]]]
    ) -> tuple[
        tuple[int, bytes, bytes],
        tuple[int, bytes, bytes],
        list[tuple[int, int, int, int, list[int]]],
    ]:
        """Words (width, int32 numbers, float32 weights), pairs likewise, traits of each prompt.

        Raises TypeError or ValueError for passages that are none.
        """
