"""Prompts to numbers: the one reading of a text that training and serving share.

A prompt becomes weighted word numbers, weighted numbers of neighbouring word pairs, and a row of
hand features. The final user message counts most; earlier turns, the system prompt and tool names
are read with smaller weights. Long text is cut to its head and tail first, so the cost is bounded
whatever arrives. Nothing here depends on the process (words are hashed with crc32, not with
Python's salted hash), and nothing raises: empty, binary, right-to-left and astronomically long
texts all give finite numbers.

Change anything that alters a number here and `FEATURES_VERSION` must rise: an artifact trained on
other numbers refuses to load.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from classifiers.hand import HAND_FEATURES, hand_features
from classifiers.prompt import Prompt

FEATURES_VERSION: Final = 2
WORDS: Final = 1 << 16  # word numbers run from 1 to WORDS - 1; 0 is padding
PAIRS: Final = 1 << 17  # pair numbers likewise

FINAL_CHARS: Final = 4000  # of the final user message: three quarters head, one quarter tail
EARLIER_CHARS: Final = 1000  # of each of the earlier turns
EARLIER_TURNS: Final = 4
SYSTEM_CHARS: Final = 500
MAX_WORDS: Final = 768

FINAL_WEIGHT: Final = 1.0
USER_WEIGHT: Final = 0.5  # an earlier question says much about a follow-up
OTHER_WEIGHT: Final = 0.15  # answers, tool results, system prompt, tool names

# A run of letters and digits, or one sign; one Chinese, Japanese or Korean character is a word.
_WORD: Final = re.compile(
    r"[\u2e80-\u9fff\uac00-\ud7af]|[^\W_\u2e80-\u9fff\uac00-\ud7af]+|[^\w\s]|_"
)
_DIGITS: Final = str.maketrans("123456789", "000000000")  # numbers count by their length
_SIGNS: Final = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
_KNOWN_WORDS: Final = 100_000

Numbers = NDArray[np.int32]
Weights = NDArray[np.float32]


class _WordNumbers(dict[str, int]):
    """Word to number, remembered for the words seen lately."""

    def __missing__(self, word: str) -> int:
        if len(self) >= _KNOWN_WORDS:
            self.clear()
        number = self[word] = number_of(word)
        return number


@dataclass(frozen=True, slots=True)
class Batch:
    """What the ONNX graph takes: numbers int32 and weights float32 [B, T], `hand` float32 [B, F].

    Every number stands once in its row; its weight grows with the logarithm of how often it was
    there. Rows are padded with number 0 and weight 0.
    """

    words: Numbers
    word_weights: Weights
    pairs: Numbers
    pair_weights: Weights
    hand: Weights


def number_of(word: str) -> int:
    """The number of a word, 1 to WORDS - 1, the same in every process."""
    return crc32(word.encode("utf-8", "surrogatepass")) % (WORDS - 1) + 1


_NUMBERS: Final = _WordNumbers()
_WEIGHT_OF: Final = (1 + np.log(np.maximum(np.arange(MAX_WORDS + 1), 1))).astype(np.float32)


def words_of(text: str) -> list[str]:
    """The words and signs of a text, lower case, digits flattened to zeros.

    For ASCII, setting spaces around the signs that occur and splitting says what the regular
    expression says, in a third of the time.
    """
    flat = text.lower().translate(_DIGITS)
    if not flat.isascii():
        return _WORD.findall(flat)
    for sign in _SIGNS:
        if sign in flat:
            flat = flat.replace(sign, f" {sign} ")
    return flat.split()


def clip(text: str, size: int) -> str:
    """At most `size` characters: three quarters from the head, one quarter from the tail."""
    if len(text) <= size:
        return text
    tail = size // 4
    return f"{text[: size - tail]}\n{text[-tail:]}"


def encode(prompts: Sequence[Prompt]) -> Batch:
    """Read prompts into one padded batch."""
    rows = [_read(prompt) for prompt in prompts]
    words, word_weights = _padded([row.words for row in rows])
    pairs, pair_weights = _padded([row.pairs for row in rows])
    hand = np.array([row.hand for row in rows], dtype=np.float32)
    return Batch(
        words, word_weights, pairs, pair_weights, hand.reshape(len(rows), len(HAND_FEATURES))
    )


@dataclass(frozen=True, slots=True)
class _Row:
    words: tuple[Numbers, Weights]
    pairs: tuple[Numbers, Weights]
    hand: list[float]


def _read(prompt: Prompt) -> _Row:
    final, earlier = _final_and_earlier(prompt)
    text = clip(final, FINAL_CHARS)
    words = words_of(text)[:MAX_WORDS]
    hand = hand_features(prompt, text, len(final), words)
    found = [(_numbers(words), FINAL_WEIGHT)]
    room = MAX_WORDS - len(words)
    for part, weight in _context(prompt, earlier):
        if part and room > 0:
            numbers = _numbers(words_of(part)[:room])
            room -= len(numbers)
            found.append((numbers, weight))
    return _Row(_bag(found), _bag([(_pairs(part), weight) for part, weight in found]), hand)


def _numbers(words: Sequence[str]) -> Numbers:
    return np.fromiter(map(_NUMBERS.__getitem__, words), dtype=np.int32, count=len(words))


def _pairs(numbers: Numbers) -> Numbers:
    """The numbers of neighbouring pairs; wraps like any 32-bit product, alike everywhere."""
    mixed = numbers[:-1].astype(np.uint32) * np.uint32(31337) + numbers[1:].astype(np.uint32)
    return (mixed % np.uint32(PAIRS - 1) + np.uint32(1)).astype(np.int32)


def _bag(parts: Sequence[tuple[Numbers, float]]) -> tuple[Numbers, Weights]:
    """Distinct numbers, and 1 + log of their weighted count (the count itself below 1)."""
    if len(parts) > 1:
        return _weighted_bag(parts)
    ordered = np.sort(parts[0][0])
    if not len(ordered):
        return ordered, np.zeros(0, dtype=np.float32)
    starts = _starts(ordered)
    counts = np.empty_like(starts)
    np.subtract(starts[1:], starts[:-1], out=counts[:-1])
    counts[-1] = len(ordered) - starts[-1]
    return ordered[starts], _WEIGHT_OF[counts]


def _weighted_bag(parts: Sequence[tuple[Numbers, float]]) -> tuple[Numbers, Weights]:
    numbers = np.concatenate([part for part, _ in parts])
    if not len(numbers):
        return numbers, np.zeros(0, dtype=np.float32)
    weights = np.repeat([weight for _, weight in parts], [len(part) for part, _ in parts])
    order = np.argsort(numbers, kind="stable")
    ordered = numbers[order]
    starts = _starts(ordered)
    total = np.add.reduceat(weights[order], starts)
    return ordered[starts], np.where(total < 1, total, 1 + np.log(np.maximum(total, 1))).astype(
        np.float32
    )


def _starts(ordered: Numbers) -> NDArray[np.intp]:
    """Where a new number begins in an ordered row."""
    fresh = np.empty(len(ordered), dtype=np.bool_)
    fresh[0] = True
    np.not_equal(ordered[1:], ordered[:-1], out=fresh[1:])
    return fresh.nonzero()[0]


def _padded(rows: Sequence[tuple[Numbers, Weights]]) -> tuple[Numbers, Weights]:
    if len(rows) == 1 and len(rows[0][0]):
        return rows[0][0][None], rows[0][1][None]
    width = max((len(numbers) for numbers, _ in rows), default=0) or 1
    numbers = np.zeros((len(rows), width), dtype=np.int32)
    weights = np.zeros((len(rows), width), dtype=np.float32)
    for row, (found, weight) in enumerate(rows):
        numbers[row, : len(found)] = found
        weights[row, : len(found)] = weight
    return numbers, weights


def _final_and_earlier(prompt: Prompt) -> tuple[str, int]:
    """The last user message, and how many turns come before it."""
    for index in range(len(prompt.turns) - 1, -1, -1):
        if prompt.turns[index].role == "user":
            return prompt.turns[index].text, index
    last = len(prompt.turns) - 1
    return (prompt.turns[last].text, last) if prompt.turns else (prompt.system, 0)


def _context(prompt: Prompt, earlier: int) -> list[tuple[str, float]]:
    """The other texts with their weights, nearest first."""
    turns = prompt.turns[max(0, earlier - EARLIER_TURNS) : earlier]
    context = [
        (clip(turn.text, EARLIER_CHARS), USER_WEIGHT if turn.role == "user" else OTHER_WEIGHT)
        for turn in reversed(turns)
    ]
    context.append((clip(prompt.system, SYSTEM_CHARS), OTHER_WEIGHT))
    context.append((clip(" ".join(prompt.tools), SYSTEM_CHARS), OTHER_WEIGHT))
    return context
