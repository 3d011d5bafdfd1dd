"""Passages to bags and traits: in C where the extension was built, in Python else.

Both give the same numbers, bit for bit. The Python below is the definition; `_reader.c` says the
same in a tenth of the time, which is a fifth of what a whole request costs. Installing builds it
where it finds a C compiler, and goes on without where it does not (docs/adr/0054).
"""

from collections.abc import Callable
from typing import Final

import numpy as np

from classifiers.bag import MAX_WORDS, WEIGHT_OF, Bags, Numbers, Passages, Weights, bags_of
from classifiers.hand import COUNTED, KNOWN_WORDS, Traits
from classifiers.words import KnownWords, LookedUp, words_of

try:
    from classifiers import _reader
except ImportError:
    _reader = None  # type: ignore[assignment]

EDITION: Final = 2  # of the numbers: rises whenever one of them changes

Passage = tuple[str, int]  # a text, and the weight of each of its words in twentieths
Read = Callable[[list[list[Passage]]], tuple[Bags, list[Traits]]]

_KNOWN: Final = KnownWords()


def read_in_python(prompts: list[list[Passage]]) -> tuple[Bags, list[Traits]]:
    """Read the passages of each prompt; the first of each is its final text, whose traits count."""
    passages = Passages()
    finals: list[tuple[int, list[str]]] = []
    for row, texts in enumerate(prompts):
        begin = len(passages.words)
        for place, (text, weight) in enumerate(texts):
            start = len(passages.words)
            words = words_of(text)[: MAX_WORDS - (start - begin)]
            passages.add(words, row, weight)
            if place == 0:
                finals.append((start, words))
    known = LookedUp(_KNOWN, passages.words)
    traits = [known.traits(start, words) for start, words in finals]
    return bags_of(known.numbers, passages, len(prompts)), traits


def _in_c() -> Read | None:
    """The extension's reading, where it was built."""
    if _reader is None:
        return None
    if _reader.EDITION != EDITION:
        raise ImportError(
            f"classifiers/_reader was built for edition {_reader.EDITION} of the features, and the "
            f"source beside it is of edition {EDITION}. Build it anew: pip install --editable ."
        )
    known = _reader.Reader(KNOWN_WORDS, WEIGHT_OF, len(COUNTED))

    def read(prompts: list[list[Passage]]) -> tuple[Bags, list[Traits]]:
        rows = len(prompts)
        words, pairs, traits = known.read(prompts)
        return (*_bag(rows, *words), *_bag(rows, *pairs)), traits

    return read


def _bag(rows: int, width: int, numbers: bytes, weights: bytes) -> tuple[Numbers, Weights]:
    return (
        np.frombuffer(numbers, np.int32).reshape(rows, width),
        np.frombuffer(weights, np.float32).reshape(rows, width),
    )


_COMPILED: Final = _in_c()
READ: Final = _COMPILED or read_in_python
READS_IN: Final = "c" if _COMPILED else "python"
