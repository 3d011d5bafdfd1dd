"""The reading of a prompt as plainly as it can be said: slow, and the promise the quick one keeps.

Words by the regular expression or by setting spaces, counts by Counter, sums as exact fractions.
The shipped artifact was trained on these very numbers.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from math import log, log1p
from zlib import crc32

import numpy as np

from classifiers.prompt import Prompt
from classifiers.text.bag import PAIRS
from classifiers.text.vocabulary import COUNTED, CUES, PRESENT
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


def plain_reading(prompt: Prompt) -> tuple[Row, Row, list[float]]:
    """Weight by word number, weight by pair number, hand features; rounded to 32 bits."""
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
    hand = plain_hand(prompt, text, len(final), parts[0][0])
    pairs = [([*pairs_of(words)], weight) for words, weight in parts]
    numbers = [([number(word) for word in words], weight) for words, weight in parts]
    return bag(numbers), bag(pairs), [float(np.float32(value)) for value in hand]


def plain_words(text: str) -> list[str]:
    """Words, lower case, digits as zeros."""
    flat = text.lower().translate(DIGITS)
    if not flat.isascii():
        return WORD.findall(flat)
    return "".join(f" {char} " if char in SIGNS else char for char in flat).split()


def plain_hand(prompt: Prompt, text: str, chars: int, words: Sequence[str]) -> list[float]:
    """The hand features, one question after the other."""
    count, size = max(len(words), 1), max(len(text), 1)
    kind_of = {word: kind for kind, members in COUNTED.items() for word in members}
    kinds = Counter(kind_of.get(word) for word in words)
    found = [kinds[kind] for kind in COUNTED]
    *options, spread = plain_options(text)
    sentences = text.count(". ") + text.count("? ") + text.count("\n") + 1
    list_lines = text.count("\n- ") + text.count("\n* ") + text.count("\n - ")
    end = text[-8:].rstrip()
    return [
        log1p(chars),
        log1p(len(words)),
        log1p(text.count("\n")),
        log1p(len(text) / count),
        len(set(words)) / count,
        sum("A" <= char <= "Z" for char in text) / size,
        sum(char > "\x7f" for char in text) / size,
        len(re.findall(r"[\u2e80-\u9fff\uac00-\ud7af]", text)) / size,
        len(re.findall(r"[\u0590-\u08ff\ufb1d-\ufefc]", text)) / size,
        *options,
        float("```" in text),
        log1p(text.count("__")),
        log1p(list_lines),
        log1p(len(re.findall(r"\n\d+[.)] ", text))),
        log1p(text.count("\n    ") + text.count("\n\t")),
        log1p(len(words) / sentences),
        sum(len(word) >= 10 for word in words) / count,
        spread,
        log1p(text.count(". ")),
        float(end.endswith("?")),
        float(end.endswith(":")),
        float(text[:1].islower()),
        log1p(len(prompt.system)),
        log1p(len(prompt.turns)),
        log1p(len(prompt.tools)),
        float(chars > len(text)),
        *[log1p(one) for one in found],
        *[one / count for one in found],
        *[float(bool(group & set(words))) for group in PRESENT.values()],
        *plain_problem(text, words, kinds, bool(options[0])),
    ]


def plain_problem(
    text: str, words: Sequence[str], kinds: Counter[str | None], options: bool
) -> list[float]:
    """What is counted in word problems alone."""
    numbers = kinds["digit"] + kinds["number"] + kinds["long_number"]
    foreign = sum(char > "\x7f" for char in text)
    told = [
        len(words) >= 16,
        text.count("\n") <= 3,
        foreign / max(len(text), 1) <= 0.1,
        kinds["keyword"] <= 2,
        numbers >= 2,
        kinds["operator"] == 0,
        not re.search(r"\\|\$([^0-9.]|\.[^0-9]|\.?\Z)", text),
        not options,
    ]
    cues = [sum(word in group for word in words) for group in CUES.values()]
    asked = any(cues) or not PRESENT["asks_how_many"].isdisjoint(words)
    if not all(told) or not asked:
        return [0.0] * (4 + len(CUES))
    return [1.0, *[log1p(count) for count in (len(text), len(words), numbers, *cues)]]


def plain_options(text: str) -> tuple[float, ...]:
    """Answer options: count, mean length, share of numbers, question, spread of length."""
    options = OPTION.findall(text) if "\n" in text else []
    if not options:
        return 0.0, 0.0, 0.0, log1p(len(text)), 0.0
    sizes = [len(option) for option in options]
    numeric = sum(body[:1].isdigit() or body[1:2].isdigit() for body in options)
    return (
        log1p(len(options)),
        log1p(sum(sizes) / len(options)),
        numeric / len(options),
        log1p(max(len(text) - sum(sizes) - 4 * len(options), 0)),
        log1p(max(sizes) - min(sizes)),
    )


def context(prompt: Prompt, last: int) -> list[tuple[str, Fraction]]:
    """The other texts with their weights, nearest first."""
    turns = prompt.turns[max(0, last - 4) : last]
    found = [
        (cut(turn.text, 1000), USER if turn.role == "user" else OTHER) for turn in reversed(turns)
    ]
    found.append((cut(prompt.system, 500), OTHER))
    found.append((cut(" ".join(prompt.tools), 500), OTHER))
    return found


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
