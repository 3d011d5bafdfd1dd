"""Whatever stands in a table of lexical features: C, Python and the plain reading say the same."""

from dataclasses import replace

import numpy as np
import pytest
from classifier_reference import plain_features, plain_words
from hypothesis import given
from hypothesis import strategies as st
from test_classifier_input import ANY_TEXT, WORDY

from classifiers.text.batch import Read
from classifiers.text.feature_table import AROUND, Bound, Coded, Feature, FeatureTable, Scale
from classifiers.text.lexical_features import LEXICAL
from classifiers.text.native_reader import native_reader
from classifiers.text.python_reader import python_reader

TEXTS = st.one_of(WORDY, ANY_TEXT)
CHARACTERS = st.one_of(st.integers(0, 127), st.integers(0, 0x10FFFF))
RANGES = st.lists(CHARACTERS, max_size=6, unique=True).map(
    lambda ends: tuple(zip(sorted(ends)[::2], sorted(ends)[1::2], strict=False))
)
PHRASES = st.text("ab. \n-_$", min_size=1, max_size=4)
MEMBERS = st.frozensets(st.sampled_from(["the", "x", "0", "?", "größe", "量", "polynomial"]))
SHOUTS = Coded(("shouts", "dashes"), lambda text: (text.count("!"), text.count("–")))
COUNTED = ("shouts", "dashes", "class", "class 2", "range", "phrase", *AROUND, "words", "length")


def measures(draw: st.DrawFn, of: tuple[str, ...]) -> dict[str, int]:
    return draw(st.dictionaries(st.sampled_from(of), st.integers(-3, 3), min_size=1, max_size=4))


@st.composite
def tables(draw: st.DrawFn) -> FeatureTable:
    """Tables with a row of every kind, one of which the extension has no twin of."""
    sums = {"sum": measures(draw, COUNTED)}
    numbers = st.floats(-2, 50)
    name = st.sampled_from((*COUNTED, "sum"))
    bounds = draw(st.lists(st.builds(Bound, name, numbers, numbers, name), min_size=1, max_size=3))
    kinds = st.builds(
        Feature,
        st.just(""),
        st.sampled_from((*COUNTED, "sum", "condition")),
        st.sampled_from(Scale),
        name,
        st.sampled_from((*COUNTED, "condition")),
    )
    features = draw(st.lists(kinds, min_size=1, max_size=6))
    return FeatureTable(
        coded=draw(st.sampled_from([(SHOUTS,), (SHOUTS, *LEXICAL.coded)])),
        words={"class": draw(MEMBERS), "class 2": draw(MEMBERS)},
        characters={"range": draw(RANGES)},
        phrases={"phrase": tuple(draw(st.lists(PHRASES, max_size=4)))},
        sums=sums,
        conditions={"condition": tuple(bounds)},
        features=tuple(replace(one, name=str(index)) for index, one in enumerate(features)),
    )


@given(tables(), TEXTS, st.tuples(*[st.integers(0, 10**6)] * len(AROUND)))
def test_a_table_reads_the_same_in_c_in_python_and_plainly(
    table: FeatureTable, text: str, around: tuple[int, ...]
) -> None:
    expected = list(plain_features(table, text, plain_words(text)[:768], around).values())
    for read in (python_reader(table), native_reader(table)):
        if read is not None:
            assert read([([(text, 20)], around)]).lexical.tolist() == [expected]


def reader_of(table: FeatureTable) -> Read:
    return native_reader(table) or python_reader(table)


def test_a_feature_is_a_row_in_the_table() -> None:
    polite = frozenset({"please", "thanks", "kindly"})
    table = replace(
        LEXICAL,
        words={**LEXICAL.words, "polite": polite},
        features=(*LEXICAL.features, Feature("log_polite", "polite", Scale.LOG)),
    )
    lexical = reader_of(table)([([("Please, 2 + 2? Thanks!", 20)], (22, 0, 1, 0))]).lexical
    assert lexical[0, -1] == np.float32(np.log1p(2))


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"features": (Feature("a", "no such measure", Scale.LOG),)}, "no such measure"),
        ({"features": (Feature("a", "words", Scale.LOG),) * 2}, "features of one name: a"),
        ({"words": {"length": frozenset("a")}}, "measures of one name: length"),
        ({"sums": {"sum": {"sum": 1}}}, "does not hold: sum"),
        ({"phrases": {"phrase": ("é",)}}, "ASCII"),
        ({"conditions": {"condition": ()}}, "bound"),
        ({"characters": {"vowels": ((97, 101), (101, 105))}}, "overlap"),
        ({"characters": {"vowels": ((101, 97),)}}, "upwards"),
    ],
)
def test_a_table_that_makes_no_sense_is_refused(wrong: dict[str, object], why: str) -> None:
    empty = FeatureTable(
        coded=(), words={}, characters={}, phrases={}, sums={}, conditions={}, features=()
    )
    with pytest.raises(ValueError, match=why):
        replace(empty, **wrong)


def test_a_table_larger_than_the_extension_can_hold_is_refused() -> None:
    words = {f"class {number}": frozenset({"word"}) for number in range(9)}
    table = replace(LEXICAL, words={**LEXICAL.words, **words})
    with pytest.raises(ValueError, match="classes"):
        reader_of(table)
