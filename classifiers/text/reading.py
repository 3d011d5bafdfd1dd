"""Prompts to numbers: in C where the extension was built, in Python else.

Both give the same numbers, bit for bit. The Python below is the definition; what stands in native/
says the same in a tenth of the time, and reading was the largest part of a request. Installing
builds the extension where it finds a C compiler, and goes on without where it does not (ADR 54).
"""

import struct
from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np

from classifiers.text.bag import MAX_WORDS, WEIGHT_OF, Numbers, Passages, Weights, bags_of
from classifiers.text.lexical_features import HAND_FEATURES, Around, hand_features
from classifiers.text.vocabulary import KNOWN_WORDS
from classifiers.text.words import KnownWords, LookedUp, words_of

try:
    from classifiers import _reader
except ImportError:
    _reader = None  # type: ignore[assignment]

EDITION: Final = 3  # of the numbers: rises whenever one of them changes

Passage = tuple[str, int]  # a text, and the weight of each of its words in twentieths
Opened = tuple[list[Passage], Around]  # the passages to read, the final text first


class Batch(NamedTuple):
    """What the ONNX graph takes: numbers int32 and weights float32 [B, T], `hand` float32 [B, F].

    Every number stands once in its row; its weight grows with the logarithm of how often it was
    there. Rows are padded with number 0 and weight 0.
    """

    words: Numbers
    word_weights: Weights
    pairs: Numbers
    pair_weights: Weights
    hand: Weights


Read = Callable[[list[Opened]], Batch]

_KNOWN: Final = KnownWords()
_HAND_ROW: Final = struct.Struct(f"={len(HAND_FEATURES)}f")


def read_in_python(prompts: list[Opened]) -> Batch:
    """Read opened prompts into one padded batch."""
    passages = Passages()
    finals: list[tuple[int, list[str]]] = []
    for row, (texts, _) in enumerate(prompts):
        begin = len(passages.words)
        for place, (text, weight) in enumerate(texts):
            start = len(passages.words)
            words = words_of(text)[: MAX_WORDS - (start - begin)]
            passages.add(words, row, weight)
            if place == 0:
                finals.append((start, words))
    known = LookedUp(_KNOWN, passages.words)
    hand = b"".join(
        [
            _HAND_ROW.pack(*hand_features(texts[0][0], known.traits(*final), around))
            for (texts, around), final in zip(prompts, finals, strict=True)
        ]
    )
    return Batch(*bags_of(known.numbers, passages, len(prompts)), _rows(hand, len(prompts)))


def _in_c() -> Read | None:
    """The extension's reading, where it was built."""
    if _reader is None:
        return None
    if _reader.EDITION != EDITION:
        raise ImportError(
            f"classifiers/_reader was built for edition {_reader.EDITION} of the features, and the "
            f"source beside it is of edition {EDITION}. Build it anew: pip install --editable ."
        )
    known = _reader.Reader(KNOWN_WORDS, WEIGHT_OF)

    def read(prompts: list[Opened]) -> Batch:
        rows = len(prompts)
        words, pairs, hand = known.read(prompts)
        return Batch(*_bag(rows, *words), *_bag(rows, *pairs), _rows(hand, rows))

    return read


def _bag(rows: int, width: int, numbers: bytes, weights: bytes) -> tuple[Numbers, Weights]:
    return (
        np.frombuffer(numbers, np.int32).reshape(rows, width),
        np.frombuffer(weights, np.float32).reshape(rows, width),
    )


def _rows(hand: bytes, rows: int) -> Weights:
    return np.frombuffer(hand, np.float32).reshape(rows, len(HAND_FEATURES))


_COMPILED: Final = _in_c()
READ: Final = _COMPILED or read_in_python
READS_IN: Final = "c" if _COMPILED else "python"
