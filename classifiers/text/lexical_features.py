"""Hand features: what a person would notice about a prompt before reading it.

Counts and shares, taken on the (already cut) final message and its words. All are bounded by
construction or by a logarithm, so that no input gives an infinite or absurd number. What the tables
say of a word is packed and remembered with the word, so that counting kinds is counting bytes.
Regular expressions begin with a line's end, which is rare, because a prompt of 1 KB has to be read
in a fraction of 0.1 ms.
"""

import re
from collections.abc import Sequence
from itertools import repeat
from math import log1p
from operator import truediv
from string import ascii_uppercase
from typing import Final

from classifiers.text.vocabulary import COUNTED, CUES, PRESENT

_UPPER: Final = ascii_uppercase.encode()
# A line that begins "A." or "(B)", and what follows. Blank lines before it are not looked over:
# a match at the last line's end says the same, and three thousand of them cost no more than three.
_OPTION: Final = re.compile(r"\n[^\S\n]*[(\[]?[A-J][.):\]]\s*(.*)")
_LINE: Final = re.compile(r"\n(- |\* | - |    |\t|\d+[.)] )")
_LIST: Final = frozenset({"- ", "* ", " - "})
_INDENT: Final = frozenset({"    ", "\t"})
_HAN_OR_ARABIC: Final = re.compile(r"[\u0590-\u08ff\u2e80-\u9fff\uac00-\ud7af\ufb1d-\ufefc]+")
_ARABIC: Final = re.compile(r"[\u0590-\u08ff\ufb1d-\ufefc]+")

_SEVEN: Final = tuple(  # seven bits of PRESENT, the lowest first, as features
    tuple(float(bits >> place & 1) for place in range(7)) for bits in range(1 << 7)
)
_LOG: Final = tuple(log1p(count) for count in range(1025))  # of counts of words

# A word problem: arithmetic told in words, without formulas, code, answer options, foreign letters;
# it asks how many or how much, or holds a cue.
_LEAST_WORDS: Final = 16
_LEAST_NUMBERS: Final = 2
_MOST_LINES: Final = 3
_MOST_KEYWORDS: Final = 2
_MOST_FOREIGN: Final = 0.1  # share of letters
_NUMBERS: Final = slice(list(COUNTED).index("digit"), list(COUNTED).index("long_number") + 1)
_KEYWORD: Final = list(COUNTED).index("keyword")
_OPERATOR: Final = list(COUNTED).index("operator")
_ASKS: Final = 1 << list(PRESENT).index("asks_how_many")
_LATEX: Final = re.compile(r"\\|\$(?!\.?[0-9])")  # a dollar sign before a number is money

# Zero, all of them, for what is no word problem.
PROBLEM_FEATURES: Final = (
    "word_problem",
    "problem_log_chars",
    "problem_log_words",
    "problem_log_numbers",
    *(f"problem_log_{cue}" for cue in CUES),
)
_NO_PROBLEM: Final = (0.0,) * len(PROBLEM_FEATURES)
HAND_FEATURES: Final = (
    "log_chars",
    "log_words",
    "log_lines",
    "log_chars_per_word",
    "distinct_share",
    "upper_share",
    "non_ascii_share",
    "han_share",
    "arabic_share",
    "log_options",
    "log_option_chars",
    "numeric_option_share",
    "log_stem_chars",
    "code_fence",
    "log_blanks",
    "log_list_lines",
    "log_numbered_lines",
    "log_indented_lines",
    "log_words_per_sentence",
    "long_word_share",
    "log_option_spread",
    "log_sentences",
    "ends_with_question",
    "ends_with_colon",
    "starts_lower",
    "log_system",
    "log_turns",
    "log_tools",
    "was_cut",
    *(f"log_{kind}" for kind in COUNTED),
    *(f"{kind}_share" for kind in COUNTED),
    *PRESENT,
    *PROBLEM_FEATURES,
)


# What the tables say of the words of a text, of which there are a thousand at most: words, distinct
# ones, long ones, one bit for each of PRESENT (the first lowest), words of each kind of COUNTED,
# words of each of CUES.
Traits = tuple[int, int, int, int, list[int], list[int]]
# The length of the final text before it was cut, that of the system prompt, and how many turns and
# tools there are.
Around = tuple[int, int, int, int]


