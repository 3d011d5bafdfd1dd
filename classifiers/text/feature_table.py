"""What a table of lexical features is: measures of a text, and features made of them.

A measure is a whole number counted in the final text or around it. A feature is a share of two
measures, or the logarithm of one plus it, or whether it is above zero. Both readings follow the
table: Python's (python_reader.py) and the extension's (native_reader.py), which is handed the table
when it starts. So a word class, a phrase, a range of characters, a sum, a condition or a feature is
a row of the table and nothing else. What no row can say is `Coded`: a function of the text.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from itertools import chain, pairwise
from math import inf
from typing import Final

# Measures of every prompt: how long the final text was before it was cut, how long the system
# prompt is, how many turns and tools there are. They are given beside the text.
AROUND: Final = ("chars", "system_chars", "turns", "tools")
# Measures of every final text: characters, words, distinct words, words of ten letters and more.
OF_ANY_TEXT: Final = ("length", "words", "distinct", "long_words")
ONE: Final = "one"  # the measure that is always 1

Around = tuple[int, ...]  # one for each of AROUND


class Scale(IntEnum):
    """What a feature makes of its share. The numbers are known to native/lexical_features.c."""

    SHARE = 0
    LOG = 1  # the logarithm of one plus the share
    FLAG = 2  # 1 where the share is above zero


@dataclass(frozen=True, slots=True)
class Coded:
    """Measures that a function takes of the final text, one whole number of 0 or more a name.

    The extension has twins of some (native/coded_measures.c); it is given those it lacks.
    """

    names: tuple[str, ...]
    read: Callable[[str], tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Bound:
    """A measure, over another if named, lies within bounds, both included."""

    measure: str
    least: float = -inf
    most: float = inf
    per: str = ONE


@dataclass(frozen=True, slots=True)
class Feature:
    """`measure` over `per`, scaled; 0 where the measure `when` is 0. What is over 0 is over 1."""

    name: str
    measure: str
    scale: Scale
    per: str = ONE
    when: str = ONE


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureTable:
    """Measures by name, and features in the order in which the trunk takes them.

    `words`: words of a class. `characters`: characters of these ranges, both ends included.
    `phrases`: how often any of these phrases of ASCII occurs, as `str.count` has it. `sums`: other
    measures added up, each times a factor, and no less than 0; none of them is a sum or condition.
    `conditions`: 1 where all bounds hold, else 0. Raises ValueError for a table that holds two
    measures or features of one name, or names a measure that there is not.
    """

    coded: tuple[Coded, ...]
    words: Mapping[str, frozenset[str]]
    characters: Mapping[str, tuple[tuple[int, int], ...]]
    phrases: Mapping[str, tuple[str, ...]]
    sums: Mapping[str, Mapping[str, int]]
    conditions: Mapping[str, tuple[Bound, ...]]
    features: tuple[Feature, ...]

    def __post_init__(self) -> None:
        counted = self._counted()
        _check_known(chain.from_iterable(self.sums.values()), counted)
        _check_known(self._bounded(), [*counted, *self.sums])
        measures = [*counted, *self.sums, *self.conditions]
        _check_known(self._used(), measures)
        _check_distinct("measures", measures)
        _check_distinct("features", [feature.name for feature in self.features])
        if not all(phrase.isascii() for phrase in chain.from_iterable(self.phrases.values())):
            raise ValueError("phrases are of ASCII")
        if not all(self.conditions.values()):
            raise ValueError("a condition has a bound at least")
        for ranges in self.characters.values():
            _check_apart(ranges)

    def layout(self, given: tuple[Coded, ...] = ()) -> tuple[str, ...]:
        """The names of all measures in the order of a reader to which some coded ones are given."""
        coded = [one for one in self.coded if one not in given]
        return (
            ONE,
            *AROUND,
            *chain.from_iterable(one.names for one in given),
            *OF_ANY_TEXT,
            *chain.from_iterable(one.names for one in coded),
            *self.words,
            *self.characters,
            *self.phrases,
            *self.sums,
            *self.conditions,
        )

    def _counted(self) -> list[str]:
        coded = chain.from_iterable(one.names for one in self.coded)
        tables: tuple[Mapping[str, object], ...] = (self.words, self.characters, self.phrases)
        return [ONE, *AROUND, *OF_ANY_TEXT, *coded, *chain.from_iterable(tables)]

    def _bounded(self) -> Iterator[str]:
        for bound in chain.from_iterable(self.conditions.values()):
            yield from (bound.measure, bound.per)

    def _used(self) -> Iterator[str]:
        for feature in self.features:
            yield from (feature.measure, feature.per, feature.when)


def _check_known(names: Iterator[str], measures: list[str]) -> None:
    unknown = sorted(set(names) - set(measures))
    if unknown:
        raise ValueError(f"the table names measures that it does not hold: {', '.join(unknown)}")


def _check_apart(ranges: tuple[tuple[int, int], ...]) -> None:
    ordered = sorted(ranges)
    ends = [end for pair in ordered for end in pair]
    if ends != sorted(ends) or any(one[1] == other[0] for one, other in pairwise(ordered)):
        raise ValueError("ranges of characters run upwards and do not overlap")


def _check_distinct(what: str, names: list[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"the table holds {what} of one name: {', '.join(twice)}")
