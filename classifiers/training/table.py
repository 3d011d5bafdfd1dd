"""The word table: a static vector per word number, distilled from the sentence encoder."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from classifiers.text.features import FINAL_CHARS, clip
from classifiers.text.words import WORDS, number_of, words_of
from classifiers.training.teacher import Teacher, encode_sorted, teacher_folder

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, eq=False)
class WordTable:
    """int8 steps [WORDS, D] and what a step is worth per column [D]."""

    steps: NDArray[np.int8]
    step: NDArray[np.float32]


def vocabulary(texts: Sequence[str], folder: Path) -> tuple[list[str], Counter[str]]:
    """The encoder's own words and those in two or more texts; and in how many texts each is."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(set(words_of(clip(text, FINAL_CHARS))))
    pieces = json.loads((folder / "tokenizer.json").read_text("utf-8"))["model"]["vocab"]
    whole = [piece for piece in pieces if not piece.startswith(("##", "["))]
    own = {word for piece in whole for word in words_of(piece)}
    return sorted(own | {word for word, count in counts.items() if count >= 2}), counts


def distil(texts: Sequence[str], *, size: int, progress: Progress) -> WordTable:
    """Encode every word of the vocabulary, keep the `size` main directions, hash into numbers.

    Words that share a number are averaged by how often they occur. A minute or two of work.
    """
    folder = teacher_folder()
    words, counts = vocabulary(texts, folder)
    vectors = np.zeros((len(words), 384), dtype=np.float32)
    done = 0
    for rows, encoded in encode_sorted(Teacher(folder), words):
        vectors[rows] = encoded
        done += len(rows)
        progress(done, len(words))
    centred = vectors - vectors.mean(axis=0)
    _, _, directions = np.linalg.svd(centred, full_matrices=False)
    weight = np.array([counts[word] + 0.1 for word in words])
    numbers = np.array([number_of(word) for word in words])
    table = np.zeros((WORDS, size))
    total = np.zeros(WORDS)
    np.add.at(table, numbers, centred @ directions[:size].T * weight[:, None])
    np.add.at(total, numbers, weight)
    return quantised(table / np.maximum(total, 1e-9)[:, None])


def quantised(table: NDArray[np.floating]) -> WordTable:
    """Round every column to 255 steps of its own."""
    step = np.maximum(np.abs(table).max(axis=0), 1e-9) / 127
    return WordTable(np.rint(table / step).astype(np.int8), step.astype(np.float32))