def hand_features(text: str, traits: Traits, around: Around) -> list[float]:
    """One number per name in HAND_FEATURES."""
    chars, system, turns, tools = around
    words, distinct, long, present, counts, cues = traits
    count = words or 1
    lines, stops = text.count("\n"), text.count(". ")
    asked = text.count("? ") if "?" in text else 0
    *options, spread = _options(text, lines)
    letters = _letters(text)
    told = not options[0] and _is_told(text, lines, letters[1], traits)
    return [
        log1p(chars),
        _LOG[words],
        log1p(lines),
        log1p(len(text) / count),
        distinct / count,
        *letters,
        *options,
        float("`" in text and "```" in text),
        log1p(text.count("__")) if "_" in text else 0.0,
        *_lines(text, lines),
        log1p(words / (stops + asked + lines + 1)),
        long / count,
        spread,
        log1p(stops),
        *_edges(text),
        log1p(system),
        log1p(turns),
        log1p(tools),
        float(chars > len(text)),
        *map(_LOG.__getitem__, counts),
        *map(truediv, counts, repeat(count)),
        *_SEVEN[present & 127],
        *_SEVEN[present >> 7 & 127],
        *_SEVEN[present >> 14],
        *(_problem(text, words, counts, cues) if told else _NO_PROBLEM),
    ]


def _is_told(text: str, lines: int, foreign: float, traits: Traits) -> bool:
    """Whether a text without answer options is a word problem."""
    words, _, _, present, counts, cues = traits
    return (
        words >= _LEAST_WORDS
        and lines <= _MOST_LINES
        and foreign <= _MOST_FOREIGN
        and counts[_OPERATOR] == 0
        and counts[_KEYWORD] <= _MOST_KEYWORDS
        and sum(counts[_NUMBERS]) >= _LEAST_NUMBERS
        and bool(present & _ASKS or any(cues))
        and not _LATEX.search(text)
    )


def _problem(
    text: str, words: int, counts: Sequence[int], cues: Sequence[int]
) -> tuple[float, ...]:
    """The features of a word problem."""
    numbers = sum(counts[_NUMBERS])
    return (1.0, log1p(len(text)), _LOG[words], _LOG[numbers], *map(_LOG.__getitem__, cues))


def _letters(text: str) -> tuple[float, float, float, float]:
    """Shares of upper case, non-ASCII, Chinese-Japanese-Korean and Arabic-Hebrew letters."""
    size = len(text) or 1
    letters = text.encode("ascii", "ignore")
    upper = (len(letters) - len(letters.translate(None, _UPPER))) / size
    if len(letters) == len(text):
        return upper, 0.0, 0.0, 0.0
    foreign = (len(text) - len(letters)) / size
    counted = "".join(_HAN_OR_ARABIC.findall(text))
    if not counted:
        return upper, foreign, 0.0, 0.0
    arabic = len("".join(_ARABIC.findall(counted)))
    return upper, foreign, (len(counted) - arabic) / size, arabic / size


def _lines(text: str, lines: int) -> tuple[float, float, float]:
    """List lines, numbered lines, indented lines."""
    begun = _LINE.findall(text) if lines else ()
    if not begun:
        return 0.0, 0.0, 0.0
    listed = len([start for start in begun if start in _LIST])
    indented = len([start for start in begun if start in _INDENT])
    return log1p(listed), log1p(len(begun) - listed - indented), log1p(indented)


def _options(text: str, lines: int) -> tuple[float, float, float, float, float]:
    """Answer options "A. ...": count, mean length, share of numbers, question, spread of length."""
    options = _OPTION.findall(f"\n{text}") if lines else ()
    if not options:
        return 0.0, 0.0, 0.0, log1p(len(text)), 0.0
    sizes = list(map(len, options))
    total = sum(sizes)
    numeric = sum([body[:1].isdigit() or body[1:2].isdigit() for body in options])
    stem = max(len(text) - total - 4 * len(options), 0)
    return (
        log1p(len(options)),
        log1p(total / len(options)),
        numeric / len(options),
        log1p(stem),
        log1p(max(sizes) - min(sizes)),
    )


def _edges(text: str) -> tuple[float, float, float]:
    """Ends with a question mark, ends with a colon, starts in lower case."""
    end = text[-8:].rstrip()
    return float(end[-1:] == "?"), float(end[-1:] == ":"), float(text[:1].islower())
