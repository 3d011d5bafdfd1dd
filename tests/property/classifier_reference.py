"""The reading of a prompt as plainly as it can be said: slow, and the promise the quick one keeps.

Words by the regular expression or by setting spaces, counts by Counter, sums as exact fractions;
measures and features by name, as the table has them. What the table leaves to code is said once
more here; a coded measure without a second saying is asked of its own function.
"""

import re
from collections import Counter
from collections.abc import Container, Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from math import log, log1p
from zlib import crc32

import numpy as np

from classifiers.prompt import Prompt
from classifiers.text.bag import PAIRS
from classifiers.text.feature_table import FeatureTable, Scale
from classifiers.text.lexical_features import LEXICAL
from classifiers.text.words import WORDS

WORD = re.compile(
    r"[\u2e80-\u9fff\uac00-\ud7af]|[^\W_\u2e80-\u9fff\uac00-\ud7af]+|[^\w\s]|_", re.UNICODE
)
DIGITS = str.maketrans("123456789", "000000000")
SIGNS = set("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")
OPTION = re.compile(r"^\s*[(\[]?[A-J][.):\]]\s*(.*)$", re.MULTILINE)
USER, OTHER = Fraction(1, 2), Fraction(3, 20)

Row = dict[int, float]
Part = tuple[list[str], Fraction]


def plain_reading(
    prompt: Prompt, table: FeatureTable = LEXICAL
) -> tuple[Row, Row, dict[str, float]]:
    """Weight by word number, weight by pair number, features by name; rounded to 32 bits."""
    users = [index for index, turn in enumerate(prompt.turns) if turn.role == "user"]
    last = users[-1] if users else len(prompt.turns) - 1
    final = prompt.turns[last].text if prompt.turns else prompt.system
    text = cut(final, 4000)
    parts: list[Part] = [(plain_words(text)[:768], Fraction(1))]
    room = 768 - len(parts[0][0])
    for other, weight in context(prompt, max(last, 0)):
        words = plain_words(other)[:room]
        room -= len(words)
        parts.append((words, weight))
    around = (len(final), len(prompt.system), len(prompt.turns), len(prompt.tools))
    lexical = plain_features(table, text, parts[0][0], around)
    pairs = [([*pairs_of(words)], weight) for words, weight in parts]
    numbers = [([number(word) for word in words], weight) for words, weight in parts]
    return bag(numbers), bag(pairs), lexical


def plain_words(text: str) -> list[str]:
    """Words, lower case, digits as zeros."""
    flat = text.lower().translate(DIGITS)
    if not flat.isascii():
        return WORD.findall(flat)
    return "".join(f" {char} " if char in SIGNS else char for char in flat).split()


def plain_features(
    table: FeatureTable, text: str, words: Sequence[str], around: Sequence[int]
) -> dict[str, float]:
    """The features, one row of the table after the other."""
    measured = plain_measures(table, text, words, around)
    features = {}
    for row in table.features:
        share = measured[row.measure] / max(measured[row.per], 1) if measured[row.when] else 0.0
        scaled = {Scale.SHARE: share, Scale.LOG: log1p(share), Scale.FLAG: float(share > 0)}
        features[row.name] = float(np.float32(scaled[row.scale]))
    return features


def plain_measures(
    table: FeatureTable, text: str, words: Sequence[str], around: Sequence[int]
) -> dict[str, float]:
    """The measures, one question after the other."""
    result: dict[str, float] = dict(
        zip(("one", "chars", "system_chars", "turns", "tools"), (1, *around), strict=True)
    )
    result |= {"length": len(text), "words": len(words), "distinct": len(set(words))}
    result["long_words"] = sum(len(word) >= 10 for word in words)
    for coded in table.coded:
        result |= zip(coded.names, coded.read(text), strict=True)
    result |= plain_coded(text, result)
    for name, members in table.words.items():
        result[name] = sum(word in members for word in words)
    for name, ranges in table.characters.items():
        result[name] = sum(any(low <= ord(c) <= high for low, high in ranges) for c in text)
    for name, phrases in table.phrases.items():
        result[name] = sum(text.count(phrase) for phrase in phrases)
    sums = {
        name: max(sum(result[term] * factor for term, factor in terms.items()), 0)
        for name, terms in table.sums.items()
    }
    result |= sums
    conditions = {
        name: all(
            one.least <= result[one.measure] / max(result[one.per], 1) <= one.most for one in bounds
        )
        for name, bounds in table.conditions.items()
    }
    return result | conditions


def plain_coded(text: str, asked: Container[str]) -> dict[str, float]:
    """What the shipped table leaves to code."""
    options = OPTION.findall(text) if "\n" in text else []
    sizes = [len(option) for option in options] or [0]
    end = text[-8:].rstrip()
    coded = {
        "options": len(options),
        "option_chars": sum(sizes),
        "numeric_options": sum(body[:1].isdigit() or body[1:2].isdigit() for body in options),
        "longest_option": max(sizes),
        "shortest_option": min(sizes),
        "numbered_lines": len(re.findall(r"\n\d+[.)] ", text)),
        "formulas": bool(re.search(r"\\|\$([^0-9.]|\.[^0-9]|\.?\Z)", text)),
        "ends_with_question": end.endswith("?"),
        "ends_with_colon": end.endswith(":"),
        "starts_lower": text[:1].islower(),
    }
    return {name: value for name, value in coded.items() if name in asked}


def context(prompt: Prompt, last: int) -> list[tuple[str, Fraction]]:
    """The other texts with their weights, nearest first."""
    turns = prompt.turns[max(0, last - 4) : last]
    result = [
        (cut(turn.text, 1000), USER if turn.role == "user" else OTHER) for turn in reversed(turns)
    ]
    result.append((cut(prompt.system, 500), OTHER))
    result.append((cut(" ".join(prompt.tools), 500), OTHER))
    return result


def bag(parts: Sequence[tuple[Sequence[int], Fraction]]) -> Row:
    """Distinct numbers in order, with 1 + log of the weighted count (the count itself below 1)."""
    total: Counter[int] = Counter()
    for numbers, weight in parts:
        for one in numbers:
            total[one] += weight  # type: ignore[assignment]
    weights = {one: float(total[one]) for one in sorted(total)}
    return {
        one: float(np.float32(weight if weight < 1 else 1 + log(weight)))
        for one, weight in weights.items()
    }


def number(word: str) -> int:
    """The number of a word."""
    return crc32(word.encode("utf-8", "surrogatepass")) % (WORDS - 1) + 1


def pairs_of(words: Sequence[str]) -> Iterator[int]:
    """The numbers of neighbouring pairs."""
    for left, right in pairwise(words):
        yield (number(left) * 31337 + number(right)) % (1 << 32) % (PAIRS - 1) + 1


def cut(text: str, size: int) -> str:
    """Three quarters head, one quarter tail."""
    if len(text) <= size:
        return text
    return f"{text[: size - size // 4]}\n{text[-(size // 4) :]}"
