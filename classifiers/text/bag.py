"""Bags: the distinct words and pairs of words of each prompt of a batch, and how much each weighs.

A call into numpy costs about a microsecond whatever its size, and a prompt has a few hundred words:
so the words of a whole batch and their pairs stand in one array, and are sorted and counted
together. Where several texts are read, each entry of that array is a key that holds row, number and
weight side by side.
"""

from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

PAIRS: Final = 1 << 17  # pair numbers run from 1 to PAIRS - 1; 0 is padding
MAX_WORDS: Final = 768  # of a prompt

# Weights are counted in twentieths: sums of integers are exact in any order.
UNIT: Final = 20

_WEIGHT_BITS: Final = 5
_NUMBER_BITS: Final = 17
_WEIGHT_MASK: Final = (1 << _WEIGHT_BITS) - 1
_NUMBER_MASK: Final = (1 << _NUMBER_BITS) - 1
_ROWS: Final = 1 << 32 - _WEIGHT_BITS - _NUMBER_BITS  # more than that need keys of 64 bits

# Scalars made once: numpy turns a Python integer into one at every use.
_MIX: Final = np.uint32(31337)
_LAST_PAIR: Final = np.uint32(PAIRS - 1)
_ONE: Final = np.uint32(1)
_NO_PAIR: Final = {4: np.uint32(2**32 - 1), 8: np.uint64(2**64 - 1)}  # by size of key; sorts last

Numbers = NDArray[np.int32]
Weights = NDArray[np.float32]
Bags = tuple[Numbers, Weights, Numbers, Weights]  # words [B, T] and their weights, pairs likewise
Keys = NDArray[Any]  # uint32, or uint64 for more than _ROWS rows


@dataclass(slots=True)
class Passages:
    """The texts of a batch, one after the other: all words; the size and the mark of each text."""

    words: list[str] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    marks: list[int] = field(default_factory=list)  # row and weight, as they stand in a key

    def add(self, words: list[str], row: int, weight: int) -> None:
        """Add the words of one text of the prompt `row`; `weight` of each in twentieths."""
        if words:
            self.words += words
            self.sizes.append(len(words))
            self.marks.append(row << _WEIGHT_BITS + _NUMBER_BITS | weight)


def _weight_of() -> Weights:
    """Twentieths to weight: 1 + log of the weighted count, the count itself below 1."""
    total = np.arange(MAX_WORDS * UNIT + 1) / UNIT
    weights = np.where(total < 1, total, 1 + np.log(np.maximum(total, 1)))
    return weights.astype(np.float32)


WEIGHT_OF: Final = _weight_of()
_WEIGHT_OF_COUNT: Final = np.ascontiguousarray(WEIGHT_OF[::UNIT])


def bags_of(numbers: NDArray[np.uint32], passages: Passages, rows: int) -> Bags:
    """Count `numbers`, one per word of `passages`; distinct ones in order, padded with 0."""
    one_text = rows == 1 and passages.marks == [UNIT]
    distinct, weights, words = _single(numbers) if one_text else _several(numbers, passages, rows)
    if rows == 1 and 0 < words < len(distinct):  # nothing to pad
        distinct = distinct.view(np.int32)
        return (
            distinct[None, :words],
            weights[None, :words],
            distinct[None, words:],
            weights[None, words:],
        )
    return (
        *_padded(distinct[:words], weights[:words], rows),
        *_padded(distinct[words:], weights[words:], rows),
    )


def _single(numbers: NDArray[np.uint32]) -> tuple[Keys, Weights, int]:
    """One text whose words all weigh alike: the result of `_several` in half the time."""
    count = len(numbers)
    keys = _with_pairs(numbers)
    keys[:count].sort()
    keys[count:].sort()
    starts, words = _starts(keys, count)
    firsts = starts[:-1]
    return keys[firsts], _WEIGHT_OF_COUNT[starts[1:] - firsts], words


def _several(
    numbers: NDArray[np.uint32], passages: Passages, rows: int
) -> tuple[Keys, Weights, int]:
    """Row and number of each distinct word, then of each pair; their weights; how many words."""
    keys = _marked(_with_pairs(numbers), passages, rows)
    placed = keys >> _WEIGHT_BITS
    starts, words = _starts(placed, len(numbers))
    firsts = starts[:-1]
    if not len(firsts):
        return placed, WEIGHT_OF[:0], 0
    return placed[firsts], WEIGHT_OF[np.add.reduceat(keys & _WEIGHT_MASK, firsts)], words


def _with_pairs(numbers: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """The numbers of words, then the numbers of pairs of neighbours; nothing here wraps."""
    count = len(numbers)
    keys = np.empty(max(2 * count - 1, 0), dtype=np.uint32)
    keys[:count] = numbers
    pairs = keys[count:]
    np.multiply(numbers[:-1], _MIX, out=pairs)
    pairs += numbers[1:]
    pairs %= _LAST_PAIR
    pairs += _ONE
    return keys


def _marked(keys: Keys, passages: Passages, rows: int) -> Keys:
    """Add row and weight to words and pairs, and sort both."""
    if rows > _ROWS:
        keys = keys.astype(np.uint64)
    count = len(passages.words)
    words, pairs = keys[:count], keys[count:]
    marks = np.repeat(np.array(passages.marks, dtype=keys.dtype), passages.sizes)
    keys <<= _WEIGHT_BITS
    words |= marks
    pairs |= marks[1:]
    last = [end - 1 for end in accumulate(passages.sizes[:-1])]
    pairs[last] = _NO_PAIR[keys.itemsize]  # a text's last word has no neighbour
    words.sort()
    pairs.sort()
    return keys[: len(keys) - len(last)]


def _starts(ordered: Keys, middle: int) -> tuple[NDArray[np.intp], int]:
    """Where a new number begins, and the end; how many of these are before `middle`."""
    fresh = np.empty(len(ordered) + 1, dtype=np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=fresh[1:-1])
    fresh[0] = fresh[middle] = fresh[-1] = True
    return fresh.nonzero()[0], int(np.count_nonzero(fresh[:middle]))


def _padded(distinct: Keys, weights: Weights, rows: int) -> tuple[Numbers, Weights]:
    """Rows of numbers and of weights."""
    numbers = (distinct & _NUMBER_MASK).astype(np.int32)
    row_of = (distinct >> _NUMBER_BITS).astype(np.intp)
    starts = row_of.searchsorted(np.arange(rows + 1))
    width = max(int(np.diff(starts).max(initial=0)), 1)
    column = np.arange(len(distinct)) - starts[row_of]
    padded = np.zeros((rows, width), dtype=np.int32)
    padded[row_of, column] = numbers
    padded_weights = np.zeros((rows, width), dtype=np.float32)
    padded_weights[row_of, column] = weights
    return padded, padded_weights
