from functools import cache

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from classifiers.prompt import Prompt, PromptTurn, prompt_of_messages
from classifiers.serving import Classifier
from classifiers.text.bag import MAX_WORDS, UNIT
from classifiers.text.batch import Opened
from classifiers.text.features import encode
from classifiers.text.lexical_features import LEXICAL
from classifiers.text.python_reader import python_reader
from classifiers.text.reading import READ
from classifiers.text.words import _WORD, words_of

ANY_TEXT = st.one_of(
    st.text(max_size=400),
    st.binary(max_size=400).map(lambda raw: raw.decode("utf-8", "surrogateescape")),
    st.binary(max_size=400).map(lambda raw: raw.decode("latin-1")),
)
ROLES = st.sampled_from(["user", "assistant", "tool", "", "käse"])
PROMPTS = st.builds(
    Prompt,
    system=ANY_TEXT,
    turns=st.lists(st.builds(PromptTurn, role=ROLES, text=ANY_TEXT), max_size=6).map(tuple),
    tools=st.lists(st.text(max_size=30), max_size=4).map(tuple),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=20,
)
KNOWN_WORDS = sorted(frozenset().union(*LEXICAL.words.values()))
IN_PYTHON = python_reader(LEXICAL)
# Words that the table knows, words that repeat, signs, characters that fold, stand alone or look
# like digits or spaces and are none, and what lists, options and code begin with.
_ODD = "aZ09_ .?\t\n\0\x1c\x7f“é量가كŞİK²٣\u00a0\u2028\u3000\U0001f600\ud800"
_BEGUN = [
    "\nA. ",
    "\n (b) ",
    "\n[C] 12",
    "\n- ",
    "\n    ",
    "\n1) ",
    "\n٣. ",
    "```",
    "__",
    "? ",
    ". ",
]
WORDY = st.lists(st.sampled_from([*KNOWN_WORDS, *_ODD, *_BEGUN, " "]), max_size=200).map("".join)
PASSAGES = st.lists(
    st.tuples(st.one_of(WORDY, ANY_TEXT), st.integers(1, UNIT)), min_size=1, max_size=3
)
LARGE = st.integers(0, 10**7)
OPENED = st.tuples(PASSAGES, st.tuples(LARGE, LARGE, LARGE, LARGE))


@cache
def classifier() -> Classifier:
    return Classifier.load(device="cpu")


@given(st.lists(PROMPTS, min_size=1, max_size=4))
def test_any_bytes_give_finite_probabilities_alone_and_together(prompts: list[Prompt]) -> None:
    together = classifier().score(prompts)
    for prompt, one in zip(prompts, together, strict=True):
        alone = classifier().score([prompt])[0]
        for name, p in one.success.items():
            assert 0 < p < 1
            assert abs(p - alone.success[name]) < 1e-4


@given(PROMPTS)
def test_reading_is_deterministic_and_bounded(prompt: Prompt) -> None:
    one, again = encode([prompt]), encode([prompt])
    assert np.array_equal(one.lexical, again.lexical)
    assert np.array_equal(one.words, again.words)
    assert np.abs(one.lexical).max(initial=0) < 50


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=200))
def test_splitting_ascii_says_what_the_regular_expression_says(text: str) -> None:
    flat = text.lower().translate(str.maketrans("123456789", "000000000"))
    assert words_of(text) == _WORD.findall(flat)


@given(st.lists(OPENED, min_size=1, max_size=4))
@example([([("a b " * MAX_WORDS, 3), ("never read", 20)], (9, 0, 1, 0)), ([("", 20)], (0,) * 4)])
def test_reading_in_c_gives_every_number_that_reading_in_python_gives(
    prompts: list[Opened],
) -> None:
    for result, expected in zip(READ(prompts), IN_PYTHON(prompts), strict=True):
        assert result.dtype == expected.dtype
        assert np.array_equal(result, expected)


@given(JSON, JSON)
def test_no_json_breaks_the_reading_of_messages(messages: object, tools: object) -> None:
    prompt_of_messages(messages, tools)
