"""Prompts to numbers: the one reading of a text that training and serving share.

A prompt becomes weighted word numbers and a row of hand features. The final user message counts
most; earlier turns, the system prompt and tool names are read with smaller weights. Long text is
cut to its head and tail first, so the cost is bounded whatever arrives. Nothing here depends on
the process (words are hashed with crc32, not with Python's salted hash), and nothing raises:
empty, binary, right-to-left and astronomically long texts all give finite numbers.

Change anything that alters a number here and `FEATURES_VERSION` must rise: an artifact trained on
other numbers refuses to load.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from classifiers.hand import HAND_FEATURES, hand_features
from classifiers.prompt import Prompt

FEATURES_VERSION: Final = 1
BUCKETS: Final = 1 << 15  # word numbers run from 1 to BUCKETS - 1; 0 is padding

FINAL_CHARS: Final = 4000  # of the final user message: three quarters head, one quarter tail
EARLIER_CHARS: Final = 1000  # of each of the earlier turns
EARLIER_TURNS: Final = 4
SYSTEM_CHARS: Final = 500
MAX_WORDS: Final = 768

FINAL_WEIGHT: Final = 1.0
USER_WEIGHT: Final = 0.5  # an earlier question says much about a follow-up
OTHER_WEIGHT: Final = 0.15  # answers, tool results, system prompt, tool names

# A run of letters, a run of digits, or one sign; where there is more than ASCII, also one Chinese,
# Japanese or Korean character. On ASCII both say the same, and the first is quicker.
_ASCII_WORD: Final = re.compile(r"[a-z]+|0+|[^a-z0\s]")
_WORD: Final = re.compile(
    r"[\u2e80-\u9fff\uac00-\ud7af]|[^\W\d_\u2e80-\u9fff\uac00-\ud7af]+|\d+|[^\w\s]|_"
)
_DIGITS: Final = str.maketrans("123456789", "000000000")  # numbers count by their length
_KNOWN_WORDS: Final = 100_000


class _WordNumbers(dict[str, int]):
    """Word to bucket, remembered for the words seen lately."""

    def __missing__(self, word: str) -> int:
        if len(self) >= _KNOWN_WORDS:
            self.clear()
        number = self[word] = bucket_of(word)
        return number


@dataclass(frozen=True, slots=True)
class Batch:
    """What the ONNX graph takes: `ids` int32 and `weights` float32 [B, T], `hand` float32 [B, F].

    Rows are padded with number 0 and weight 0; weights of a row sum to 1, or 0 without words.
    """

    ids: NDArray[np.int32]
    weights: NDArray[np.float32]
    hand: NDArray[np.float32]


def bucket_of(word: str) -> int:
    """The number of a word, 1 to BUCKETS - 1, the same in every process."""
    return crc32(word.encode("utf-8", "surrogatepass")) % (BUCKETS - 1) + 1


_NUMBERS: Final = _WordNumbers()


def words_of(text: str) -> list[str]:
    """The words and signs of a text, lower case, digits flattened to zeros."""
    flat = text.lower().translate(_DIGITS)
    return (_ASCII_WORD if flat.isascii() else _WORD).findall(flat)


def clip(text: str, size: int) -> str:
    """At most `size` characters: three quarters from the head, one quarter from the tail."""
    if len(text) <= size:
        return text
    tail = size // 4
    return f"{text[: size - tail]}\n{text[-tail:]}"


def encode(prompts: Sequence[Prompt]) -> Batch:
    """Read prompts into one padded batch."""
    rows = [_read(prompt) for prompt in prompts]
    width = max((len(ids) for ids, _, _ in rows), default=0) or 1
    ids = np.zeros((len(rows), width), dtype=np.int32)
    weights = np.zeros((len(rows), width), dtype=np.float32)
    for index, (numbers, scale, _) in enumerate(rows):
        size = len(numbers)
        ids[index, :size] = numbers
        if size:
            weights[index, :size] = scale
    hand = np.array([row for _, _, row in rows], dtype=np.float32)
    totals = weights.sum(axis=1, keepdims=True)
    np.divide(weights, totals, out=weights, where=totals > 0)
    return Batch(ids, weights, hand.reshape(len(rows), len(HAND_FEATURES)))


def _read(prompt: Prompt) -> tuple[list[int], list[float] | float, list[float]]:
    """Word numbers, their weights (one for all where only one message speaks), hand features."""
    final, earlier = _final_and_earlier(prompt)
    text = clip(final, FINAL_CHARS)
    words = words_of(text)[:MAX_WORDS]
    hand = hand_features(prompt, text, len(final), words)
    numbers = list(map(_NUMBERS.__getitem__, words))
    context = [part for part in _context(prompt, earlier) if part[0]]
    if not context:
        return numbers, FINAL_WEIGHT, hand
    spoken = [([_NUMBERS[word] for word in words_of(part)], weight) for part, weight in context]
    bag = chain(numbers, *(found for found, _ in spoken))
    weights = [FINAL_WEIGHT] * len(numbers)
    for found, weight in spoken:
        weights += [weight] * len(found)
    return list(bag)[:MAX_WORDS], weights[:MAX_WORDS], hand


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
