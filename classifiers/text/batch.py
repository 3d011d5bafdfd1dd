"""What a reading of prompts takes and gives."""

from collections.abc import Callable
from typing import NamedTuple

from classifiers.text.bag import Numbers, Weights
from classifiers.text.feature_table import Around

Passage = tuple[str, int]  # a text, and the weight of each of its words in twentieths
Opened = tuple[list[Passage], Around]  # the passages to read, the final text first


class Batch(NamedTuple):
    """Numbers int32 and weights float32 [B, T], lexical features float32 [B, F].

    Every number stands once in its row; its weight grows with the logarithm of how often it was
    there. Rows are padded with number 0 and weight 0.
    """

    words: Numbers
    word_weights: Weights
    pairs: Numbers
    pair_weights: Weights
    lexical: Weights


Read = Callable[[list[Opened]], Batch]
