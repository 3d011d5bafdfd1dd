"""Prompts to numbers in Python: the definition, and what runs where no C compiler was at hand."""

import re
import struct
from collections.abc import Callable, Iterable, Sequence
from math import log1p
from operator import call, itemgetter, truediv
from typing import Any, Final

import numpy as np

from classifiers.text.bag import MAX_WORDS, Passages, bags_of
from classifiers.text.batch import Batch, Opened, Read
from classifiers.text.feature_table import ONE, Around, FeatureTable, Scale
from classifiers.text.words import KnownWords, LookedUp, words_of

_SCALED: Final[dict[Scale, Callable[[float], float]]] = {
    Scale.SHARE: float,
    Scale.LOG: log1p,
    Scale.FLAG: (0.0).__lt__,
}
_FIRST_CLASS: Final = 2  # of the table's; 0 is none, 1 long words


def python_reader(table: FeatureTable) -> Read:
    """Read opened prompts into padded batches, with the lexical features of `table`."""
    known = KnownWords(_classes_of(table.words.values()))
    measures, features = _Measures(table), _Features(table)
    classes = _FIRST_CLASS + len(table.words)
    row = struct.Struct(f"={len(table.features)}f")

    def read(prompts: list[Opened]) -> Batch:
        passages, finals = _passages(prompts)
        looked_up = LookedUp(known, passages.words)
        rows = []
        for (texts, around), (start, words) in zip(prompts, finals, strict=True):
            counts = looked_up.counts(start, start + len(words), classes)
            values = measures.of(texts[0][0], words, counts, around)
            rows.append(row.pack(*features.of(values)))
        lexical = np.frombuffer(b"".join(rows), np.float32)
        return Batch(
            *bags_of(looked_up.numbers, passages, len(prompts)),
            lexical.reshape(len(prompts), len(table.features)),
        )

    return read


def _passages(prompts: list[Opened]) -> tuple[Passages, list[tuple[int, list[str]]]]:
    """The words of all passages; of each prompt the words of its final text and their place."""
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
    return passages, finals


def _classes_of(classes: Iterable[frozenset[str]]) -> dict[str, tuple[int, ...]]:
    """Word to the numbers of its classes, by their place in the table."""
    numbers: dict[str, tuple[int, ...]] = {}
    for number, words in enumerate(classes, _FIRST_CLASS):
        for word in words:
            numbers[word] = (*numbers.get(word, ()), number)
    return numbers


class _Measures:
    """Counts what the table names, in the order of its layout."""

    def __init__(self, table: FeatureTable) -> None:
        place = {name: index for index, name in enumerate(table.layout())}
        self._coded = [one.read for one in table.coded]
        self._classes = slice(_FIRST_CLASS, _FIRST_CLASS + len(table.words))
        self._characters = [_character_counter(ranges) for ranges in table.characters.values()]
        self._phrases = list(table.phrases.values())
        self._sums = [
            [(place[name], factor) for name, factor in terms.items()]
            for terms in table.sums.values()
        ]
        self._conditions = [
            [(place[one.measure], place[one.per], one.least, one.most) for one in bounds]
            for bounds in table.conditions.values()
        ]

    def of(
        self, text: str, words: Sequence[str], counts: Sequence[int], around: Around
    ) -> list[int]:
        """All measures; `counts`: how many of the words are in each class."""
        ascii_text = text.encode("ascii", "ignore")
        foreign = "" if len(ascii_text) == len(text) else text
        values = [1, *around, len(text), len(words), len(set(words)), counts[1]]
        for read in self._coded:
            values += read(text)
        values += counts[self._classes]
        values += [count(ascii_text, foreign) for count in self._characters]
        values += [
            sum([text.count(phrase) for phrase in phrases if phrase[0] in text])
            for phrases in self._phrases
        ]
        values += [
            max(0, sum([values[index] * factor for index, factor in terms])) for terms in self._sums
        ]
        for bounds in self._conditions:
            values.append(
                all(
                    least <= values[index] / (values[per] or 1) <= most
                    for index, per, least, most in bounds
                )
            )
        return values


def _character_counter(ranges: Sequence[tuple[int, int]]) -> Callable[[bytes, str], int]:
    """Counts characters in ranges: of the ASCII in a text, and of the text if it is not all of it.

    Runs are found with a regular expression, and ASCII is counted by leaving it out.
    """
    members = bytes(sorted({c for low, high in ranges for c in range(low, min(high, 127) + 1)}))
    beyond = [(max(low, 128), high) for low, high in ranges if high > 127]
    runs = "".join(f"{re.escape(chr(low))}-{re.escape(chr(high))}" for low, high in beyond)
    find = re.compile(f"[{runs}]+").findall if beyond else None

    def count(ascii_text: bytes, foreign: str) -> int:
        number = len(ascii_text) - len(ascii_text.translate(None, members)) if members else 0
        if find is not None and foreign:
            number += len("".join(find(foreign)))
        return number

    return count


class _Features:
    """Makes features of measures."""

    def __init__(self, table: FeatureTable) -> None:
        place = {name: index for index, name in enumerate(table.layout())}
        features = table.features
        below = sorted({feature.per for feature in features})
        self._measures = _getter([place[feature.measure] for feature in features])
        self._below = _getter([place[name] for name in below])
        self._pers = _getter([below.index(feature.per) for feature in features])
        self._scaled = [_SCALED[feature.scale] for feature in features]
        self._waiting: dict[int, list[int]] = {}  # place of a measure -> features that wait for it
        for index, feature in enumerate(features):
            if feature.when != ONE:
                self._waiting.setdefault(place[feature.when], []).append(index)

    def of(self, values: Sequence[int]) -> list[float]:
        """One number a feature."""
        pers = self._pers([value or 1 for value in self._below(values)])
        features = list(map(call, self._scaled, map(truediv, self._measures(values), pers)))
        for measure, waiting in self._waiting.items():
            if not values[measure]:
                for index in waiting:
                    features[index] = 0.0
        return features


def _getter(places: Sequence[int]) -> Callable[[Sequence[int]], tuple[int, ...]]:
    """Takes the values at these places, one or many."""
    if len(places) == 1:
        return lambda values: (values[places[0]],)
    getter: Any = itemgetter(*places)
    return getter  # type: ignore[no-any-return]
