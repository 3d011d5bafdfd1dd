"""Prompts to numbers in C: hands the table of lexical features to the extension."""

from itertools import chain
from typing import Any, Final

import numpy as np

from classifiers.text.bag import WEIGHT_OF, Numbers, Weights
from classifiers.text.batch import Batch, Opened, Read
from classifiers.text.feature_table import AROUND, Coded, FeatureTable

try:
    from classifiers import _reader
except ImportError:
    _reader = None  # type: ignore[assignment]

INTERFACE: Final = 4  # of the extension: rises whenever it takes or gives something else


def native_reader(table: FeatureTable) -> Read | None:
    """What python_reader computes, in a third of the time; None where the extension was not built.

    Raises ImportError for an extension built from other sources, ValueError for a table that is
    larger than it can hold.
    """
    if _reader is None:
        return None
    if _reader.INTERFACE != INTERFACE:
        raise ImportError(
            f"classifiers/_reader was built with interface {_reader.INTERFACE}, and the source "
            f"beside it is of interface {INTERFACE}. Build it anew: pip install --editable ."
        )
    given = tuple(one for one in table.coded if not set(one.names) <= set(_reader.CODED))
    reader = _reader.Reader(WEIGHT_OF, *_handed_over(table, given))
    width = len(table.features)

    def read(prompts: list[Opened]) -> Batch:
        rows = len(prompts)
        words, pairs, lexical = reader.read(_with_given(prompts, given) if given else prompts)
        features = np.frombuffer(lexical, np.float32).reshape(rows, width)
        return Batch(*_bag(rows, *words), *_bag(rows, *pairs), features)

    return read


def _with_given(prompts: list[Opened], given: tuple[Coded, ...]) -> list[Opened]:
    """The prompts, with the coded measures that the extension has no twin of beside their text."""
    return [
        (texts, (*around, *chain.from_iterable(one.read(texts[0][0]) for one in given)))
        for texts, around in prompts
    ]


def _bag(rows: int, width: int, numbers: bytes, weights: bytes) -> tuple[Numbers, Weights]:
    return (
        np.frombuffer(numbers, np.int32).reshape(rows, width),
        np.frombuffer(weights, np.float32).reshape(rows, width),
    )


def _handed_over(table: FeatureTable, given: tuple[Coded, ...]) -> tuple[Any, ...]:
    """The table in places of the layout, as `Reader` of _reader.pyi takes it."""
    names = table.layout(given)
    place = {name: index for index, name in enumerate(names)}
    words: dict[str, bytes] = {}
    for name, members in table.words.items():
        for word in members:
            words[word] = words.get(word, b"") + bytes([place[name]])
    return (
        (len(names), len(AROUND) + sum(len(one.names) for one in given)),
        [place.get(name, -1) for name in _reader.CODED],
        words,
        [(place[name], low, high) for name, ends in table.characters.items() for low, high in ends],
        sorted(
            [(text, place[name]) for name, texts in table.phrases.items() for text in texts],
        ),
        [
            (place[name], place[measure], factor)
            for name, terms in table.sums.items()
            for measure, factor in terms.items()
        ],
        [
            (place[name], place[one.measure], place[one.per], one.least, one.most)
            for name, bounds in table.conditions.items()
            for one in bounds
        ],
        [
            (place[one.measure], place[one.per], place[one.when], one.scale)
            for one in table.features
        ],
    )
